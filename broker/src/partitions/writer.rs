//! What only the one writer of a partition touches: the log, the replica's role, and the appends that wait ([`super::parked`]).

use super::{
    append::{AppendError, AppendRequest, RequiredAcks},
    closed::Closed,
    flush::FlushState,
    parked::{Parked, park},
    partition::{Log, Partition, State},
    watch::Change,
};
use crate::clock::Clock;
use model::{MonotonicTime, Offset};
use partition_log::AppendOutcome;
use replication::{Leader, Replica, check_epoch};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

/// A log that grew this much since its last flush is flushed in the background, so that a later flush, or the kernel's
/// own write-back, never has a gigabyte to write at once.
const FLUSH_EVERY_BYTES: usize = 8 << 20;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) log: LogState,
    pub(super) replica: Replica,
    /// Appends with `acks=all`, in the order of their records: they wait for the high watermark.
    pub(super) awaiting_commit: VecDeque<Parked>,
    /// All other appends, in the order of their records: with `flush.messages` they wait for the device.
    pub(super) awaiting_device: VecDeque<Parked>,
    /// Bytes that consumers have not been told of.
    unannounced_bytes: usize,
    /// Bytes that followers have not been told of.
    unreplicated_bytes: usize,
    pub(super) flush: FlushState,
    /// Others may know of the positions it had. Those that a start finds for a log in doubt are older than its last truncation,
    /// perhaps, and are shown to nobody.
    pub(super) was_served: bool,
}

#[derive(Debug)]
pub(super) enum LogState {
    Closed(Closed),
    Open(Box<Log>),
}

impl Writer {
    pub(super) fn new(replica: Replica, closed: Closed, was_served: bool, flush_messages: i64) -> Self {
        let mut flush = FlushState::default();
        if let Some(entry) = closed.entry() {
            flush.found(entry.recovery_point, entry.log_end, flush_messages);
        }
        Self {
            log: LogState::Closed(closed),
            replica,
            awaiting_commit: VecDeque::new(),
            awaiting_device: VecDeque::new(),
            unannounced_bytes: 0,
            unreplicated_bytes: 0,
            flush,
            was_served,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.log, LogState::Open(_))
    }

    /// Its log is closed, and has records that are not on the device.
    pub(super) fn is_unflushed(&self) -> bool {
        matches!(&self.log, LogState::Closed(closed) if closed.unflushed().is_some())
    }

    pub(super) fn log(&mut self) -> Option<&mut Log> {
        match &mut self.log {
            LogState::Open(log) => Some(log),
            LogState::Closed(_) => None,
        }
    }

    /// Tells the replica which records may count: with `flush.messages` reached, only those on the device.
    pub(super) fn advance(&mut self, log_end: Offset, clock: Clock) {
        let safe_end = self.flush.safe_end(log_end);
        if let Ok(leader) = self.replica.leader_mut() {
            // Without followers nobody keeps up or lags, and a look at the clock is some of what an append costs.
            let now = if leader.has_followers() { clock.now() } else { MonotonicTime::ZERO };
            let risen = leader.log_end_moved(safe_end, now);
            self.high_watermark_rose(risen);
        }
    }

    /// The log's bookkeeping of transactions follows.
    pub(super) fn high_watermark_rose(&mut self, risen: Option<Offset>) {
        if let (Some(high_watermark), LogState::Open(log)) = (risen, &mut self.log) {
            log.high_watermark_advanced(high_watermark);
        }
    }

    /// The highest offset below which everything is committed, as far as this replica knows; `None` for a follower whose
    /// log is closed.
    fn high_watermark(&self) -> Option<Offset> {
        match (self.replica.leader(), &self.log) {
            (Ok(leader), _) => Some(leader.high_watermark()),
            (Err(_), LogState::Open(log)) => Some(log.high_watermark()),
            (Err(_), LogState::Closed(_)) => None,
        }
    }
}

