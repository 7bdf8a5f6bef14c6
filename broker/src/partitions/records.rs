//! What a partition is asked besides appends and reads.

use super::{
    partition::Partition,
    queue::Need,
    watch::{Change, Watcher},
};
use model::{BrokerId, Offset};
use partition_log::ProducerDescription;
use std::sync::Arc;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// Something about the partition changed.
#[derive(Debug, Default)]
struct Moved(Notify);

impl Watcher for Moved {
    fn changed(&self, _index: u32, change: Change) {
        if matches!(change, Change::LogStart | Change::State) {
            self.0.notify_one();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeleteRecordsError {
    #[error("offset below 0 or above the high watermark")]
    OutOfRange,
    #[error("the disk failed")]
    Storage,
}

impl Partition {
    /// Moves the log start up to `up_to` (the high watermark if it is not given); answers where it is then. It lasts
    /// once [`super::Partitions::checkpoint`] returned.
    pub(crate) async fn delete_records(self: &Arc<Self>, up_to: Option<Offset>) -> Result<Offset, DeleteRecordsError> {
        let deleted = self.exclusive(Need::LogAndDevice, move |partition, writer| {
            let high_watermark = partition.offsets().high_watermark;
            let up_to = up_to.unwrap_or(high_watermark);
            if up_to < Offset::ZERO || up_to > high_watermark {
                return Err(DeleteRecordsError::OutOfRange);
            }
            let log = writer.log().ok_or(DeleteRecordsError::Storage)?;
            if let Err(error) = log.delete_records(up_to) {
                partition.storage_failed("delete records", &error);
                return Err(DeleteRecordsError::Storage);
            }
            Ok(log.log_start())
        });
        deleted.await.unwrap_or(Err(DeleteRecordsError::Storage))
    }

    /// Waits until no replica that counts has anything before `start`, `false` if it takes longer than until `deadline`,
    /// or another leader has taken over.
    pub(crate) async fn starts_everywhere(
        self: &Arc<Self>,
        start: Offset,
        counts: impl Fn(BrokerId) -> bool + Clone + Send + 'static,
        deadline: Instant,
    ) -> bool {
        let moved = Arc::new(Moved::default());
        let watcher: Arc<dyn Watcher> = moved.clone();
        let ticket = self.subscribe(Arc::downgrade(&watcher), 0);
        let reached = timeout_at(deadline, async {
            loop {
                let counts = counts.clone();
                let lowest = self.exclusive(Need::Nothing, move |_, writer| {
                    writer.replica.leader().ok().map(|leader| leader.lowest_log_start(start, counts))
                });
                match lowest.await.flatten() {
                    Some(lowest) if lowest >= start => return true,
                    Some(_) => moved.0.notified().await,
                    None => return false,
                }
            }
        });
        let reached = reached.await.unwrap_or(false);
        self.unsubscribe(ticket);
        reached
    }

    /// Live producers; `None` if the log cannot be opened.
    pub(crate) async fn producers(self: &Arc<Self>) -> Option<Vec<ProducerDescription>> {
        self.exclusive(Need::Log, |_, writer| writer.log().map(|log| log.producers())).await.flatten()
    }

    /// For work that may wait for the device.
    pub(crate) async fn on_disk_pool<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
        self.host.pool.run(work).await
    }
}
