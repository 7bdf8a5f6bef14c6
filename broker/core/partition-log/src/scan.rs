//! Walking the batches of a segment file: headers only, or whole batches with their checksum.

use crate::{CorruptBatch, StorageError, disk::DiskFile, errors::During};
use model::{
    Offset,
    mistakes::{Mistake, is_made},
};
use protocol::record_batch::{BatchHeader, BatchView, HEADER_SIZE, LENGTH_START, LOG_OVERHEAD};

/// Read ahead when hopping from header to header: small batches come many to a read, large ones cost little extra.
const HOP_WINDOW: usize = 8 * 1024;
/// Read ahead when every byte is wanted.
const SCAN_WINDOW: usize = 1 << 20;

/// A window over a file.
#[derive(Debug)]
struct Window<'f, F> {
    file: &'f F,
    start: u64,
    bytes: Vec<u8>,
    step: usize,
}

impl<F: DiskFile> Window<'_, F> {
    /// At least `length` bytes from `position`, fewer only at `end`.
    fn at(&mut self, position: u64, length: usize, end: u64) -> std::io::Result<&[u8]> {
        let available = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = length.min(available);
        let inside = position.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = inside
            && self.bytes.len() >= skip.saturating_add(wanted)
        {
            return Ok(&self.bytes[skip..]);
        }
        self.bytes.resize(self.step.max(length).min(available), 0);
        self.start = position;
        let read = self.file.read_at(position, &mut self.bytes)?;
        self.bytes.truncate(read);
        Ok(&self.bytes)
    }
}

/// Reads batch headers of one segment up to `end`.
#[derive(Debug)]
pub(crate) struct HeaderReader<'f, F> {
    window: Window<'f, F>,
    segment: Offset,
    end: u64,
}

impl<'f, F: DiskFile> HeaderReader<'f, F> {
    pub(crate) fn new(file: &'f F, segment: Offset, end: u64) -> Self {
        Self { window: Window { file, start: 0, bytes: Vec::new(), step: HOP_WINDOW }, segment, end }
    }

    /// The header at `position`, `None` at the end. A batch that reaches beyond the end is corrupt.
    pub(crate) fn header_at(&mut self, position: u64) -> Result<Option<BatchHeader>, StorageError> {
        if position >= self.end {
            return Ok(None);
        }
        let bytes = self.window.at(position, HEADER_SIZE, self.end).during("read a batch header")?;
        let corrupt = |reason: String| CorruptBatch { segment: self.segment, position, reason };
        let header = BatchHeader::read(bytes).map_err(|error| corrupt(error.to_string()))?;
        if position + header.size_in_bytes() as u64 > self.end {
            return Err(corrupt(format!("{} bytes reach beyond the segment", header.size_in_bytes())).into());
        }
        if header.base_offset < self.segment || header.last_offset_delta < 0 {
            return Err(corrupt(format!("offsets {}+{}", header.base_offset, header.last_offset_delta)).into());
        }
        Ok(Some(header))
    }

    /// Where the batch after a damaged one begins, if the damaged one's length still leads there.
    pub(crate) fn after_damage(&mut self, position: u64) -> Result<Option<u64>, StorageError> {
        let bytes = self.window.at(position, HEADER_SIZE, self.end).during("read a batch header")?;
        let length = bytes.get(LENGTH_START..LOG_OVERHEAD).and_then(|field| field.try_into().ok());
        let length = length.map_or(-1, i32::from_be_bytes);
        let Ok(length) = u64::try_from(length) else { return Ok(None) };
        let next = position + LOG_OVERHEAD as u64 + length;
        match self.header_at(next) {
            Ok(header) => Ok(header.map(|_| next)),
            Err(StorageError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads whole batches of one segment.
#[derive(Debug)]
pub(crate) struct BatchReader<'f, F> {
    window: Window<'f, F>,
    segment: Offset,
    end: u64,
}

impl<'f, F: DiskFile> BatchReader<'f, F> {
    pub(crate) fn new(file: &'f F, segment: Offset, end: u64) -> Self {
        Self { window: Window { file, start: 0, bytes: Vec::new(), step: SCAN_WINDOW }, segment, end }
    }

    /// Reads one batch at a time, for callers that want few.
    pub(crate) fn for_single_batches(file: &'f F, segment: Offset, end: u64) -> Self {
        Self { window: Window { file, start: 0, bytes: Vec::new(), step: HOP_WINDOW }, segment, end }
    }

    /// The batch at `position`, its checksum checked; `None` at the end.
    pub(crate) fn batch_at(&mut self, position: u64) -> Result<Option<BatchView<'_>>, StorageError> {
        if position >= self.end {
            return Ok(None);
        }
        let segment = self.segment;
        let corrupt = |reason: String| CorruptBatch { segment, position, reason };
        let bytes = self.window.at(position, HEADER_SIZE, self.end).during("read a batch")?;
        let header = BatchHeader::read(bytes).map_err(|error| corrupt(error.to_string()))?;
        let size = header.size_in_bytes();
        if position + size as u64 > self.end {
            return Err(corrupt(format!("{size} bytes reach beyond the segment")).into());
        }
        if header.base_offset < segment || header.last_offset_delta < 0 {
            return Err(corrupt(format!("offsets {}+{}", header.base_offset, header.last_offset_delta)).into());
        }
        let bytes = self.window.at(position, size, self.end).during("read a batch")?;
        let batch = BatchView::read(bytes).map_err(|error| corrupt(error.to_string()))?;
        if !is_made(Mistake::BelieveTail) {
            batch.check_crc().map_err(|error| corrupt(error.to_string()))?;
        }
        Ok(Some(batch))
    }
}
