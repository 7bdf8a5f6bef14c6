//! The host of the group coordinator on the leader of its partition: the steps of the broker's own host, one at a time.

use super::{
    World,
    message::{GroupAnswer, GroupAsk, Message, Node},
    partition::SimulatedPartition,
    place::{Place, Positions},
    records::read,
};
use group_coordinator::{
    Decision, Event, Fact, FetchOffsets, GroupConfig, GroupCoordinator, GroupError, Loaded, Now, ReplyTo, RequestKind,
    Timer, TimerChange,
    records::{Record, encode_batches},
};
use model::{
    BrokerId, GroupId, LeaderEpoch, MonotonicTime, Offset,
    mistakes::{Mistake, is_made},
};
use partition_log::{AppendOutcome, PreparedBatch};
use protocol::record_batch::Batches;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

pub(super) const GROUP: &str = "simulated";
const LARGEST_BATCH: usize = 1 << 20;
/// A timer whose decision could not be appended fires again after this long.
const TIMER_RETRY: Duration = Duration::from_secs(1);
/// An answer whose records are not committed by then is a refusal.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

fn config() -> GroupConfig {
    GroupConfig {
        min_session_timeout: Duration::from_secs(1),
        initial_rebalance_delay: Duration::from_millis(300),
        ..GroupConfig::default()
    }
}

#[derive(Debug)]
pub(super) struct Coordinator {
    /// `None` until its partition is read.
    core: Option<GroupCoordinator>,
    epoch: LeaderEpoch,
    timers: BTreeMap<Timer, MonotonicTime>,
    /// Requests without an answer yet.
    waiting: BTreeMap<ReplyTo, (Asker, RequestKind)>,
    /// Answers that rest on everything before an offset.
    outbox: VecDeque<Held>,
    next_reply: u64,
    /// The end of what this coordinator has appended.
    appended: Offset,
}

/// Who waits for which answer.
#[derive(Debug, Clone, Copy)]
struct Asker {
    member: usize,
    request: u64,
}

#[derive(Debug)]
struct Held {
    until: Offset,
    deadline: MonotonicTime,
    to: Asker,
    answer: GroupAnswer,
    refused: GroupAnswer,
}

impl Coordinator {
    fn of(epoch: LeaderEpoch) -> Self {
        Self {
            core: None,
            epoch,
            timers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            outbox: VecDeque::new(),
            next_reply: 0,
            appended: Offset::ZERO,
        }
    }

    fn change(&mut self, timers: Vec<TimerChange>, now: MonotonicTime) {
        for change in timers {
            match change {
                TimerChange::Arm { timer, after } => drop(self.timers.insert(timer, now + after)),
                TimerChange::Cancel(timer) => drop(self.timers.remove(&timer)),
            }
        }
    }

    fn accept(&mut self, mut decision: Decision, now: MonotonicTime) {
        if let Some(core) = &mut self.core {
            core.accept(&mut decision);
        }
        self.change(decision.timers, now);
        for (to, reply) in decision.replies {
            if let Some((asker, kind)) = self.waiting.remove(&to) {
                let refused = GroupAnswer::Reply(kind.refused(GroupError::CoordinatorNotAvailable));
                self.hold(asker, GroupAnswer::Reply(reply), refused, now);
            }
        }
    }

    fn hold(&mut self, to: Asker, answer: GroupAnswer, refused: GroupAnswer, now: MonotonicTime) {
        self.outbox.push_back(Held { until: self.appended, deadline: now + COMMIT_TIMEOUT, to, answer, refused });
    }

    /// Everybody who waits is told that another coordinates now.
    fn refuse_all(&mut self) -> Vec<(Asker, GroupAnswer)> {
        let not_here = |kind: RequestKind| GroupAnswer::Reply(kind.refused(GroupError::NotCoordinator));
        let held = self.outbox.drain(..).map(|held| match held.answer {
            GroupAnswer::Reply(_) => (held.to, held.refused),
            GroupAnswer::Offsets(_) => (held.to, GroupAnswer::Offsets(Err(GroupError::NotCoordinator))),
        });
        let mut told: Vec<_> = held.collect();
        told.extend(std::mem::take(&mut self.waiting).into_values().map(|(asker, kind)| (asker, not_here(kind))));
        told
    }
}

