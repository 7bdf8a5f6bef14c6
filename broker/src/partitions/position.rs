//! A replica's log as the rules of replication see it, open or closed.

use super::{
    partition::{LogView, Partition},
    writer::{LogState, Writer},
};
use model::{LeaderEpoch, Offset};
use replication::OwnLog;
use std::sync::Arc;

pub(super) struct Position {
    log_start: Offset,
    log_end: Offset,
    high_watermark: Offset,
    epochs: Epochs,
}

/// Of a closed log only the newest epoch is in memory: enough to compare a follower that has everything.
enum Epochs {
    Of(Arc<LogView>),
    Latest(Option<LeaderEpoch>),
}

impl Position {
    pub(super) fn of(partition: &Partition, writer: &Writer) -> Self {
        match &writer.log {
            LogState::Open(log) => Self {
                log_start: log.log_start(),
                log_end: log.log_end(),
                high_watermark: log.high_watermark(),
                epochs: Epochs::Of(Arc::clone(log.view())),
            },
            LogState::Closed(closed) => {
                let offsets = partition.offsets();
                let latest = closed.entry().map(|entry| entry.latest_epoch);
                Self {
                    log_start: offsets.log_start,
                    log_end: offsets.log_end,
                    high_watermark: offsets.high_watermark,
                    epochs: Epochs::Latest(latest.filter(|epoch| *epoch != LeaderEpoch::UNKNOWN)),
                }
            }
        }
    }

    /// Whether where `epoch` ended can be told without opening the log.
    pub(super) fn knows_end_of(&self, epoch: LeaderEpoch) -> bool {
        match &self.epochs {
            Epochs::Of(_) => true,
            Epochs::Latest(latest) => epoch == LeaderEpoch::UNKNOWN || latest.is_none_or(|latest| epoch >= latest),
        }
    }
}

impl OwnLog for Position {
    fn log_start(&self) -> Offset {
        self.log_start
    }

    fn log_end(&self) -> Offset {
        self.log_end
    }

    fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    fn latest_epoch(&self) -> Option<LeaderEpoch> {
        match &self.epochs {
            Epochs::Of(view) => view.latest_epoch(),
            Epochs::Latest(latest) => *latest,
        }
    }

    fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        match &self.epochs {
            Epochs::Of(view) => view.epoch_end_offset(epoch),
            Epochs::Latest(latest) => latest.filter(|latest| *latest <= epoch).map(|latest| (latest, self.log_end)),
        }
    }
}
