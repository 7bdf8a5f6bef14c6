//! The owner of one coordinator: takes requests and timers one after the other, appends what they decide, and sends the
//! answers once they are committed.

use super::{answer::Answer, counts::ShardCounts, loading, seen_topics::SeenTopics, timers::Timers};
use crate::{
    clock::Clock,
    config::BrokerConfig,
    metadata_cache::MetadataCache,
    partitions::{AppendError, Change, Partition, RequiredAcks, Watcher},
};
use group_coordinator::{
    Decision, Event, Fact, GroupConfig, GroupCoordinator, GroupError, Now, Outbox, Reply, ReplyTo, Request,
    RequestKind,
    records::{Record, RecordError, encode_batches},
};
use model::{LeaderEpoch, MonotonicTime, Offset};
use partition_log::PreparedBatch;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

/// A timer whose decision could not be appended fires again after this long.
const TIMER_RETRY: Duration = Duration::from_secs(1);
/// Groups are counted again at most this often.
const SURVEY_INTERVAL: Duration = Duration::from_secs(1);

type Look = Box<dyn FnOnce(&GroupCoordinator) -> Box<dyn FnOnce() + Send> + Send>;

/// What the owner of a partition is told.
pub(super) enum Command {
    Request(Request, oneshot::Sender<Reply>),
    /// Topics may be gone, and with them the offsets committed for them.
    MetadataChanged,
    /// Looks now, delivers what it saw once that is committed.
    Read(Look),
}

#[derive(Debug, Clone)]
pub(super) struct ShardSettings {
    groups: GroupConfig,
    load_chunk_bytes: u32,
    commit_timeout: Duration,
    expiry_interval: Duration,
}

impl ShardSettings {
    pub(super) fn read(config: &BrokerConfig) -> Self {
        let (groups, offsets) = (&config.groups, &config.offsets);
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        Self {
            groups: GroupConfig {
                min_session_timeout: ms(groups.min_session_timeout_ms),
                max_session_timeout: ms(groups.max_session_timeout_ms),
                initial_rebalance_delay: ms(groups.initial_rebalance_delay_ms),
                max_group_size: groups.max_size as usize,
                max_offset_metadata_bytes: offsets.metadata_max_bytes as usize,
                offsets_retention: Duration::from_millis(u64::try_from(offsets.retention_ms).unwrap_or(u64::MAX)),
            },
            load_chunk_bytes: offsets.load_buffer_bytes,
            commit_timeout: ms(offsets.commit_timeout_ms),
            expiry_interval: Duration::from_millis(offsets.retention_check_interval_ms),
        }
    }
}

#[derive(Debug)]
pub(super) struct Shard {
    partition: Arc<Partition>,
    leader_epoch: LeaderEpoch,
    settings: ShardSettings,
    clock: Clock,
    coordinator: GroupCoordinator,
    timers: Timers,
    next_expiry: MonotonicTime,
    /// Requests without an answer yet: parked joins and syncs, and the one being decided.
    waiting: HashMap<ReplyTo, (RequestKind, oneshot::Sender<Reply>)>,
    next_reply: u64,
    /// The end of what this coordinator has appended.
    appended: Offset,
    outbox: Outbox<Answer>,
    metadata: MetadataCache,
    seen_topics: SeenTopics,
    counts: Arc<ShardCounts>,
    next_survey: MonotonicTime,
    is_survey_due: bool,
}

/// Wakes the owner when the high watermark moves.
#[derive(Debug, Default)]
struct CommitSignal(Notify);

impl Watcher for CommitSignal {
    fn changed(&self, _index: u32, _change: Change) {
        self.0.notify_one();
    }
}

impl Shard {
    pub(super) fn new(
        partition: Arc<Partition>,
        leader_epoch: LeaderEpoch,
        settings: ShardSettings,
        clock: Clock,
        metadata: MetadataCache,
        counts: Arc<ShardCounts>,
    ) -> Self {
        Self {
            partition,
            leader_epoch,
            coordinator: GroupCoordinator::new(settings.groups.clone()),
            timers: Timers::default(),
            next_expiry: clock.now() + settings.expiry_interval,
            waiting: HashMap::new(),
            next_reply: 0,
            appended: Offset::ZERO,
            outbox: Outbox::default(),
            metadata,
            seen_topics: SeenTopics::default(),
            counts,
            next_survey: clock.now(),
            is_survey_due: true,
            settings,
            clock,
        }
    }

