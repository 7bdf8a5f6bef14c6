//! One partition as everybody but its writer sees it.

use super::{
    Host, Topic,
    closed::Closed,
    queue::Queue,
    watch::{Ticket, Watcher, Watchers},
    writer::Writer,
};
use crate::file_disk::FileDisk;
use arc_swap::ArcSwapOption;
use controller::topic_config::TopicConfig;
use model::{BrokerId, LeaderEpoch, Offset, TopicPartition};
use parking_lot::Mutex;
use replication::{FetchIsolation, FollowerLog, Leader, NotServed, ReadableEnds, Replica, check_epoch};
use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

pub(super) type Log = partition_log::Log<FileDisk>;
pub(crate) type LogView = partition_log::LogView<FileDisk>;

/// The positions of a partition at one moment: `log_start` ≤ `last_stable` ≤ `high_watermark` ≤ `log_end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) log_start: Offset,
    pub(crate) last_stable: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) log_end: Offset,
}

impl Offsets {
    /// Where what is shown to a follower, or to a consumer, ends.
    pub(crate) fn end_for(&self, follower: bool) -> Offset {
        self.readable_end(if follower { FetchIsolation::LogEnd } else { FetchIsolation::HighWatermark })
    }

    pub(crate) fn readable_end(&self, isolation: FetchIsolation) -> Offset {
        let Self { last_stable, high_watermark, log_end, .. } = *self;
        isolation.readable_end(ReadableEnds { last_stable, high_watermark, log_end })
    }
}

/// Whether the positions can be believed.
///
/// | state      | requests get            | next                                             |
/// |------------|-------------------------|--------------------------------------------------|
/// | Recovering | a retriable error       | Serving, Failed or Deleted                       |
/// | Serving    | served                  | Failed when the log cannot be opened; Deleted    |
/// | Failed     | a storage error         | Recovering when it is tried again; Deleted       |
/// | Deleted    | "no such partition"     | none                                             |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Recovering,
    Serving,
    Failed,
    Deleted,
}

/// Why a request for a partition is turned away before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error(transparent)]
    NotServed(#[from] NotServed),
    #[error("the log is being recovered")]
    Recovering,
    #[error("the disk failed")]
    Storage,
    #[error("the topic was deleted")]
    Deleted,
}

pub(crate) struct Partition {
    pub(super) id: TopicPartition,
    pub(super) topic: Arc<Topic>,
    pub(super) host: Arc<Host>,
    state: AtomicU8,
    pub(super) storage_trouble: AtomicBool,
    /// Stored before `leader`, so that a reader who sees the leader sees its epoch.
    pub(super) leader_epoch: AtomicI32,
    /// -1 while nobody leads.
    leader: AtomicI32,
    pub(super) log_start: AtomicI64,
    pub(super) last_stable: AtomicI64,
    pub(super) high_watermark: AtomicI64,
    pub(super) log_end: AtomicI64,
    /// The leader's high watermark, as a follower heard it last.
    pub(super) leader_high_watermark: AtomicI64,
    /// Bytes of all segments, while the log is closed.
    pub(super) closed_size: AtomicI64,
    /// Wall-clock ms of the last request that needed the log: an idle one is closed again.
    pub(super) last_use: AtomicI64,
    /// The high watermark has reached the start of the current leadership.
    pub(super) latest_is_known: AtomicBool,
    pub(super) next_closed_check: AtomicI64,
    /// Wall time before which compaction is not tried again after it failed.
    pub(super) next_cleaning: AtomicI64,
    /// Producers whose state is in memory.
    pub(super) producers: AtomicUsize,
    /// In the list of what the next manifest has to ask.
    pub(super) touched: AtomicBool,
    pub(super) view: ArcSwapOption<LogView>,
    pub(super) watchers: Watchers,
    /// What this leader's followers told of their logs.
    follower_logs: Mutex<Vec<FollowerLog>>,
    pub(super) queue: Mutex<Queue>,
    pub(super) room: Notify,
    /// Held only by whoever has the right to write, see [`super::queue`]: locking it never waits for a write.
    pub(super) writer: Mutex<Writer>,
}

impl Partition {
    pub(super) fn new(id: TopicPartition, topic: Arc<Topic>, host: Arc<Host>, state: State, closed: Closed) -> Self {
        let positions = closed.positions();
        let flush_messages = topic.settings.load().flush_messages;
        let was_served = state == State::Serving;
        Self {
            id,
            topic,
            state: AtomicU8::new(state as u8),
            storage_trouble: AtomicBool::new(false),
            leader_epoch: AtomicI32::new(LeaderEpoch::UNKNOWN.0),
            leader: AtomicI32::new(-1),
            log_start: AtomicI64::new(positions.log_start.0),
            last_stable: AtomicI64::new(positions.last_stable.0),
            high_watermark: AtomicI64::new(positions.high_watermark.0),
            log_end: AtomicI64::new(positions.log_end.0),
            leader_high_watermark: AtomicI64::new(0),
            closed_size: AtomicI64::new(closed.size()),
            last_use: AtomicI64::new(0),
            latest_is_known: AtomicBool::new(false),
            next_closed_check: AtomicI64::new(0),
            next_cleaning: AtomicI64::new(0),
            producers: AtomicUsize::new(0),
            touched: AtomicBool::new(false),
            view: ArcSwapOption::empty(),
            watchers: Watchers::default(),
            follower_logs: Mutex::default(),
            queue: Mutex::default(),
            room: Notify::new(),
            writer: Mutex::new(Writer::new(Replica::new(host.me), closed, was_served, flush_messages)),
            host,
        }
    }

