//! A replica's log: what its role asks of it, and what an answer of the leader does to it.

use crate::{FollowerStep, OwnLog};
use bytes::Bytes;
use model::{LeaderEpoch, Offset, WallTime};
use partition_log::{Disk, Log, StorageError};

impl<D: Disk> OwnLog for Log<D> {
    fn log_start(&self) -> Offset {
        Log::log_start(self)
    }

    fn log_end(&self) -> Offset {
        Log::log_end(self)
    }

    fn high_watermark(&self) -> Offset {
        Log::high_watermark(self)
    }

    fn latest_epoch(&self) -> Option<LeaderEpoch> {
        Log::latest_epoch(self)
    }

    fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.view().epoch_end_offset(epoch)
    }
}

impl FollowerStep {
    /// Does it to the log. `records` are those of the answer, whole batches whose checksums are right.
    pub fn take<D: Disk>(self, log: &mut Log<D>, records: &Bytes, now: WallTime) -> Result<(), StorageError> {
        match self {
            Self::Append if records.is_empty() => Ok(()),
            Self::Append => log.append_as_follower(std::slice::from_ref(records), now),
            Self::TruncateTo(offset) => log.truncate_to(offset, now),
            Self::RestartAt(offset) => log.truncate_fully_and_start_at(offset),
            Self::AdvanceHighWatermark(high_watermark) => {
                log.high_watermark_advanced(high_watermark.min(log.log_end()));
                Ok(())
            }
            Self::AdvanceLogStart(offset) => log.delete_records(offset.min(log.high_watermark())).map(drop),
        }
    }
}
