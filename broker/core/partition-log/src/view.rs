//! The reader's side: no lock on the log, no wait for the writer.

mod read;
mod timestamps;
mod transactions;

use crate::{CorruptBatch, Disk, StorageError, epoch_cache::EpochCache, segment::Segment};
use model::{LeaderEpoch, Offset, ProducerId, WallTime};
use std::sync::Arc;

/// A snapshot of the segment list with a live log end. Cheap to hold; files it names stay readable while a plan holds them.
#[derive(Debug)]
pub struct LogView<D: Disk> {
    pub(crate) disk: D,
    pub(crate) folder: Arc<str>,
    /// Never empty, by base offset; the last one is active.
    pub(crate) segments: Vec<Arc<Segment<D>>>,
    pub(crate) log_start: Offset,
    pub(crate) epochs: Arc<EpochCache>,
}

/// Where a sequential reader goes on; a hint that is checked, never trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) segment_id: u64,
    pub(crate) position: u64,
    pub(crate) offset: Offset,
}

impl Cursor {
    /// The offset to ask for next; all records of the plan lie below it.
    pub fn next_offset(&self) -> Offset {
        self.offset
    }
}

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct ReadRange {
    /// The first batch returned is the one containing this offset.
    pub from: Offset,
    /// Only batches that end below this offset: high watermark, last stable offset or log end.
    pub below: Offset,
    pub max_bytes: u32,
    /// Return the first batch even if it is larger than `max_bytes`.
    pub at_least_one: bool,
}

/// Whole batches, one after the other in one file.
#[derive(Debug)]
pub struct ReadPlan<D: Disk> {
    pub file: D::File,
    pub position: u64,
    pub length: u32,
    /// For the reader's next call.
    pub next: Cursor,
    pub(crate) segment: Arc<Segment<D>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Below the log start or above the log end.
    #[error("offset is outside {start}..={end}")]
    OffsetOutOfRange { start: Offset, end: Offset },
    /// The segment was truncated, or removed with very many others: take the newest view and ask again.
    #[error("the view is outdated")]
    Outdated,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ReadError {
    /// A file that is gone means that the view is old.
    pub(crate) fn from_storage(error: StorageError) -> Self {
        match &error {
            StorageError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Self::Outdated,
            _ => Self::Storage(error),
        }
    }
}

impl From<CorruptBatch> for ReadError {
    fn from(corrupt: CorruptBatch) -> Self {
        Self::Storage(corrupt.into())
    }
}

/// One aborted transaction, for read_committed consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    pub producer_id: ProducerId,
    pub first_offset: Offset,
}

/// The answer to a search by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampedOffset {
    pub timestamp: WallTime,
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
}

impl<D: Disk> LogView<D> {
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// Live: sees appends made after the view was taken, until the next roll.
    pub fn log_end(&self) -> Offset {
        self.active().extent().next_offset
    }

    pub fn size_in_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.extent().size).sum()
    }

    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Base offset of the active segment: a fetch that waits there is answered when it rolls.
    pub fn active_base_offset(&self) -> Offset {
        self.active().base_offset
    }

    pub(crate) fn active(&self) -> &Arc<Segment<D>> {
        self.segments.last().expect("a log has at least its active segment")
    }

    /// Index of the segment that holds `offset`, if any does.
    pub(crate) fn segment_index(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }

    /// KIP-101/279: largest epoch at or below `epoch`, and where it ended.
    pub fn epoch_end_offset(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_offset(epoch, self.log_end())
    }

    /// Epoch of the record at `offset`.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.epoch_for(offset)
    }

    /// The newest epoch that began here.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }
}
