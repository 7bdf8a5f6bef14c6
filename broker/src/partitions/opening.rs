//! Opening a log at its first use, closing an idle one, and leaving it for good.

use super::{
    append::AppendError,
    closed::Closed,
    partition::{Log, Partition, State},
    queue::Need,
    settings::log_config,
    watch::Change,
    writer::{LogState, Writer},
};
use model::Offset;
use partition_log::{Crash, ManifestEntry, OpenError, OpenReport, Start};
use replication::{Assignment, Leader, NotServed, OwnEnds};
use std::sync::{Arc, atomic::Ordering};
use tokio::time::{Instant, timeout_at};

/// What became of the folder of a partition that is no more.
#[derive(Debug)]
pub(super) enum Retired {
    /// There is none.
    Nothing,
    /// From this one.
    Moved(String),
    /// Moving it failed; it is this one still.
    Stays(String),
}

impl Writer {
    /// The log as the manifest should have it; `None` if nothing was ever written.
    pub(super) fn manifest_entry(&self) -> Option<ManifestEntry> {
        match &self.log {
            LogState::Open(log) => Some(log.checkpoint()),
            LogState::Closed(closed) => closed.entry().cloned(),
        }
    }
}

impl Partition {
    /// On the disk pool. Leaves the log closed, and the partition failed, if it cannot be opened.
    pub(super) fn open_if_closed(self: &Arc<Self>, writer: &mut Writer) {
        self.last_use.store(self.host.clock.wall().as_ms(), Ordering::Relaxed);
        if writer.is_open() || self.state() == State::Deleted {
            return;
        }
        match self.open_log(writer) {
            Ok(log) => {
                let (log_end, high_watermark) = (log.view().log_end(), log.high_watermark());
                let flush_messages = self.topic.settings.load().flush_messages;
                writer.flush.found(log.recovery_point(), log_end, flush_messages);
                writer.log = LogState::Open(Box::new(log));
                let lacks_records = writer.was_served && log_end.0 < self.log_end.load(Ordering::Acquire);
                writer.was_served = true;
                let own = OwnEnds { log_end, safe_end: writer.flush.safe_end(log_end), high_watermark };
                let falls = writer.replica.log_opened(own, self.host.clock.now());
                if lacks_records || falls {
                    self.records_are_lost(writer, log_end);
                }
                if falls {
                    self.fall(writer);
                }
                self.start_leader_epoch(writer);
                writer.advance(log_end, self.host.clock);
                self.flush_held_back(writer);
                // Whoever sees it serve must see its positions.
                self.publish(writer);
                self.set_state(State::Serving);
                self.host.manifest.touch(self);
            }
            Err(OpenError::GivenUp { .. }) => {}
            Err(error) => {
                self.storage_failed("open log", &error);
                self.set_state(State::Failed);
                self.watchers.tell(Change::State);
                // Alone with the records it tries again: nobody else could lead.
                if writer.replica.leader().is_ok_and(Leader::others_may_lead) {
                    self.host.cannot_lead.notify_one();
                }
            }
        }
    }

    /// This replica has less than it said, in its role or by its positions: it would be counted among those that have everything,
    /// for as long as the broker is up and by the life of its logs also afterwards.
    fn records_are_lost(&self, writer: &Writer, log_end: Offset) {
        let (topic, partition) = (&self.id.topic, self.id.partition);
        tracing::error!(%topic, %partition, log_end = log_end.0, "replica lost records that others may have");
        self.host.end_log_life();
        if writer.replica.is_replicated() {
            self.host.cannot_lead.notify_one();
        }
    }

    /// Records that counted are gone: others lead, or this broker in another epoch, which its next start brings.
    fn fall(&self, writer: &mut Writer) {
        self.set_leader(None, self.leader_epoch());
        writer.refuse_parked(AppendError::NotServed(NotServed::NotLeader));
        self.watchers.tell(Change::State);
    }