impl Partition {
    /// Appends a group with one write, or one per segment where the log rolls in between. Answers refusals now,
    /// everything else from [`Partition::publish`] on.
    pub(super) fn write_group(self: &Arc<Self>, writer: &mut Writer, mut group: Vec<AppendRequest>) {
        if self.state() == State::Deleted {
            return refuse(group, AppendError::Deleted);
        }
        match writer.replica.leader() {
            Err(error) => return refuse(group, AppendError::NotServed(error)),
            Ok(leader) => {
                refuse_of_other_epochs(leader, &mut group);
                refuse_unreplicated(leader, &mut group);
            }
        }
        while !group.is_empty() {
            let (epoch, is_replicated) = (writer.replica.leader_epoch(), writer.replica.is_replicated());
            let Some(log) = writer.log() else { return refuse(group, AppendError::Storage) };
            let appended = {
                let _append = is_replicated.then(|| self.host.disk_work.appends.begin());
                log.append_as_leader(group.iter().map(|request| &request.batch), epoch, self.host.clock.wall())
            };
            let (log_start, log_end) = (log.log_start(), log.log_end());
            let outcomes = match appended {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    self.storage_failed("append", &error);
                    if writer.replica.leader().is_ok_and(Leader::has_followers) {
                        self.host.cannot_lead.notify_one();
                    }
                    return refuse(group, AppendError::Storage);
                }
            };
            self.storage_works();
            let rest = group.split_off(outcomes.len());
            let bytes = self.count(&group, &outcomes);
            self.after_append(writer, bytes, log_end);
            park(&self.host, writer, group, outcomes, log_start);
            group = rest;
        }
    }

    fn count(&self, group: &[AppendRequest], outcomes: &[AppendOutcome]) -> usize {
        let (mut bytes, mut records) = (0, 0);
        for (request, outcome) in group.iter().zip(outcomes) {
            if matches!(outcome, AppendOutcome::Appended { .. }) {
                bytes += request.batch.size();
                records += u64::try_from(request.batch.header().record_count).unwrap_or(0);
            }
        }
        self.topic.metrics.bytes_in.add(bytes as u64);
        self.topic.metrics.messages_in.add(records);
        bytes
    }

    pub(super) fn after_append(self: &Arc<Self>, writer: &mut Writer, bytes: usize, log_end: Offset) {
        writer.unannounced_bytes += bytes;
        writer.unreplicated_bytes += bytes;
        writer.flush.bytes += bytes;
        let settings = self.topic.settings.load();
        let unflushed = log_end.0 - writer.flush.durable_end.0;
        writer.flush.holds_back |= unflushed >= settings.flush_messages;
        if writer.flush.holds_back || writer.flush.bytes >= FLUSH_EVERY_BYTES {
            self.request_flush(writer);
        } else if settings.flush_ms != i64::MAX && bytes > 0 && writer.flush.bytes == bytes {
            self.request_flush_later(settings.flush_ms);
        }
        writer.advance(log_end, self.host.clock);
    }

    /// Makes what the writer did visible to everybody else: view, positions, waiters, answers. Called after every step.
    pub(super) fn publish(self: &Arc<Self>, writer: &mut Writer) {
        let log_start_before = self.log_start.load(Ordering::Acquire);
        let high_watermark_before = self.high_watermark.load(Ordering::Acquire);
        let log_end_before = self.log_end.load(Ordering::Acquire);
        let mut log_end = Offset(log_end_before);
        let mut unstable = None;
        let mut producers = 0;
        if let LogState::Open(log) = &writer.log {
            producers = log.producer_count();
            let view = log.view();
            if !self.view.load().as_ref().is_some_and(|published| Arc::ptr_eq(published, view)) {
                self.view.store(Some(Arc::clone(view)));
                // Another leader epoch alone moves no position, and the manifest has it.
                self.host.manifest.touch(self);
            }
            log_end = view.log_end();
            unstable = log.first_unstable_offset();
            self.log_start.store(view.log_start().0, Ordering::Release);
            self.log_end.store(log_end.0, Ordering::Release);
        }
        self.producers.store(producers, Ordering::Relaxed);
        if let Some(high_watermark) = writer.high_watermark() {
            let stable = unstable.map_or(high_watermark, |unstable| unstable.min(high_watermark));
            self.high_watermark.store(high_watermark.0, Ordering::Release);
            self.last_stable.store(stable.0, Ordering::Release);
            let latest_is_known = writer.replica.leader().is_ok_and(Leader::high_watermark_is_known);
            self.latest_is_known.store(latest_is_known, Ordering::Release);
            if high_watermark.0 > high_watermark_before {
                self.watchers.tell(Change::Committed { bytes: std::mem::take(&mut writer.unannounced_bytes) });
            }
        }
        if self.log_start.load(Ordering::Acquire) > log_start_before {
            self.watchers.tell(Change::LogStart);
            self.host.manifest.touch(self);
        }
        if log_end.0 != log_end_before {
            self.host.manifest.touch(self);
            let bytes = std::mem::take(&mut writer.unreplicated_bytes);
            if writer.replica.leader().is_ok_and(Leader::has_followers) {
                self.watchers.tell(Change::Appended { bytes });
            }
        }
        writer.release_parked(log_end);
    }

    pub(super) fn storage_works(&self) {
        if self.storage_trouble.load(Ordering::Relaxed) && self.storage_trouble.swap(false, Ordering::Relaxed) {
            tracing::info!(topic = %self.id.topic, partition = %self.id.partition, "storage works again");
        }
    }

    /// Said once, until it works again: every append to a full disk fails alike.
    pub(super) fn storage_failed(&self, action: &'static str, error: &dyn std::error::Error) {
        self.host.metrics.log().storage_errors.add(1);
        if !self.storage_trouble.swap(true, Ordering::Relaxed) {
            let cause = error.source().map(ToString::to_string);
            tracing::error!(topic = %self.id.topic, partition = %self.id.partition, action, %error, cause, "storage failed");
        }
    }
}

/// What was meant for another leadership may rest on records that this one does not have.
fn refuse_of_other_epochs(leader: &Leader, group: &mut Vec<AppendRequest>) {
    group.retain(|request| match check_epoch(request.leader_epoch, leader.leader_epoch(), true) {
        Ok(()) => true,
        Err(error) => {
            request.sink.appended(request.index, Err(error.into()));
            false
        }
    });
}

/// `acks=all` with too few in-sync replicas is refused before anything is written.
fn refuse_unreplicated(leader: &Leader, group: &mut Vec<AppendRequest>) {
    if leader.check_min_in_sync().is_err() {
        for refused in group.extract_if(.., |request| request.acks == RequiredAcks::All) {
            refused.sink.appended(refused.index, Err(AppendError::NotEnoughReplicas));
        }
    }
}

fn refuse(group: Vec<AppendRequest>, error: AppendError) {
    for request in group {
        request.sink.appended(request.index, Err(error));
    }
}
