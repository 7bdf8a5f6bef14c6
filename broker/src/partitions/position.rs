//! A replica's log as the rules of replication see it, open or closed.

use super::{
    partition::{Log, Offsets, Partition},
    writer::LogState,
};
use model::{LeaderEpoch, Offset};
use replication::OwnLog;

pub(super) enum Position<'a> {
    Open(&'a Log),
    /// Only the newest epoch is in memory: enough to compare a follower that has everything.
    Closed {
        offsets: Offsets,
        latest: Option<LeaderEpoch>,
    },
}

impl<'a> Position<'a> {
    pub(super) fn of(partition: &Partition, log: &'a LogState) -> Self {
        match log {
            LogState::Open(log) => Self::Open(log),
            LogState::Closed(closed) => {
                let latest = closed.entry().map(|entry| entry.latest_epoch);
                let latest = latest.filter(|epoch| *epoch != LeaderEpoch::UNKNOWN);
                Self::Closed { offsets: partition.offsets(), latest }
            }
        }
    }

    /// Whether where `epoch` ended can be told without opening the log. One that never had a record learns the epoch of its
    /// leadership when it opens, and a follower with records learns from it that they are of before.
    pub(super) fn knows_end_of(&self, epoch: LeaderEpoch) -> bool {
        match self {
            Self::Open(_) => true,
            Self::Closed { latest, .. } => {
                epoch == LeaderEpoch::UNKNOWN || latest.is_some_and(|latest| epoch >= latest)
            }
        }
    }
}

impl OwnLog for Position<'_> {
    fn log_start(&self) -> Offset {
        match self {
            Self::Open(log) => log.log_start(),
            Self::Closed { offsets, .. } => offsets.log_start,
        }
    }

    fn log_end(&self) -> Offset {
        match self {
            Self::Open(log) => log.log_end(),
            Self::Closed { offsets, .. } => offsets.log_end,
        }
    }

    fn high_watermark(&self) -> Offset {
        match self {
            Self::Open(log) => log.high_watermark(),
            Self::Closed { offsets, .. } => offsets.high_watermark,
        }
    }

    fn latest_epoch(&self) -> Option<LeaderEpoch> {
        match self {
            Self::Open(log) => log.latest_epoch(),
            Self::Closed { latest, .. } => *latest,
        }
    }

    fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        match self {
            Self::Open(log) => log.end_of_epoch(epoch),
            Self::Closed { offsets, latest } => {
                latest.filter(|latest| *latest <= epoch).map(|latest| (latest, offsets.log_end))
            }
        }
    }
}