    /// Ends when the mailbox closes; while it loads, as soon as `ended` says so.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        ended: oneshot::Receiver<()>,
        loads: Arc<Semaphore>,
        is_loaded: Arc<AtomicBool>,
    ) {
        let (config, chunk_bytes) = (&self.settings.groups, self.settings.load_chunk_bytes);
        let started = self.clock.now();
        let loaded = tokio::select! {
            biased;
            _ = ended => return,
            loaded = loading::load(&self.partition, self.leader_epoch, config, &loads, chunk_bytes) => loaded,
        };
        let Some(coordinator) = loaded else { return };
        self.coordinator = coordinator;
        let loaded = self.coordinator.finish_loading(self.now());
        self.accept(loaded);
        self.counts.loaded_in(self.clock.now().since(started));
        self.forget_deleted_topics().await;
        is_loaded.store(true, Ordering::Release);

        let signal = Arc::new(CommitSignal::default());
        let watcher: Arc<dyn Watcher> = signal.clone();
        let ticket = self.partition.subscribe(Arc::downgrade(&watcher), 0);
        loop {
            self.handle_due().await;
            let wake = self.clock.instant_at(self.next_wake());
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.handle(command).await,
                    None => break,
                },
                () = signal.0.notified(), if !self.outbox.is_empty() => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        self.partition.unsubscribe(ticket);
    }

    fn now(&self) -> Now {
        Now { monotonic: self.clock.now(), wall: self.clock.wall() }
    }

    /// How far what was appended in this leadership is committed; `None` once that is over. In this order: a high watermark
    /// that counts the records of another leader is there only after its epoch is.
    fn committed(&self) -> Option<Offset> {
        let high_watermark = self.partition.offsets().high_watermark;
        self.partition.check(self.leader_epoch).is_ok().then_some(high_watermark)
    }

    fn next_wake(&self) -> MonotonicTime {
        let survey = self.is_survey_due.then_some(self.next_survey);
        let others = [self.timers.next(), self.outbox.next_deadline(), survey];
        others.into_iter().flatten().fold(self.next_expiry, MonotonicTime::min)
    }

    async fn handle_due(&mut self) {
        self.send_due();
        let now = self.clock.now();
        while let Some(timer) = self.timers.take_due(now) {
            self.handle_event(Event::Timer(timer)).await;
        }
        if self.next_expiry <= now {
            self.next_expiry = now + self.settings.expiry_interval;
            self.handle_event(Event::ExpireOffsets).await;
        }
        if self.is_survey_due && self.next_survey <= now {
            self.counts.survey(&self.coordinator);
            self.is_survey_due = false;
            self.next_survey = now + SURVEY_INTERVAL;
        }
    }

    async fn handle(&mut self, command: Command) {
        match command {
            Command::Request(request, sender) => self.handle_request(request, sender).await,
            Command::MetadataChanged => self.forget_deleted_topics().await,
            Command::Read(look) => {
                let deliver = look(&self.coordinator);
                self.send(Answer::Read(deliver));
            }
        }
    }

    async fn handle_request(&mut self, request: Request, sender: oneshot::Sender<Reply>) {
        let to = ReplyTo(self.next_reply);
        self.next_reply += 1;
        let kind = request.kind();
        let group = request.group().clone();
        if let Request::CommitOffsets(commit) = &request {
            self.seen_topics.note(commit);
        }
        self.waiting.insert(to, (kind.clone(), sender));
        let decision = self.coordinator.decide(to, request, self.now());
        match self.append(&decision.records).await {
            Ok(()) => self.accept(decision),
            Err(error) => {
                tracing::warn!(group_id = %group, %error, "group request could not be stored");
                self.answer(to, kind.clone().refused(refusal(&error, &kind)));
            }
        }
    }

    async fn handle_event(&mut self, event: Event) {
        let decision = self.coordinator.decide_event(&event, self.now());
        match self.append(&decision.records).await {
            Ok(()) => self.accept(decision),
            Err(error) => {
                tracing::warn!(partition = %self.partition.id(), ?event, %error, "group change could not be stored");
                if let Event::Timer(timer) = event {
                    self.timers.arm(timer, self.clock.now() + TIMER_RETRY);
                }
            }
        }
    }

    async fn forget_deleted_topics(&mut self) {
        // In this order: what was committed by now was checked against an image no newer than the one looked at next.
        let committed: Vec<_> = self.coordinator.committed_topics().cloned().collect();
        let deleted = self.seen_topics.deleted(committed, &self.metadata.current());
        if !deleted.is_empty() {
            self.handle_event(Event::TopicsDeleted(deleted)).await;
        }
    }

    /// In as many batches as it takes. Where a later one fails, the earlier ones are in the log and so they count.
    async fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let max_batch_bytes = self.partition.settings().max_message_bytes as usize;
        let mut stored = 0;
        for batch in encode_batches(records, self.clock.wall(), max_batch_bytes)? {
            let prepared = PreparedBatch::new(batch.bytes).expect("the builder makes whole batches");
            match self.partition.append_in_epoch(self.leader_epoch, prepared, RequiredAcks::Leader).await {
                Ok(place) => self.appended = place.next_offset,
                Err(error) => {
                    records[..stored].iter().for_each(|record| self.coordinator.apply(record));
                    return Err(error.into());
                }
            }
            stored += batch.records;
        }
        Ok(())
    }

    fn accept(&mut self, mut decision: Decision) {
        self.coordinator.accept(&mut decision);
        let now = self.clock.now();
        for change in decision.timers {
            self.timers.change(change, now);
        }
        for fact in &decision.facts {
            self.counts.count(fact);
            log(fact);
        }
        self.is_survey_due |= !decision.facts.is_empty() || !decision.records.is_empty();
        for (to, reply) in decision.replies {
            self.answer(to, reply);
        }
    }

    fn answer(&mut self, to: ReplyTo, reply: Reply) {
        if let Some((kind, to)) = self.waiting.remove(&to) {
            self.send(Answer::Reply { reply, kind, to });
        }
    }

    fn send(&mut self, answer: Answer) {
        self.outbox.put(answer, self.appended, self.clock.now() + self.settings.commit_timeout);
        self.send_due();
    }

    fn send_due(&mut self) {
        let (committed, now) = (self.committed(), self.clock.now());
        while let Some(leaving) = self.outbox.take_due(committed, now) {
            Answer::leave(leaving);
        }
        if committed.is_none() {
            self.refuse_waiting();
        }
    }

    /// Whoever waits is to ask another coordinator.
    fn refuse_waiting(&mut self) {
        for (_, (kind, to)) in self.waiting.drain() {
            // It may have gone.
            to.send(kind.refused(GroupError::NotCoordinator)).ok();
        }
    }
}

