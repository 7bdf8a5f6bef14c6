//! From an offset to bytes of a file. Sequential readers near the log end touch no index and no disk.

use super::{Cursor, LogView, ReadError, ReadPlan, ReadRange};
use crate::{
    CorruptBatch, Disk, StorageError,
    errors::During,
    scan::{BatchReader, HeaderReader},
    segment::{Extent, Segment},
};
use model::{
    Offset,
    mistakes::{Mistake, is_made},
};
use protocol::record_batch::{BatchHeader, Batches};
use std::sync::Arc;

/// Below this, hopping from header to header costs no more than looking into an index file.
const INDEX_WORTHWHILE: u64 = 64 * 1024;

impl<D: Disk> LogView<D> {
    /// Plans a read; `None` = nothing there yet. Reads headers and perhaps an index unless `cursor` is the one of the
    /// previous plan and everything up to the log end is wanted.
    pub fn plan_read(&self, range: ReadRange, cursor: Option<Cursor>) -> Result<Option<ReadPlan<D>>, ReadError> {
        let end = self.log_end();
        if range.from < self.log_start || range.from > end {
            return Err(ReadError::OffsetOutOfRange { start: self.log_start, end });
        }
        if range.from >= range.below.min(end) {
            return Ok(None);
        }
        self.plan(range, cursor).map_err(ReadError::from_storage)
    }

    fn plan(&self, range: ReadRange, cursor: Option<Cursor>) -> Result<Option<ReadPlan<D>>, StorageError> {
        for index in self.segment_index(range.from)..self.segments.len() {
            let segment = &self.segments[index];
            let extent = segment.extent();
            let hint = cursor.filter(|cursor| cursor.segment_id == segment.id && cursor.offset == range.from);
            let start = match hint {
                Some(cursor) => Some(cursor.position).filter(|position| *position < extent.size),
                None => self.locate(segment, extent, range.from)?,
            };
            if let Some(start) = start {
                return self.plan_from(segment, extent, start, range);
            }
            // The rest of this segment was compacted away, or the cursor stood at its end: go on with the next one.
        }
        Ok(None)
    }

