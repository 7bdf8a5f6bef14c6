//! Offsets for times (ListOffsets).

use super::{LogView, ReadError, TimestampedOffset};
use crate::{
    CorruptBatch, Disk, StorageError,
    active_index::MaxTimestamp,
    errors::During,
    index_file, names,
    scan::{BatchReader, HeaderReader},
    segment::Segment,
};
use model::{Offset, WallTime};
use protocol::record_batch::{BatchView, TimestampType};
use std::io;

/// A batch that unpacks to more is refused when a search has to look inside.
const MOST_UNPACKED: usize = 256 << 20;

impl<D: Disk> LogView<D> {
    /// First record with a timestamp at or after `target`, if it lies below `below`. Reads and, if need be, unpacks batches:
    /// for the disk pool.
    pub fn offset_for_timestamp(
        &self,
        target: WallTime,
        below: Offset,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        for segment in &self.segments {
            if segment.extent().next_offset <= self.log_start {
                continue;
            }
            if segment.base_offset >= below {
                break;
            }
            let max = segment.max_timestamp(&self.disk, &self.folder).map_err(ReadError::from_storage)?;
            if max.is_none_or(|max| max.timestamp < target) {
                continue;
            }
            let found = self.search(segment, target, below).map_err(ReadError::from_storage)?;
            if found.is_some() {
                return Ok(found.filter(|found| found.offset < below));
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp (the first such), if it lies below `below`.
    pub fn max_timestamp(&self, below: Offset) -> Result<Option<TimestampedOffset>, ReadError> {
        let mut newest = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            let max = segment.max_timestamp(&self.disk, &self.folder).map_err(ReadError::from_storage)?;
            newest.extend(max.map(|max| (segment, max)));
        }
        // Largest first; of equals the earlier segment. One that compaction emptied names a time and has no record of it.
        newest.sort_by_key(|(_, max)| std::cmp::Reverse(max.timestamp));
        for (segment, max) in newest {
            if let Some(found) = self.largest_in(segment, max).map_err(ReadError::from_storage)? {
                return Ok(Some(found).filter(|found| found.offset < below));
            }
        }
        Ok(None)
    }

    fn search(
        &self,
        segment: &Segment<D>,
        target: WallTime,
        below: Offset,
    ) -> Result<Option<TimestampedOffset>, StorageError> {
        let from = self.time_floor(segment, target)?.max(self.log_start);
        let extent = segment.extent();
        let Some(mut position) = self.locate(segment, extent, from)? else { return Ok(None) };
        let file = segment.open(&self.disk, &self.folder).during("open a segment")?;
        let mut headers = HeaderReader::new(&file, segment.base_offset, extent.size);
        while let Some(header) = headers.header_at(position)? {
            if header.base_offset >= below {
                break;
            }
            if header.max_timestamp >= target {
                let mut reader = BatchReader::for_single_batches(&file, segment.base_offset, extent.size);
                if let Some(batch) = reader.batch_at(position)? {
                    let wanted = |timestamp: WallTime, offset: Offset| timestamp >= target && offset >= self.log_start;
                    if let Some(found) = first_record(segment, position, &batch, wanted)? {
                        return Ok(Some(found));
                    }
                }
            }
            position += header.size_in_bytes() as u64;
        }
        Ok(None)
    }

    /// Everything in the segment before this offset is older than the target.
    fn time_floor(&self, segment: &Segment<D>, target: WallTime) -> Result<Offset, StorageError> {
        let entry = {
            let mut state = segment.lock();
            if !state.sealed {
                segment.load_index(&mut state, &self.disk, &self.folder, 0);
            }
            // Under the name of the index of a retired segment there may be another segment's.
            if state.retired { Some(None) } else { state.index.as_ref().map(|index| index.time_floor(target)) }
        };
        let entry = match entry {
            Some(entry) => entry,
            None => {
                let path = segment.path(&self.folder, names::TIME_INDEX);
                match index_file::time_floor(&self.disk, &path, target.0) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                    entry => entry.during("read a time index")?,
                }
            }
        };
        Ok(Offset(segment.base_offset.0 + entry.map_or(0, |entry| i64::from(entry.relative_offset))))
    }

    fn largest_in(&self, segment: &Segment<D>, max: MaxTimestamp) -> Result<Option<TimestampedOffset>, StorageError> {
        let extent = segment.extent();
        let Some(position) = self.locate(segment, extent, max.offset)? else { return Ok(None) };
        let file = segment.open(&self.disk, &self.folder).during("open a segment")?;
        let mut reader = BatchReader::for_single_batches(&file, segment.base_offset, extent.size);
        let Some(batch) = reader.batch_at(position)? else { return Ok(None) };
        first_record(segment, position, &batch, |timestamp, _| timestamp >= max.timestamp)
    }
}

/// The first record that is wanted. A batch stamped by the broker has one time for all its records.
fn first_record<D: Disk>(
    segment: &Segment<D>,
    position: u64,
    batch: &BatchView<'_>,
    wanted: impl Fn(WallTime, Offset) -> bool,
) -> Result<Option<TimestampedOffset>, StorageError> {
    let leader_epoch = batch.header.partition_leader_epoch;
    let found = |timestamp, offset| Some(TimestampedOffset { timestamp, offset, leader_epoch });
    let header = &batch.header;
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime
        && wanted(header.max_timestamp, header.base_offset)
    {
        return Ok(found(header.max_timestamp, header.base_offset));
    }
    let corrupt = |reason: String| CorruptBatch { segment: segment.base_offset, position, reason };
    let mut scratch = Vec::new();
    for record in batch.records(&mut scratch, MOST_UNPACKED).map_err(|error| corrupt(error.to_string()))? {
        let record = record.map_err(|error| corrupt(error.to_string()))?;
        if wanted(record.timestamp, record.offset) {
            return Ok(found(record.timestamp, record.offset));
        }
    }
    Ok(None)
}