    fn open_log(&self, writer: &mut Writer) -> Result<Log, OpenError> {
        let folder = self.folder();
        self.move_back(writer)?;
        let LogState::Closed(closed) = &writer.log else { unreachable!("only a closed log is opened") };
        let jitter = i64::try_from(self.host.clock.random_u64() % 1000).unwrap_or(0);
        let config = log_config(&self.topic.settings.load(), self.host.log_settings, jitter);
        let now = self.host.clock.wall();
        let given_up = || self.state() == State::Deleted;
        let (disk, topic) = (&self.host.disk, self.topic.id);
        let open = |start| Log::open_unless(&given_up, disk.clone(), &folder, topic, config.clone(), start, now);
        let opened = match open(closed.start()) {
            // Left behind by a topic of the same name whose deletion this broker missed, or a crash interrupted. Where the
            // manifest has the log as this topic's, a person has to say which of the two is wrong.
            Err(OpenError::ForeignTopic { .. }) if closed.entry().is_none() => {
                let moved = self.host.make_way(&folder);
                moved.map_err(|source| OpenError::Io { folder: folder.clone(), action: "move aside", source })?;
                open(Start::New)
            }
            opened => opened,
        };
        let (log, report) = opened?;
        self.log_report(&report);
        Ok(log)
    }

    fn log_report(&self, report: &OpenReport) {
        let (topic, partition) = (&self.id.topic, self.id.partition);
        for corrupt in &report.corrupt {
            tracing::error!(%topic, %partition, %corrupt, "damaged batch found, records around it are served");
        }
        if report.truncated_bytes > 0 || report.rebuilt_indexes > 0 {
            let OpenReport { scanned_bytes, truncated_bytes, rebuilt_indexes, .. } = report;
            tracing::info!(%topic, %partition, scanned_bytes, truncated_bytes, rebuilt_indexes, "log recovered");
        }
    }

    /// Every open log of a leader knows its epoch: batches carry it, and truncation asks for it. A full disk cannot take it
    /// but must still be read from: the first append, which has to write it too, tries again before it writes a record.
    fn start_leader_epoch(&self, writer: &mut Writer) {
        let (epoch, leads) = (writer.replica.leader_epoch(), writer.replica.leader().is_ok());
        if let Some(log) = writer.log()
            && leads
            && log.view().latest_epoch().is_none_or(|latest| latest < epoch)
            && let Err(error) = log.start_leader_epoch(epoch)
        {
            self.storage_failed("start leader epoch", &error);
        }
    }

    /// Takes over what the controller decided.
    pub(super) fn assign(self: &Arc<Self>, writer: &mut Writer, assignment: Assignment) {
        let (epoch, leader) = (assignment.leader_epoch, assignment.leader);
        let followed = writer.replica.follower_mut().is_some();
        if epoch < writer.replica.leader_epoch() || self.state() == State::Deleted {
            return;
        }
        let positions = self.offsets();
        let log_end = writer.log().map_or(positions.log_end, |log| log.view().log_end());
        let now = self.host.clock.now();
        let safe_end = writer.flush.safe_end(log_end);
        let own = OwnEnds { log_end, safe_end, high_watermark: positions.high_watermark };
        let risen = writer.replica.assign(assignment, own, now);
        writer.high_watermark_rose(risen);
        writer.advance(log_end, self.host.clock);
        self.flush_held_back(writer);
        self.start_leader_epoch(writer);
        self.propose(writer);
        self.show_follower_logs(writer);
        let leader = leader.filter(|leader| *leader != self.host.me || writer.replica.leader().is_ok());
        let changed = self.leader_epoch() != epoch || self.leader() != leader;
        // Whoever sees the leader must see its positions.
        self.publish(writer);
        self.set_leader(leader, epoch);
        if !self.leads() {
            writer.refuse_parked(AppendError::NotServed(NotServed::NotLeader));
        }
        if changed {
            self.watchers.tell(Change::State);
        }
        if followed || writer.replica.follower_mut().is_some() {
            self.host.moved.add(Arc::clone(self));
        }
    }

    /// The log cannot be believed any more: it is read anew at once, with what `crash` may have done to it.
    pub(super) fn distrust(self: &Arc<Self>, writer: &mut Writer, crash: Crash) {
        let entry = writer.manifest_entry().map(Box::new);
        writer.log = LogState::Closed(Closed::Unclean(entry, crash));
        writer.flush.forget();
        self.view.store(None);
        self.set_state(State::Failed);
        writer.refuse_parked(AppendError::Storage);
        self.watchers.tell(Change::State);
        self.queue_job(Need::Log, |_, _| {});
    }