    /// Where the batch with `offset`, or else the first one after it, begins.
    pub(super) fn locate(
        &self,
        segment: &Segment<D>,
        extent: Extent,
        offset: Offset,
    ) -> Result<Option<u64>, StorageError> {
        if offset <= segment.base_offset {
            return Ok(Some(0).filter(|_| extent.size > 0));
        }
        let mut position = segment.floor(&self.disk, &self.folder, offset)?;
        let mut passed = None;
        let file = segment.open(&self.disk, &self.folder).during("open a segment")?;
        let mut reader = HeaderReader::new(&file, segment.base_offset, extent.size);
        loop {
            match header_within(&mut reader, position, segment, extent) {
                Ok(Some(header)) if header.last_offset() >= offset => {
                    // A gap is left by compaction, or the batch before lies about its end.
                    if let Some(passed) = passed.filter(|_| header.base_offset > offset) {
                        BatchReader::for_single_batches(&file, segment.base_offset, extent.size).batch_at(passed)?;
                    }
                    return Ok(Some(position));
                }
                Ok(Some(header)) => {
                    passed = Some(position);
                    position += header.size_in_bytes() as u64;
                }
                Ok(None) => return Ok(None),
                Err(StorageError::Corrupt(corrupt)) => {
                    // Only who asks for the damaged batch itself is turned away.
                    let next = reader.after_damage(position)?;
                    let header = next.map(|next| reader.header_at(next)).transpose()?.flatten();
                    match next.zip(header) {
                        Some((next, header)) if header.base_offset <= offset => (passed, position) = (None, next),
                        _ => return Err(corrupt.into()),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn plan_from(
        &self,
        segment: &Arc<Segment<D>>,
        extent: Extent,
        start: u64,
        range: ReadRange,
    ) -> Result<Option<ReadPlan<D>>, StorageError> {
        let file = segment.open(&self.disk, &self.folder).during("open a segment")?;
        let Some((end, next)) = self.end_of(segment, &file, extent, start, range)? else { return Ok(None) };
        Ok(Some(ReadPlan {
            file,
            position: start,
            length: u32::try_from(end - start).expect("bounded by max bytes or one batch"),
            next: Cursor { segment_id: segment.id, position: end, offset: next },
            segment: segment.clone(),
        }))
    }

    /// End of the last whole batch that fits, and an offset at which that end is the place to go on.
    fn end_of(
        &self,
        segment: &Segment<D>,
        file: &D::File,
        extent: Extent,
        start: u64,
        range: ReadRange,
    ) -> Result<Option<(u64, Offset)>, StorageError> {
        let max = u64::from(range.max_bytes);
        if extent.next_offset <= range.below && extent.size - start <= max {
            return Ok(Some((extent.size, extent.next_offset)));
        }
        let limit = extent.size.min(start + max);
        let (mut position, mut next) = (start, None);
        let known = if limit - start > INDEX_WORTHWHILE || !segment.lock().sealed {
            segment.boundary(&self.disk, &self.folder, limit, range.below)?
        } else {
            None
        };
        if let Some((boundary, base_offset)) = known.filter(|(boundary, _)| *boundary > start) {
            (position, next) = (boundary, base_offset);
            if next.is_some() && (boundary - start) * 2 >= max {
                return Ok(next.map(|next| (boundary, next)));
            }
        }
        let mut reader = HeaderReader::new(file, segment.base_offset, extent.size);
        loop {
            let header = match header_within(&mut reader, position, segment, extent) {
                Ok(Some(header)) => header,
                Ok(None) => break,
                // What lies before the damage can be served.
                Err(StorageError::Corrupt(_)) if position > start && next.is_some() => break,
                Err(error) => return Err(error),
            };
            let end = position + header.size_in_bytes() as u64;
            let first_one = position == start && range.at_least_one;
            if header.last_offset() >= range.below || (end > limit && !first_one) {
                next = next.or(Some(header.base_offset));
                break;
            }
            (position, next) = (end, Some(header.next_offset()));
        }
        Ok(next.filter(|_| position > start).map(|next| (position, next)))
    }
}

/// The header at `position`. One that claims offsets of the next segment is damaged: taken for true it would make a batch that
/// is never wholly there.
fn header_within<D: Disk>(
    reader: &mut HeaderReader<'_, D::File>,
    position: u64,
    segment: &Segment<D>,
    extent: Extent,
) -> Result<Option<BatchHeader>, StorageError> {
    let header = reader.header_at(position)?;
    match header {
        Some(header) if header.last_offset() >= extent.next_offset => {
            let reason = format!("last offset {} in a segment up to {}", header.last_offset(), extent.next_offset);
            Err(CorruptBatch { segment: segment.base_offset, position, reason }.into())
        }
        header => Ok(header),
    }
}

impl<D: Disk> ReadPlan<D> {
    /// False while every byte of the plan was written by this process into the active segment, or was checked before: then
    /// the file may be sent as it is. Otherwise read the bytes and pass them to [`ReadPlan::verify`] first.
    pub fn needs_verification(&self) -> bool {
        !self.segment.lock().verified.covers(self.position, self.position + u64::from(self.length))
    }

    /// Such bytes may be sent unread if they are in the page cache: they are the ones this process wrote.
    pub fn is_trusted_while_cached(&self) -> bool {
        self.segment.lock().verified.was_written_lately(self.position)
    }

    /// Checks every batch in `bytes`, the plan's bytes, and remembers the good ones. If a later batch is bad, the plan
    /// shrinks to the good ones before it; only a bad first batch is an error.
    pub fn verify(&mut self, bytes: &[u8]) -> Result<(), CorruptBatch> {
        let mut damage = None;
        // End and next offset of the good batches, and of those but the last.
        let (mut good, mut next) = (0, self.segment.base_offset);
        let mut before = (0, next);
        for batch in Batches::new(bytes) {
            match batch.and_then(|batch| batch.check_crc().map(|()| batch)) {
                // Offsets are not under the checksum: where they go back, the batch before may be the damaged one.
                Ok(batch) if batch.header.base_offset < next => {
                    (good, next) = before;
                    damage = Some(format!("offset {} where {next} or later was expected", batch.header.base_offset));
                    break;
                }
                Ok(batch) => {
                    before = (good, next);
                    good += batch.bytes().len();
                    next = batch.header.next_offset();
                }
                Err(error) => {
                    damage = Some(error.to_string());
                    break;
                }
            }
        }
        let end = self.position + good as u64;
        if good > 0 {
            self.segment.lock().verified.add(self.position, end);
        }
        let Some(reason) = damage.filter(|_| !is_made(Mistake::ServeDamaged)) else { return Ok(()) };
        if good == 0 {
            return Err(CorruptBatch { segment: self.segment.base_offset, position: self.position, reason });
        }
        self.length = u32::try_from(good).expect("part of the plan");
        self.next = Cursor { position: end, offset: next, ..self.next };
        Ok(())
    }
}