/// What the partition holds counts once this broker leads it and it is committed.
fn load(partition: &SimulatedPartition) -> Option<GroupCoordinator> {
    let leader = partition.replica.leader().ok()?;
    let end = if is_made(Mistake::LoadKnownCommitted) {
        partition.log.high_watermark()
    } else if leader.high_watermark() < partition.log.log_end() {
        return None;
    } else {
        partition.log.log_end()
    };
    let mut core = GroupCoordinator::new(config());
    let (mut next, mut loaded) = (partition.log.log_start(), Loaded::default());
    while next < end {
        let bytes = read(partition.log.view(), next, end)?;
        core.load(&bytes, &mut loaded).expect("batches that a coordinator wrote");
        next = Batches::new(&bytes).last()?.ok()?.header.next_offset();
    }
    assert_eq!(loaded.broken, 0, "a record that no coordinator wrote");
    Some(core)
}

impl World {
    /// The coordinator is where its partition is led, for as long as that leadership lasts.
    pub(super) fn follow_leadership(&mut self, id: i32) {
        let Some(partition) = self.offsets_of(id) else { return };
        let epoch = partition.replica.leader().ok().map(replication::Leader::leader_epoch);
        let current = partition.coordinator.as_ref().map(|coordinator| coordinator.epoch);
        if epoch != current {
            let before = std::mem::replace(&mut partition.coordinator, epoch.map(Coordinator::of));
            let told = before.map(|mut before| before.refuse_all()).unwrap_or_default();
            told.into_iter().for_each(|(asker, answer)| self.answer_member(id, asker, answer));
        }
        self.coordinate(id);
    }

    /// Loads what is not loaded, and does what is due.
    pub(super) fn coordinate(&mut self, id: i32) {
        let now = self.now_of(id);
        let Some(partition) = self.offsets_of(id) else { return };
        if partition.coordinator.as_ref().is_some_and(|coordinator| coordinator.core.is_none()) {
            let Some(mut core) = load(partition) else { return };
            let loaded = core.finish_loading(now);
            if let Some(coordinator) = &mut partition.coordinator {
                coordinator.core = Some(core);
                coordinator.change(loaded.timers, now.monotonic);
            }
        }
        let Some(coordinator) = self.coordinator_of(id) else { return };
        let is_overdue = |held: &&Held| held.deadline <= now.monotonic;
        let overdue = coordinator.outbox.iter().take_while(is_overdue).count();
        let overdue: Vec<_> = coordinator.outbox.drain(..overdue).collect();
        let due = coordinator.timers.iter().filter(|(_, at)| **at <= now.monotonic).map(|(timer, _)| timer.clone());
        let due: Vec<_> = due.collect();
        for held in overdue {
            self.answer_member(id, held.to, held.refused);
        }
        for timer in due {
            self.fire(id, timer, now);
        }
    }

    fn fire(&mut self, id: i32, timer: Timer, now: Now) {
        let Some(coordinator) = self.coordinator_of(id) else { return };
        coordinator.timers.remove(&timer);
        let Some(core) = &coordinator.core else { return };
        let decision = core.decide_event(&Event::Timer(timer.clone()), now);
        match self.append_records(id, &decision.records) {
            Ok(()) => self.accept(id, decision, now),
            Err(_) => {
                if let Some(coordinator) = self.coordinator_of(id) {
                    coordinator.timers.insert(timer, now.monotonic + TIMER_RETRY);
                }
            }
        }
    }

    fn accept(&mut self, id: i32, decision: Decision, now: Now) {
        for fact in decision.facts.iter().filter(|fact| !matches!(fact, Fact::OffsetsCommitted { .. })) {
            self.trace.story(self.network.now, format_args!("broker {id} coordinates: {fact:?}"));
        }
        if let Some(coordinator) = self.coordinator_of(id) {
            coordinator.accept(decision, now.monotonic);
        }
        self.publish(id, Place::Offsets);
    }

    pub(super) fn group_asked(&mut self, id: i32, member: usize, request: u64, ask: GroupAsk) {
        let now = self.now_of(id);
        let asker = Asker { member, request };
        let Some(coordinator) = self.coordinator_of(id) else {
            return self.answer_member(id, asker, refusal(&ask, GroupError::NotCoordinator));
        };
        let Some(core) = &coordinator.core else {
            return self.answer_member(id, asker, refusal(&ask, GroupError::CoordinatorLoadInProgress));
        };
        let asked = match ask {
            GroupAsk::FetchOffsets => {
                let refused = refusal(&GroupAsk::FetchOffsets, GroupError::CoordinatorNotAvailable);
                let positions = committed_in(core);
                coordinator.hold(asker, GroupAnswer::Offsets(Ok(positions)), refused, now.monotonic);
                return self.publish(id, Place::Offsets);
            }
            GroupAsk::Decide(asked) => asked,
        };
        let to = ReplyTo(coordinator.next_reply);
        coordinator.next_reply += 1;
        let kind = asked.kind();
        coordinator.waiting.insert(to, (asker, kind.clone()));
        let decision = core.decide(to, asked, now);
        match self.append_records(id, &decision.records) {
            Ok(()) => self.accept(id, decision, now),
            Err(error) => {
                if let Some(coordinator) = self.coordinator_of(id) {
                    coordinator.waiting.remove(&to);
                }
                self.answer_member(id, asker, GroupAnswer::Reply(kind.refused(error)));
            }
        }
    }