    /// Closes the log, if it is open, so that the next start or use need not scan it. On the disk pool.
    pub(super) fn close_log(self: &Arc<Self>, writer: &mut Writer) {
        self.publish(writer);
        let Some(log) = writer.log() else { return };
        match log.close() {
            Ok(entry) => {
                let closed = Closed::Clean(Box::new(entry));
                self.closed_size.store(closed.size(), Ordering::Release);
                writer.log = LogState::Closed(closed);
                self.view.store(None);
                self.host.disk.close_files(&self.folder());
                self.host.manifest.touch(self);
            }
            // It stays open and goes on; if the process ends now, the next one recovers it.
            Err(error) => self.storage_failed("close log", &error),
        }
    }

    /// Fails everything that waits and moves the folder away, so that a topic of the same name can be made at once.
    pub(super) fn delete(self: &Arc<Self>, writer: &mut Writer) -> Option<String> {
        let doomed = aside(&self.folder(), self.host.clock.random_uuid(), "delete");
        let Retired::Moved(from) = self.retire(writer, &doomed) else { return None };
        self.host.manifest.remove(&from);
        Some(doomed)
    }

    /// The partition is no more, and its folder another one. The entry of a log that moved is the caller's to remove or replace:
    /// a checkpoint in between has it under the name of before, by which a start finds it again.
    pub(super) fn retire(self: &Arc<Self>, writer: &mut Writer, to: &str) -> Retired {
        self.set_state(State::Deleted);
        self.set_leader(None, self.leader_epoch());
        if writer.replica.follower_mut().is_some() {
            self.host.moved.add(Arc::clone(self));
        }
        writer.refuse_parked(AppendError::Deleted);
        let folder = self.folder();
        let (from, has_log) = match &writer.log {
            LogState::Open(_) => (folder, true),
            LogState::Closed(Closed::New) => (folder, false),
            // Never opened: the folder may be one that could not be moved out of the way.
            LogState::Closed(Closed::Unclean(None, _)) => {
                let is_own = self.host.another_topic_in(&folder, self.topic.id).is_none();
                (folder, is_own)
            }
            LogState::Closed(closed) => (closed.place(&folder).to_owned(), true),
        };
        writer.log = LogState::Closed(Closed::New);
        self.view.store(None);
        self.watchers.tell(Change::State);
        if !has_log {
            return Retired::Nothing;
        }
        writer.flush.call_off();
        match self.host.disk.rename_folder(&from, to) {
            Ok(()) => Retired::Moved(from),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.host.manifest.remove(&from);
                Retired::Nothing
            }
            Err(error) => {
                self.host.manifest.remove(&from);
                self.storage_failed("move deleted folder", &error);
                Retired::Stays(from)
            }
        }
    }

    /// Where the log is, in Kafka's form.
    pub(super) fn folder(&self) -> String {
        self.id.to_string()
    }

    /// Opens the log unless it is open, as the writer. `false` if it cannot be opened.
    pub(crate) async fn ensure_open(self: &Arc<Self>) -> bool {
        self.view.load().is_some() || self.exclusive(Need::Log, |_, writer| writer.is_open()).await.unwrap_or(false)
    }

    /// Waits while the log is being recovered, at most until `deadline`.
    pub(crate) async fn recovered_by(self: &Arc<Self>, deadline: Instant) {
        if self.state() == State::Recovering {
            // Out of time it is still recovering, and says so.
            timeout_at(deadline, self.ensure_open()).await.ok();
        }
    }
}

/// Where a folder goes that is out of use: its name may not be longer than file systems take, as in Kafka.
pub(super) fn aside(folder: &str, id: uuid::Uuid, why: &str) -> String {
    const LONGEST_NAME: usize = 255;
    let suffix = format!(".{:032x}-{why}", id.as_u128());
    let kept = folder.len().min(LONGEST_NAME - suffix.len());
    format!("{}{suffix}", folder.get(..kept).unwrap_or_default())
}
