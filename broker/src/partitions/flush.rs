//! Group commit: one loop collects the partitions whose records must reach the device, flushes them side by side on the
//! disk pool, and answers what waited for it.
//!
//! `flush.messages` holds records back (unseen, unacknowledged) until they are on the device; `flush.ms` and the
//! background flush of much-written logs hold nothing back.

use super::{Host, partition::Partition, queue::Need, writer::Writer};
use crate::file_disk::FileDisk;
use futures_util::future::join_all;
use parking_lot::Mutex;
use partition_log::{Crash, FlushPlan};
use std::{
    io, mem,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Flusher {
    /// Each partition at most once: it asks again only after its flush began.
    waiting: Mutex<Vec<Arc<Partition>>>,
    wake: Notify,
}

impl Partition {
    pub(super) fn request_flush(self: &Arc<Self>, writer: &mut Writer) {
        if !mem::replace(&mut writer.flush.requested, true) {
            self.host.flusher.waiting.lock().push(Arc::clone(self));
            self.host.flusher.wake.notify_one();
        }
    }

    /// The first record since the last flush starts the clock.
    pub(super) fn request_flush_later(self: &Arc<Self>, flush_ms: i64) {
        let wait = Duration::from_millis(u64::try_from(flush_ms).unwrap_or(0));
        let partition = Arc::downgrade(self);
        self.host.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(partition) = partition.upgrade() {
                partition.queue_job(Need::Nothing, |partition, writer| partition.request_flush(writer));
            }
        });
    }

    pub(super) async fn flush(self: Arc<Self>) {
        let begun = self.exclusive(Need::Nothing, |_, writer| {
            writer.flush.requested = false;
            writer.flush.bytes = 0;
            writer.log().map(|log| log.flush_plan())
        });
        let Some(Some(plan)) = begun.await else { return };
        let started = Instant::now();
        // A stop has no time for all of them, and closes the logs on the same threads.
        let ran = self.host.pool.run_if_wanted(move || (plan.run(), plan)).await;
        self.host.metrics.log().flush_time_us.observe(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        let Some((synced, plan)) = ran else { return };
        self.exclusive(Need::Nothing, move |partition, writer| partition.flushed(writer, &plan, synced)).await;
    }

    fn flushed(self: &Arc<Self>, writer: &mut Writer, plan: &FlushPlan<FileDisk>, synced: io::Result<()>) {
        if let Err(error) = synced {
            return self.flush_failed(writer, &error);
        }
        let Some(log) = writer.log() else { return };
        log.flushed(plan);
        let log_end = log.view().log_end();
        writer.flush.durable_end = writer.flush.durable_end.max(plan.up_to);
        let flush_messages = self.topic.settings.load().flush_messages;
        if log_end.0 - writer.flush.durable_end.0 < flush_messages {
            writer.flush.holds_back = false;
        } else {
            self.request_flush(writer);
        }
        writer.advance(log_end);
    }

    /// After a failed sync the kernel may have dropped the pages and call the next sync a success: nothing in memory can
    /// be believed.
    fn flush_failed(self: &Arc<Self>, writer: &mut Writer, error: &dyn std::error::Error) {
        self.storage_failed("flush", error);
        self.distrust(writer, Crash::Machine);
    }
}

/// Runs until the host is gone.
pub(super) async fn flush_groups(host: Weak<Host>) {
    while let Some(strong) = host.upgrade() {
        let flusher = Arc::clone(&strong.flusher);
        drop(strong);
        flusher.wake.notified().await;
        let group = mem::take(&mut *flusher.waiting.lock());
        join_all(group.into_iter().map(Partition::flush)).await;
    }
}