    pub(crate) fn id(&self) -> &TopicPartition {
        &self.id
    }

    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The configuration in force.
    pub(crate) fn settings(&self) -> Arc<TopicConfig> {
        self.topic.settings.load_full()
    }

    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.leader_epoch.load(Ordering::Acquire))
    }

    /// Who leads, as far as this broker knows.
    pub(crate) fn leader(&self) -> Option<BrokerId> {
        let leader = self.leader.load(Ordering::Acquire);
        (leader >= 0).then_some(BrokerId(leader))
    }

    pub(super) fn set_leader(&self, leader: Option<BrokerId>, epoch: LeaderEpoch) {
        self.leader_epoch.store(epoch.0, Ordering::Release);
        self.leader.store(leader.map_or(-1, |leader| leader.0), Ordering::Release);
    }

    pub(super) fn leads(&self) -> bool {
        self.leader() == Some(self.host.me)
    }

    pub(crate) fn offsets(&self) -> Offsets {
        // In this order the inequalities hold although the writer goes on: each value only grows.
        let log_start = self.log_start.load(Ordering::Acquire);
        let last_stable = self.last_stable.load(Ordering::Acquire).max(log_start);
        let high_watermark = self.high_watermark.load(Ordering::Acquire).max(last_stable);
        let log_end = self.log_end.load(Ordering::Acquire).max(high_watermark);
        Offsets {
            log_start: Offset(log_start),
            last_stable: Offset(last_stable),
            high_watermark: Offset(high_watermark),
            log_end: Offset(log_end),
        }
    }

    /// Whether the follower has this offset, as far as it told this leader.
    pub(crate) fn is_in_log_of(&self, follower: BrokerId, offset: Offset) -> bool {
        self.follower_logs.lock().iter().any(|log| log.broker == follower && log.has(offset))
    }

    /// After whatever a follower told, or another leadership.
    pub(super) fn show_follower_logs(&self, writer: &Writer) {
        let mut shown = self.follower_logs.lock();
        shown.clear();
        shown.extend(writer.replica.leader().into_iter().flat_map(Leader::follower_logs));
    }

    /// Records that the leader has committed and this follower lacks; 0 for a leader.
    pub(crate) fn lag(&self) -> i64 {
        let behind = self.leader_high_watermark.load(Ordering::Relaxed) - self.log_end.load(Ordering::Relaxed);
        if self.leads() { 0 } else { behind.max(0) }
    }

    /// Until then "latest" could go backwards, for the leader before may have told a higher offset.
    pub(crate) fn latest_is_known(&self) -> bool {
        self.latest_is_known.load(Ordering::Acquire)
    }

    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Recovering,
            1 => State::Serving,
            2 => State::Failed,
            _ => State::Deleted,
        }
    }

    /// Deleted is for ever.
    pub(super) fn set_state(&self, state: State) {
        let keep_deleted = |before| (before != State::Deleted as u8).then_some(state as u8);
        // An error means it was deleted, and then it stays so.
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, keep_deleted).ok();
    }

    /// Whether a request of a client that believes in `epoch` is served here and now.
    pub(crate) fn check(&self, epoch: LeaderEpoch) -> Result<(), Unavailable> {
        match self.state() {
            State::Deleted => return Err(Unavailable::Deleted),
            State::Failed => return Err(Unavailable::Storage),
            State::Recovering => return Err(Unavailable::Recovering),
            State::Serving => {}
        }
        Ok(check_epoch(epoch, self.leader_epoch(), self.leads())?)
    }

    /// The same for a consumer that may read from a follower too (KIP-392).
    pub(crate) fn check_readable(&self, epoch: LeaderEpoch) -> Result<(), Unavailable> {
        match self.check(epoch) {
            Err(Unavailable::NotServed(NotServed::NotLeader)) if self.leader().is_some() => Ok(()),
            checked => checked,
        }
    }

    /// What can be read without waiting for the writer; `None` while the log is closed.
    pub(crate) fn view(&self) -> Option<Arc<LogView>> {
        self.view.load_full()
    }

    /// Producers whose state is in memory: none while the log is closed.
    pub(crate) fn producer_count(&self) -> usize {
        self.producers.load(Ordering::Relaxed)
    }

    /// Bytes on disk.
    pub(crate) fn size(&self) -> i64 {
        match &*self.view.load() {
            Some(view) => i64::try_from(view.size_in_bytes()).unwrap_or(i64::MAX),
            None => self.closed_size.load(Ordering::Acquire),
        }
    }

    /// Calls the watcher on every change from now on, until [`Partition::unsubscribe`] or until it is dropped.
    pub(crate) fn subscribe(&self, watcher: Weak<dyn Watcher>, index: u32) -> Ticket {
        self.watchers.subscribe(watcher, index)
    }

    pub(crate) fn unsubscribe(&self, ticket: Ticket) {
        self.watchers.unsubscribe(ticket);
    }

    #[cfg(test)]
    pub(crate) fn is_watched(&self) -> bool {
        self.watchers.any()
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("id", &self.id)
            .field("state", &self.state())
            .field("leader_epoch", &self.leader_epoch())
            .field("offsets", &self.offsets())
            .finish_non_exhaustive()
    }
}
