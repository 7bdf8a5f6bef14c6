//! The host of the group coordinator on the leader of its partition: the steps of the broker's own host, one at a time.

use super::{
    World,
    message::{GroupAnswer, GroupAsk, Message, Node},
    partition::SimulatedPartition,
    place::{Place, Positions},
    records::read,
};
use group_coordinator::{
    Decision, Event, Fact, FetchOffsets, GroupConfig, GroupCoordinator, GroupError, Leaving, Loaded, Now, Outbox,
    ReplyTo, RequestKind, Timer, TimerChange, end_of_load,
    records::{Record, encode_batches},
};
use model::{BrokerId, GroupId, LeaderEpoch, MonotonicTime, Offset};
use partition_log::{AppendOutcome, PreparedBatch};
use protocol::record_batch::Batches;
use std::{collections::BTreeMap, time::Duration};

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
    outbox: Outbox<Answer>,
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
struct Answer {
    to: Asker,
    answer: GroupAnswer,
    /// `None`: it was asked for offsets.
    kind: Option<RequestKind>,
}

impl Answer {
    fn leave(leaving: Leaving<Self>) -> (Asker, GroupAnswer) {
        match leaving {
            Leaving::Answered(Self { to, answer, .. }) => (to, answer),
            Leaving::Refused(Self { to, kind: Some(kind), .. }, error) => (to, GroupAnswer::Reply(kind.refused(error))),
            Leaving::Refused(Self { to, kind: None, .. }, error) => (to, GroupAnswer::Offsets(Err(error))),
        }
    }
}

impl Coordinator {
    fn of(epoch: LeaderEpoch) -> Self {
        Self {
            core: None,
            epoch,
            timers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            outbox: Outbox::default(),
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
                self.hold(Answer { to: asker, answer: GroupAnswer::Reply(reply), kind: Some(kind) }, now);
            }
        }
    }

    fn hold(&mut self, answer: Answer, now: MonotonicTime) {
        self.outbox.put(answer, self.appended, now + COMMIT_TIMEOUT);
    }

    fn due(&mut self, committed: Option<Offset>, now: MonotonicTime) -> Vec<(Asker, GroupAnswer)> {
        std::iter::from_fn(|| self.outbox.take_due(committed, now)).map(Answer::leave).collect()
    }

    /// Everybody who waits is told that another coordinates now.
    fn refuse_all(&mut self, now: MonotonicTime) -> Vec<(Asker, GroupAnswer)> {
        let not_here = |kind: RequestKind| GroupAnswer::Reply(kind.refused(GroupError::NotCoordinator));
        let mut told = self.due(None, now);
        told.extend(std::mem::take(&mut self.waiting).into_values().map(|(asker, kind)| (asker, not_here(kind))));
        told
    }
}

/// What the partition holds counts once this broker leads it and it is committed.
fn load(partition: &SimulatedPartition) -> Option<GroupCoordinator> {
    let leader = partition.replica.leader().ok()?;
    let end = end_of_load(leader.high_watermark(), partition.log.log_end())?;
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
        let now = self.now_of(id).monotonic;
        let Some(partition) = self.offsets_of(id) else { return };
        let epoch = partition.replica.leader().ok().map(replication::Leader::leader_epoch);
        let current = partition.coordinator.as_ref().map(|coordinator| coordinator.epoch);
        if epoch != current {
            let before = std::mem::replace(&mut partition.coordinator, epoch.map(Coordinator::of));
            let told = before.map(|mut before| before.refuse_all(now)).unwrap_or_default();
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
        self.answer_due(id);
        let Some(coordinator) = self.coordinator_of(id) else { return };
        let due = coordinator.timers.iter().filter(|(_, at)| **at <= now.monotonic).map(|(timer, _)| timer.clone());
        let due: Vec<_> = due.collect();
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
                let answer = GroupAnswer::Offsets(Ok(committed_in(core)));
                coordinator.hold(Answer { to: asker, answer, kind: None }, now.monotonic);
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

    pub(super) fn answer_due(&mut self, id: i32) {
        let now = self.now_of(id).monotonic;
        let Some(SimulatedPartition { replica, coordinator: Some(coordinator), .. }) = self.offsets_of(id) else {
            return;
        };
        let leader = replica.leader().ok().filter(|leader| leader.leader_epoch() == coordinator.epoch);
        for (asker, answer) in coordinator.due(leader.map(replication::Leader::high_watermark), now) {
            self.answer_member(id, asker, answer);
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
