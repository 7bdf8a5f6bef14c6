//! Records inside a batch, read in place.

use super::{BatchError, BatchHeader, TimestampType};
use crate::wire::{Reader, WireError};
use model::{Offset, WallTime};

/// One record. Everything is a slice of the batch; keys of headers need not be UTF-8.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    pub offset: Offset,
    pub offset_delta: i32,
    /// Append time of the batch where the batch says so, otherwise the producer's.
    pub timestamp: WallTime,
    /// As stored, without the base timestamp.
    pub timestamp_delta: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
    /// The whole record, its length prefix included: compaction copies it where deltas stay.
    pub raw: &'a [u8],
}

impl Record<'_> {
    pub fn size_in_bytes(&self) -> usize {
        self.raw.len()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, in order, duplicates kept. They were checked when the record was read.
#[derive(Debug, Clone, Default)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Headers<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let count = reader.varint()?;
        let left = usize::try_from(count).map_err(|_| WireError::Length(i64::from(count)))?;
        let bytes = reader.rest();
        // Two bytes are the least a header takes: an absurd count ends at the bytes, not at a reservation.
        for _ in 0..left {
            read_header(reader)?;
        }
        Ok(Self { bytes: &bytes[..bytes.len() - reader.remaining()], left })
    }
}

fn read_header<'a>(reader: &mut Reader<'a>) -> Result<RecordHeader<'a>, WireError> {
    let key = reader.varint_bytes()?.ok_or(WireError::Null)?;
    Ok(RecordHeader { key, value: reader.varint_bytes()? })
}

impl<'a> Iterator for Headers<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        self.left = self.left.checked_sub(1)?;
        let mut reader = Reader::new(self.bytes);
        let header = read_header(&mut reader).ok()?;
        self.bytes = reader.rest();
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// Walks the records of a batch. Ends after the first error; a batch that passed without one has exactly the records
/// its header counts and no byte more.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    reader: Reader<'a>,
    header: BatchHeader,
    next_index: i32,
    failed: bool,
}

impl<'a> Records<'a> {
    /// Over `records`, the decompressed bytes after the header.
    pub fn new(header: BatchHeader, records: &'a [u8]) -> Self {
        Self { reader: Reader::new(records), header, next_index: 0, failed: false }
    }
}

/// The record at the front of `reader`, the one with this index in its batch.
pub(super) fn read_record<'a>(
    reader: &mut Reader<'a>,
    header: &BatchHeader,
    index: i32,
) -> Result<Record<'a>, BatchError> {
    let malformed = |source| BatchError::Record { index, source };
    let whole = reader.rest();
    let length = reader.varint().map_err(malformed)?;
    let size = usize::try_from(length).map_err(|_| malformed(WireError::Length(i64::from(length))))?;
    let prefix = whole.len() - reader.remaining();
    let mut fields = Reader::new(reader.take(size).map_err(malformed)?);
    let record = read_fields(&mut fields, header, &whole[..prefix + size]).map_err(malformed)?;
    if !fields.is_empty() {
        return Err(BatchError::RecordLength { index, length, used: fields.position() });
    }
    Ok(record)
}

fn read_fields<'a>(fields: &mut Reader<'a>, header: &BatchHeader, raw: &'a [u8]) -> Result<Record<'a>, WireError> {
    fields.i8()?; // attributes of a record: none is defined
    let timestamp_delta = fields.varlong()?;
    let offset_delta = fields.varint()?;
    Ok(Record {
        offset: Offset(header.base_offset.0.wrapping_add(i64::from(offset_delta))),
        offset_delta,
        timestamp: timestamp(header, timestamp_delta),
        timestamp_delta,
        key: fields.varint_bytes()?,
        value: fields.varint_bytes()?,
        headers: Headers::read(fields)?,
        raw,
    })
}

pub(super) fn timestamp(header: &BatchHeader, delta: i64) -> WallTime {
    match header.attributes.timestamp_type() {
        TimestampType::LogAppendTime => header.max_timestamp,
        TimestampType::CreateTime => WallTime(header.base_timestamp.0.wrapping_add(delta)),
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.next_index >= self.header.record_count {
            if self.reader.is_empty() {
                return None;
            }
            self.failed = true;
            return Some(Err(BatchError::TrailingBytes(self.reader.remaining())));
        }
        let record = read_record(&mut self.reader, &self.header, self.next_index);
        self.failed = record.is_err();
        self.next_index += 1;
        Some(record)
    }
}
