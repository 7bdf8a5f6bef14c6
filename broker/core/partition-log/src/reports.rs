//! What log operations hand to the shell.

use crate::{CorruptBatch, Disk, disk::remove_if_there, segment::Segment};
use model::{Offset, ProducerEpoch, ProducerId, Sequence, WallTime};
use std::{io, sync::Arc};

/// What opening a log found and did; the shell logs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenReport {
    /// Bytes read to find the end of the log; 0 after a clean stop.
    pub scanned_bytes: u64,
    /// Bytes of a torn tail that were cut off.
    pub truncated_bytes: u64,
    /// Damaged batches that stay in place: reads of them fail, records around them are served.
    pub corrupt: Vec<CorruptBatch>,
    /// Segments whose index files were built anew.
    pub rebuilt_indexes: usize,
}

/// Files that left the log under names ending in `.deleted`; remove them after `file.delete.delay.ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedFiles {
    pub base_offset: Offset,
    pub paths: Vec<String>,
    pub bytes: u64,
}

impl DeletedFiles {
    /// Removes them; a file that is gone already is fine.
    pub fn remove_from<D: Disk>(&self, disk: &D) -> io::Result<()> {
        self.paths.iter().try_for_each(|path| remove_if_there(disk, path))
    }
}

/// Segments to sync so that the log below `up_to` survives the loss of the machine.
#[derive(Debug, Clone)]
pub struct FlushPlan<D: Disk> {
    pub(crate) segments: Vec<Arc<Segment<D>>>,
    pub up_to: Offset,
    pub(crate) active: Arc<Segment<D>>,
    /// How many changes of names it makes durable, if there are any to sync.
    pub(crate) name_changes: Option<u64>,
    pub(crate) disk: D,
    pub(crate) folder: Arc<str>,
}

/// One producer as DescribeProducers shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerDescription {
    pub producer_id: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub last_sequence: Sequence,
    pub last_timestamp: WallTime,
    pub coordinator_epoch: i32,
    pub current_transaction_first_offset: Option<Offset>,
}