    fn append_records(&mut self, id: i32, records: &[Record]) -> Result<(), GroupError> {
        if records.is_empty() {
            return Ok(());
        }
        let (now, wall) = (self.network.clock(Node::Broker(id)), self.network.wall(Node::Broker(id)));
        let partition = self.offsets_of(id).ok_or(GroupError::NotCoordinator)?;
        let leader = partition.replica.leader().map_err(|_| GroupError::NotCoordinator)?;
        leader.check_min_in_sync().map_err(|_| GroupError::CoordinatorNotAvailable)?;
        let epoch = leader.leader_epoch();
        let batches = encode_batches(records, wall, LARGEST_BATCH).expect("small records");
        let prepared = batches.into_iter().map(|batch| PreparedBatch::new(batch.bytes).expect("a batch just built"));
        let prepared: Vec<_> = prepared.collect();
        match partition.log.append_as_leader(&prepared, epoch, wall) {
            Ok(outcomes) => {
                let is_appended = |outcome: &AppendOutcome| matches!(outcome, AppendOutcome::Appended { .. });
                assert!(outcomes.iter().all(is_appended), "a coordinator's batches have no sequence");
            }
            Err(_) => {
                self.disk_refused(id);
                return Err(GroupError::NotCoordinator);
            }
        }
        let end = partition.log.log_end();
        if let Ok(leader) = partition.replica.leader_mut() {
            leader.log_end_moved(end, now);
        }
        if let Some(coordinator) = &mut partition.coordinator {
            coordinator.appended = end;
        }
        self.history.appended(Place::Offsets, epoch, BrokerId(id));
        self.wrote(id);
        self.wake_followers(id, Place::Offsets);
        Ok(())
    }

    /// Answers leave once what they rest on is committed, in order.
    pub(super) fn answer_committed(&mut self, id: i32) {
        let Some(partition) = self.offsets_of(id) else { return };
        let high_watermark = partition.log.high_watermark();
        let Some(coordinator) = &mut partition.coordinator else { return };
        let is_due = |held: &Held| held.until <= high_watermark || is_made(Mistake::AnswerBeforeStored);
        let due = coordinator.outbox.iter().take_while(|held| is_due(held)).count();
        for held in coordinator.outbox.drain(..due).collect::<Vec<_>>() {
            self.answer_member(id, held.to, held.answer);
        }
    }

    fn answer_member(&mut self, id: i32, to: Asker, answer: GroupAnswer) {
        let answer = Message::AnswerGroup { request: to.request, answer: Box::new(answer) };
        self.network.send(Node::Broker(id), Node::Member(to.member), answer, &mut self.random);
    }

    fn offsets_of(&mut self, id: i32) -> Option<&mut SimulatedPartition> {
        self.brokers.get_mut(&id)?.partitions.get_mut(&Place::Offsets)
    }

    fn coordinator_of(&mut self, id: i32) -> Option<&mut Coordinator> {
        self.offsets_of(id)?.coordinator.as_mut()
    }

    fn now_of(&self, id: i32) -> Now {
        let broker = Node::Broker(id);
        Now { monotonic: self.network.clock(broker), wall: self.network.wall(broker) }
    }
}

fn refusal(ask: &GroupAsk, error: GroupError) -> GroupAnswer {
    match ask {
        GroupAsk::Decide(asked) => GroupAnswer::Reply(asked.kind().refused(error)),
        GroupAsk::FetchOffsets => GroupAnswer::Offsets(Err(error)),
    }
}

fn committed_in(core: &GroupCoordinator) -> Positions {
    let all = FetchOffsets { group: GroupId::from(GROUP), topics: None, require_stable: false };
    let partitions = core.fetch_offsets(&all).into_iter().flat_map(|topic| topic.partitions);
    partitions.map(|one| (Place::Data(one.partition), one.offset)).collect()
}
