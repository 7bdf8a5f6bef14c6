//! The index of the active segment: in memory, sparse, bounded. Written to Kafka's files when the segment is sealed or closed.

use model::{Offset, WallTime};
use std::collections::VecDeque;

/// Entries lie at least this far apart: a finer index would cost memory and save nothing, since a seek reads a window anyway.
pub const LEAST_INTERVAL: u32 = 32 * 1024;
/// At most this many entries (32 KiB of them); when they are used up, every second one goes and the interval doubles.
pub(crate) const MOST_ENTRIES: usize = 4096;
/// Batch boundaries remembered exactly, so that a high watermark a little behind the log end is found without reading.
const RECENT_BOUNDARIES: usize = 32;

/// A batch's place: its last offset and where it begins. What an `.index` file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    pub(crate) relative_last_offset: u32,
    pub(crate) position: u32,
}

/// Running maximum of the timestamps, and the last offset of the batch that has it. What a `.timeindex` file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    pub(crate) timestamp: i64,
    pub(crate) relative_offset: u32,
}

/// Where a batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Boundary {
    pub(crate) base_offset: Offset,
    pub(crate) position: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ActiveIndex {
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    recent: VecDeque<Boundary>,
    interval: u32,
    bytes_since_entry: u64,
}

/// The largest timestamp of a segment and the last offset of the batch that brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaxTimestamp {
    pub(crate) timestamp: WallTime,
    pub(crate) offset: Offset,
}

impl ActiveIndex {
    pub(crate) fn new(interval: u32) -> Self {
        Self { interval: interval.max(LEAST_INTERVAL), ..Self::default() }
    }

    /// Takes over entries read from the files of a cleanly closed segment.
    pub(crate) fn from_entries(interval: u32, offsets: Vec<OffsetEntry>, times: Vec<TimeEntry>, size: u64) -> Self {
        let mut index = Self { offsets, times, ..Self::new(interval) };
        index.bytes_since_entry = size - index.offsets.last().map_or(0, |entry| u64::from(entry.position)).min(size);
        while index.offsets.len() > MOST_ENTRIES {
            index.thin_out();
        }
        while index.times.len() > MOST_ENTRIES {
            index.thin_out_times();
        }
        index
    }

    /// Notes a batch at `position`. `max` is the segment's maximum including this batch.
    pub(crate) fn batch_written(&mut self, segment_base: Offset, batch: NewBatch, max: Option<MaxTimestamp>) {
        if self.recent.len() == RECENT_BOUNDARIES {
            self.recent.pop_front();
        }
        self.recent.push_back(Boundary { base_offset: batch.base_offset, position: batch.position });
        if self.bytes_since_entry > u64::from(self.interval)
            && let (Ok(relative_last_offset), Ok(position)) =
                (u32::try_from(batch.last_offset.0 - segment_base.0), u32::try_from(batch.position))
        {
            self.offsets.push(OffsetEntry { relative_last_offset, position });
            if let Some(max) = max {
                self.push_time(segment_base, max);
            }
            self.bytes_since_entry = 0;
            if self.offsets.len() > MOST_ENTRIES {
                self.thin_out();
            }
        }
        self.bytes_since_entry += u64::from(batch.size);
    }

    /// Kafka's rule: timestamps of entries rise strictly, and so do their offsets.
    pub(crate) fn push_time(&mut self, segment_base: Offset, max: MaxTimestamp) {
        let Ok(relative_offset) = u32::try_from(max.offset.0 - segment_base.0) else { return };
        if self
            .times
            .last()
            .is_some_and(|last| max.timestamp.0 <= last.timestamp || relative_offset <= last.relative_offset)
        {
            return;
        }
        self.times.push(TimeEntry { timestamp: max.timestamp.0, relative_offset });
        if self.times.len() > MOST_ENTRIES {
            self.thin_out_times();
        }
    }

    fn thin_out(&mut self) {
        keep_every_second(&mut self.offsets);
        self.interval = self.interval.saturating_mul(2);
    }

    /// The last entry stays: it names the segment's largest timestamp.
    fn thin_out_times(&mut self) {
        let last = self.times.pop();
        keep_every_second(&mut self.times);
        self.times.extend(last);
    }

    /// Position of a batch at or before the one containing the offset.
    pub(crate) fn floor(&self, segment_base: Offset, offset: Offset) -> u64 {
        if let Some(first) = self.recent.front()
            && first.base_offset <= offset
        {
            let after = self.recent.partition_point(|boundary| boundary.base_offset <= offset);
            return self.recent[after - 1].position;
        }
        let relative = offset.0 - segment_base.0;
        let after = self.offsets.partition_point(|entry| i64::from(entry.relative_last_offset) <= relative);
        after.checked_sub(1).map_or(0, |index| u64::from(self.offsets[index].position))
    }

    /// The last known boundary at or before `position` whose batches before it all lie below `below`.
    pub(crate) fn boundary(&self, segment_base: Offset, position: u64, below: Offset) -> Option<(u64, Option<Offset>)> {
        let after =
            self.recent.partition_point(|boundary| boundary.position <= position && boundary.base_offset <= below);
        if let Some(index) = after.checked_sub(1) {
            let boundary = self.recent[index];
            return Some((boundary.position, Some(boundary.base_offset)));
        }
        let relative = below.0 - segment_base.0;
        let after = self.offsets.partition_point(|entry| {
            u64::from(entry.position) <= position && i64::from(entry.relative_last_offset) < relative
        });
        after.checked_sub(1).map(|index| (u64::from(self.offsets[index].position), None))
    }

    /// The last entry at or before the target: everything before it is older.
    pub(crate) fn time_floor(&self, target: WallTime) -> Option<TimeEntry> {
        let after = self.times.partition_point(|entry| entry.timestamp <= target.0);
        after.checked_sub(1).map(|index| self.times[index])
    }

    pub(crate) fn offsets(&self) -> &[OffsetEntry] {
        &self.offsets
    }

    pub(crate) fn times(&self) -> &[TimeEntry] {
        &self.times
    }
}

/// What the index needs to know of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewBatch {
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) position: u64,
    pub(crate) size: u32,
}

fn keep_every_second<T>(entries: &mut Vec<T>) {
    let mut index = 0;
    entries.retain(|_| {
        index += 1;
        index % 2 == 0
    });
}