/// Why records did not get into the log.
#[derive(Debug, thiserror::Error)]
enum StoreError {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What a client is told when its records did not get into the log, as in Kafka's coordinator.
fn refusal(error: &StoreError, kind: &RequestKind) -> GroupError {
    let too_large = match kind {
        RequestKind::CommitOffsets => GroupError::InvalidCommitOffsetSize,
        _ => GroupError::UnknownServerError,
    };
    match error {
        StoreError::Record(_) => too_large,
        StoreError::Append(error) => match error {
            AppendError::NotEnoughReplicas
            | AppendError::NotEnoughReplicasAfterAppend
            | AppendError::TimedOut
            | AppendError::Deleted => GroupError::CoordinatorNotAvailable,
            AppendError::NotServed(_) | AppendError::Storage => GroupError::NotCoordinator,
            AppendError::Refused(error) => match error {
                partition_log::AppendError::MessageTooLarge | partition_log::AppendError::RecordListTooLarge => {
                    too_large
                }
                _ => GroupError::UnknownServerError,
            },
        },
    }
}

fn log(fact: &Fact) {
    match fact {
        Fact::RebalanceStarted { group, reason } => {
            tracing::info!(group_id = %group, reason, "group rebalances");
        }
        Fact::GenerationStarted { group, generation, members } => {
            tracing::info!(group_id = %group, generation, members, "group generation starts");
        }
        Fact::GroupStabilized { group, generation } => {
            tracing::info!(group_id = %group, generation, "group is stable");
        }
        Fact::MemberRemoved { group, member, reason } => {
            tracing::info!(group_id = %group, member_id = %member, reason, "member removed from group");
        }
        Fact::GroupRemoved { group } => tracing::info!(group_id = %group, "group removed"),
        Fact::OffsetsExpired { group, count } => tracing::info!(group_id = %group, count, "offsets expired"),
        Fact::OffsetsDeleted { group, count } => tracing::info!(group_id = %group, count, "offsets deleted"),
        Fact::OffsetsCommitted { .. } => {}
    }
}
