//! Group commit: a flush of a partition takes what was appended while the one before it ran, and answers what waited.
//! Partitions flush side by side on threads of their own.
//!
//! `flush.messages` holds records back (unseen, unacknowledged) until they are on the device, also those that a log has when
//! it is opened or its replica is elected, and a follower asks for nothing behind them before that; `flush.ms` and the
//! background flush of much-written logs hold nothing back.

use super::{
    disk_work::{Piece, Underway},
    partition::{Partition, State},
    queue::Need,
    writer::{LogState, Writer},
};
use crate::file_disk::FileDisk;
use model::Offset;
use partition_log::{Crash, FlushPlan};
use std::{
    io, mem,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Where a log stands with the device.
#[derive(Debug, Default)]
pub(super) struct FlushState {
    /// Everything below survives the loss of the machine.
    pub(super) durable_end: Offset,
    /// Appended since the last flush began.
    pub(super) bytes: usize,
    /// Records at and above `durable_end` may not be seen or acknowledged before the next flush (`flush.messages`).
    pub(super) holds_back: bool,
    /// A follower that does not ask its leader before that.
    pub(super) keeps_quiet: bool,
    progress: Progress,
    /// Others wait for the flush that runs.
    wait: Option<Piece<Arc<Underway>>>,
    /// What runs, or waits for a thread.
    plan: Option<Arc<FlushPlan<FileDisk>>>,
    /// Dropped when nothing is left to flush, or the log is not to be believed.
    waiting: Vec<oneshot::Sender<()>>,
}

/// One at a time: the kernel tells of a failed write once for each open file, and of two syncs side by side only one
/// would learn of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Progress {
    #[default]
    Idle,
    Runs,
    RunsAndIsAskedAgain,
}

impl FlushState {
    pub(super) fn safe_end(&self, log_end: Offset) -> Offset {
        if self.holds_back { self.durable_end } else { log_end }
    }

    /// Of a log that ends at `log_end`.
    pub(super) fn found(&mut self, durable_end: Offset, log_end: Offset, flush_messages: i64) {
        self.durable_end = durable_end;
        self.holds_back = log_end.0 - durable_end.0 >= flush_messages;
    }

    /// Knows nothing of the log any more. A flush that runs goes on.
    pub(super) fn forget(&mut self) {
        let (plan, wait) = (self.plan.take(), self.wait.take());
        *self = Self { progress: self.progress, plan, wait, keeps_quiet: self.keeps_quiet, ..Self::default() };
    }

    pub(super) fn runs(&self) -> bool {
        self.progress != Progress::Idle
    }

    /// The log is about to leave its folder, where a flush that runs would look for it, and perhaps find another.
    pub(super) fn call_off(&self) {
        if let Some(plan) = &self.plan {
            plan.call_off();
        }
    }
}

impl Partition {
    pub(super) fn request_flush(self: &Arc<Self>, writer: &mut Writer) {
        match writer.flush.progress {
            Progress::Idle => self.begin_flush(writer),
            Progress::Runs | Progress::RunsAndIsAskedAgain => {
                writer.flush.progress = Progress::RunsAndIsAskedAgain;
                self.count_wait(writer);
            }
        }
    }

    /// From when records are held back until the flush that runs then, or begins, has ended.
    fn count_wait(&self, writer: &mut Writer) {
        if writer.flush.holds_back && writer.replica.is_replicated() {
            writer.flush.wait.get_or_insert_with(|| self.host.disk_work.syncs.begin_kept());
        }
    }

    /// What a log has from before it was opened: whoever opens it asks for the flush.
    pub(super) fn flush_held_back(self: &Arc<Self>, writer: &mut Writer) {
        if !writer.flush.holds_back {
            return;
        }
        if !writer.is_open() {
            self.queue_job(Need::Log, |_, _| {});
        } else if writer.flush.progress == Progress::Idle {
            self.begin_flush(writer);
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

    /// Resolves when what was appended before is on the device, or cannot come there.
    pub(super) async fn flush(self: Arc<Self>) {
        let (done, ended) = oneshot::channel();
        self.queue_job(Need::Nothing, |partition, writer| {
            writer.flush.waiting.push(done);
            partition.request_flush(writer);
        });
        // The sender is dropped, never used.
        ended.await.unwrap_or(());
    }

    fn begin_flush(self: &Arc<Self>, writer: &mut Writer) {
        writer.flush.progress = Progress::Idle;
        writer.flush.bytes = 0;
        let Some(log) = writer.log() else { return writer.flush.waiting.clear() };
        let plan = Arc::new(log.flush_plan());
        writer.flush.progress = Progress::Runs;
        writer.flush.plan = Some(Arc::clone(&plan));
        let (partition, started) = (Arc::clone(self), Instant::now());
        self.count_wait(writer);
        self.host.syncs.spawn(move || {
            let synced = plan.run();
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            partition.host.metrics.log().flush_time_us.observe(micros);
            partition.queue_job(Need::Nothing, move |partition, writer| partition.flushed(writer, &plan, synced));
        });
    }

    fn flushed(self: &Arc<Self>, writer: &mut Writer, plan: &FlushPlan<FileDisk>, synced: io::Result<()>) {
        let progress = mem::take(&mut writer.flush.progress);
        (writer.flush.plan, writer.flush.wait) = (None, None);
        if let Err(error) = synced {
            return self.flush_failed(writer, &error);
        }
        let mut again = progress == Progress::RunsAndIsAskedAgain;
        if let Some(log) = writer.log() {
            log.flushed(plan);
            let (durable_end, log_end) = (log.recovery_point(), log.view().log_end());
            let flush_messages = self.topic.settings.load().flush_messages;
            writer.flush.found(durable_end, log_end, flush_messages);
            again |= writer.flush.holds_back;
            writer.advance(log_end, self.host.clock);
        }
        if !writer.flush.holds_back && mem::take(&mut writer.flush.keeps_quiet) {
            self.host.moved.add(Arc::clone(self));
        }
        if again {
            self.begin_flush(writer);
        } else {
            writer.flush.waiting.clear();
        }
    }

    /// Of a log that was closed, or left closed by a kill, before its last records were on the device. On the disk pool.
    pub(super) fn flush_closed(self: &Arc<Self>, writer: &mut Writer) {
        if self.state() != State::Serving || writer.flush.progress != Progress::Idle || writer.flush.holds_back {
            return;
        }
        let LogState::Closed(closed) = &mut writer.log else { return };
        let Some(entry) = closed.unflushed() else { return };
        if let Err(error) = partition_log::flush_closed(&self.host.disk, entry) {
            return self.flush_failed(writer, &error);
        }
        self.host.disk.close_files(&entry.folder);
        writer.flush.durable_end = entry.log_end;
        closed.flushed();
        self.host.manifest.touch(self);
    }

    /// After a failed sync the kernel may have dropped the pages and call the next sync a success: nothing in memory can
    /// be believed.
    fn flush_failed(self: &Arc<Self>, writer: &mut Writer, error: &dyn std::error::Error) {
        self.storage_failed("flush", error);
        self.host.end_log_life();
        if self.state() == State::Deleted {
            // Nobody leads with it, and a log that can come back rests in doubt ([`Partition::bury`]).
            return writer.flush.waiting.clear();
        }
        if writer.replica.is_replicated() {
            self.host.cannot_lead.notify_one();
        }
        self.distrust(writer, Crash::FailedSync);
    }
}
