//! A batch in a buffer, and the batches of a buffer.

use super::{BatchError, BatchHeader, CRC_START, HEADER_SIZE, Outlines, Records, patch::crc32c};
use crate::compression::{Unpacker, decompress};

/// One whole batch in place.
#[derive(Debug, Clone, Copy)]
pub struct BatchView<'a> {
    pub header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the start of `bytes`; what follows it is left alone. The checksum is not checked here.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let header = BatchHeader::read(bytes)?;
        let size = header.size_in_bytes();
        match bytes.get(..size) {
            Some(bytes) => Ok(Self { header, bytes }),
            None => Err(BatchError::Truncated { needed: size, available: bytes.len() }),
        }
    }

    /// Header and records.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the header, compressed if the batch is.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_SIZE..]
    }

    pub fn check_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c(&self.bytes[CRC_START..]);
        if computed == self.header.crc {
            return Ok(());
        }
        Err(BatchError::Crc { stored: self.header.crc, computed })
    }

    /// The records. Compressed ones are unpacked into `scratch` (cleared first), at most `limit` bytes of them.
    pub fn records<'s>(&self, scratch: &'s mut Vec<u8>, limit: usize) -> Result<Records<'s>, BatchError>
    where
        'a: 's,
    {
        let compression = self.header.attributes.compression()?;
        if !self.header.attributes.is_compressed() {
            return Ok(Records::new(self.header, self.body()));
        }
        scratch.clear();
        decompress(compression, self.body(), scratch, limit)?;
        Ok(Records::new(self.header, scratch))
    }

    /// The records without what they carry. Compressed ones may unpack to at most `limit` bytes, of which few are in
    /// memory at a time.
    pub fn outlines(&self, limit: usize) -> Result<Outlines<'a>, BatchError> {
        let compression = self.header.attributes.compression()?;
        if !self.header.attributes.is_compressed() {
            return Ok(Outlines::plain(Records::new(self.header, self.body())));
        }
        Ok(Outlines::packed(self.header, Unpacker::new(compression, self.body(), limit)?))
    }
}

/// The batches of a buffer, one after the other. A cut batch at the end is reported as [`BatchError::Truncated`];
/// after any error the iteration is over.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Batches<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Where the next batch begins; after an error, where the bad one did.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.position..];
        if rest.is_empty() {
            return None;
        }
        let batch = BatchView::read(rest);
        match &batch {
            Ok(batch) => self.position += batch.bytes().len(),
            Err(_) => self.bytes = &self.bytes[..self.position],
        }
        Some(batch)
    }
}
