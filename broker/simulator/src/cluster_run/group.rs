//! The group coordinator on the leader of its partition, and a consumer that begins again from what it committed.

use super::{
    World,
    message::{Message, Node},
    network::Timer,
    partition::{NOW, SimulatedPartition, numbers_in, read},
    place::Place,
};
use bytes::Bytes;
use controller::ClusterImage;
use group_coordinator::{
    FetchOffsets, Generation, GroupConfig, GroupCoordinator, Loaded, MemberId, Now, Reply, ReplyTo, Request,
    records::encode_batches,
    request::{CommitOffsets, OffsetToCommit},
};
use model::{
    GroupId, LeaderEpoch, MonotonicTime, Offset, TopicId, TopicName,
    mistakes::{Mistake, is_made},
};
use partition_log::{AppendOutcome, PreparedBatch};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const GROUP: &str = "simulated";
const TURN: Duration = Duration::from_millis(10);
/// The consumer closes a connection on which nothing came for so long, and with it goes what it asked there.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(1000);
const LARGEST_BATCH: usize = 1 << 20;

/// Positions by partition of the data.
pub(super) type Positions = BTreeMap<Place, Offset>;

#[derive(Debug)]
pub(super) struct Coordinator {
    core: GroupCoordinator,
    epoch: LeaderEpoch,
    /// Answers that rest on everything before an offset.
    waiting: Vec<(Offset, Message)>,
}

/// A consumer that reads on from its positions, commits them now and then, and forgets them now and then.
#[derive(Debug, Default)]
pub(super) struct Member {
    image: Option<Arc<ClusterImage>>,
    /// `None`: it has to ask for what it committed.
    positions: Option<Positions>,
    asked: Option<MonotonicTime>,
    committing: Option<(MonotonicTime, Positions)>,
    /// Names requests, so that an answer to one that was given up says nothing.
    last_request: u64,
}

impl Coordinator {
    /// Everything the partition holds counts: what is not committed yet will be, under this leader.
    fn load(partition: &SimulatedPartition, epoch: LeaderEpoch, now: MonotonicTime) -> Self {
        let mut core = GroupCoordinator::new(GroupConfig::default());
        let view = partition.log.view();
        let mut next = partition.log.log_start();
        let mut loaded = Loaded::default();
        while next < partition.log.log_end() {
            let bytes = read(view, next, partition.log.log_end());
            core.load(&bytes, &mut loaded).expect("batches that a coordinator wrote");
            let Some((last, _)) = numbers_in(Place::Offsets, &bytes).last().copied() else { break };
            next = last.next();
        }
        assert_eq!(loaded.broken, 0, "a record that no coordinator wrote");
        // No member, no timer.
        let _ = core.finish_loading(Now { monotonic: now, wall: NOW });
        Self { core, epoch, waiting: Vec::new() }
    }
}

impl World {
    /// The coordinator is where its partition is led, for as long as that leadership lasts.
    pub(super) fn follow_leadership(&mut self, id: i32) {
        let now = self.network.now;
        let Some(partition) = self.offsets_of(id) else { return };
        let Ok(leader) = partition.replica.leader() else {
            partition.coordinator = None;
            return;
        };
        let epoch = leader.leader_epoch();
        if partition.coordinator.as_ref().is_none_or(|coordinator| coordinator.epoch != epoch) {
            partition.coordinator = Some(Coordinator::load(partition, epoch, now));
        }
    }

    fn offsets_of(&mut self, id: i32) -> Option<&mut SimulatedPartition> {
        self.brokers.get_mut(&id)?.partitions.get_mut(&Place::Offsets)
    }

    /// Answers leave once what they rest on is committed.
    pub(super) fn answer_committed(&mut self, id: i32) {
        let Some(partition) = self.offsets_of(id) else { return };
        let high_watermark = partition.log.high_watermark();
        let Some(coordinator) = &mut partition.coordinator else { return };
        let is_due = |until: Offset| until <= high_watermark || is_made(Mistake::AnswerBeforeStored);
        let (due, waiting) =
            std::mem::take(&mut coordinator.waiting).into_iter().partition(|(until, _)| is_due(*until));
        coordinator.waiting = waiting;
        for (_, answer) in due {
            self.network.send(Node::Broker(id), Node::Member, answer, &mut self.random);
        }
    }

    pub(super) fn commit_offsets(&mut self, id: i32, request: u64, sent_at: MonotonicTime, positions: &Positions) {
        let now = self.network.now;
        if now.since(sent_at) > REQUEST_TIMEOUT {
            return;
        }
        let now = self.network.now;
        let Some(partition) = self.offsets_of(id) else { return };
        let Ok(leader) = partition.replica.leader() else { return };
        if leader.check_min_in_sync().is_err() {
            return;
        }
        let epoch = leader.leader_epoch();
        let Some(coordinator) = &mut partition.coordinator else { return };
        let asked = Request::CommitOffsets(commit_of(positions));
        let mut decision = coordinator.core.decide(ReplyTo(request), asked, Now { monotonic: now, wall: NOW });
        let batches = encode_batches(&decision.records, NOW, LARGEST_BATCH).expect("small records");
        let prepared = batches.into_iter().map(|batch| PreparedBatch::new(batch.bytes).expect("a batch just built"));
        let prepared: Vec<_> = prepared.collect();
        let Ok(outcomes) = partition.log.append_as_leader(&prepared, epoch, NOW) else { return };
        let is_appended = |outcome: &AppendOutcome| matches!(outcome, AppendOutcome::Appended { .. });
        assert!(outcomes.iter().all(is_appended), "a coordinator's batches have no sequence");
        coordinator.core.accept(&mut decision);
        let end = partition.log.log_end();
        for (ReplyTo(request), reply) in decision.replies {
            let Reply::CommitOffsets(result) = reply else { continue };
            let is_done = result.is_ok_and(|results| results.iter().all(Result::is_ok));
            assert!(is_done, "nothing speaks against a commit of a group without members");
            coordinator.waiting.push((end, Message::CommittedOffsets { request }));
        }
        if let Ok(leader) = partition.replica.leader_mut() {
            leader.log_end_moved(end, now);
        }
        self.publish(id, Place::Offsets);
    }

    pub(super) fn fetch_offsets(&mut self, id: i32, request: u64) {
        let Some(partition) = self.offsets_of(id) else { return };
        if partition.replica.leader().is_err() {
            return;
        }
        let end = partition.log.log_end();
        let Some(coordinator) = &mut partition.coordinator else { return };
        let all = FetchOffsets { group: GroupId::from(GROUP), topics: None, require_stable: false };
        let topics = coordinator.core.fetch_offsets(&all);
        let partitions = topics.into_iter().flat_map(|topic| topic.partitions);
        let positions = partitions.map(|one| (Place::Data(one.partition), one.offset)).collect();
        coordinator.waiting.push((end, Message::FetchedOffsets { request, positions }));
        self.publish(id, Place::Offsets);
    }

    pub(super) fn member_turn(&mut self) {
        self.network.set_timer(Node::Member, TURN, Timer::Next);
        if self.member.image.is_none() || self.random.once_in(30) {
            self.ask_metadata(Node::Member);
        }
        if self.faults_on && self.random.once_in(300) {
            (self.member.positions, self.member.committing, self.member.asked) = (None, None, None);
        }
        match self.member.positions.clone() {
            None => self.ask_for_offsets(),
            Some(positions) => {
                self.commit_positions(&positions);
                for index in 0..self.setup.partitions {
                    let place = Place::data(index);
                    let offset = positions.get(&place).copied().unwrap_or(Offset::ZERO);
                    self.read_from(Node::Member, self.member.image.clone().as_ref(), place, offset);
                }
            }
        }
    }

    fn ask_for_offsets(&mut self) {
        let now = self.network.now;
        if self.member.asked.is_some_and(|at| now.since(at) <= REQUEST_TIMEOUT) {
            return;
        }
        let Some(coordinator) = self.coordinator_of_member() else { return };
        self.member.asked = Some(now);
        self.member.last_request += 1;
        let ask = Message::FetchOffsets { request: self.member.last_request };
        self.network.send(Node::Member, coordinator, ask, &mut self.random);
    }

    /// One commit at a time; one without an answer is given up with its connection.
    fn commit_positions(&mut self, positions: &Positions) {
        let now = self.network.now;
        let waits = self.member.committing.as_ref().is_some_and(|(at, _)| now.since(*at) <= REQUEST_TIMEOUT);
        if waits || positions.is_empty() || !self.random.once_in(10) {
            return;
        }
        let Some(coordinator) = self.coordinator_of_member() else { return };
        self.member.committing = Some((now, positions.clone()));
        self.member.last_request += 1;
        let request = self.member.last_request;
        let commit = Message::CommitOffsets { request, sent_at: now, positions: positions.clone() };
        self.network.send(Node::Member, coordinator, commit, &mut self.random);
    }

    fn coordinator_of_member(&self) -> Option<Node> {
        let leader = Place::Offsets.state_in(self.member.image.as_ref()?)?.leader?;
        Some(Node::Broker(leader.0))
    }

    pub(super) fn member_hears(&mut self, message: Message) {
        match message {
            Message::ToldMetadata(image) => super::client::take_newer(&mut self.member.image, image),
            Message::Records { partition, offset, bytes } => self.member_reads(partition, offset, &bytes),
            Message::CommittedOffsets { request } if request == self.member.last_request => {
                if let Some((_, positions)) = self.member.committing.take() {
                    self.history.offsets_committed(&positions);
                }
            }
            Message::FetchedOffsets { request, positions }
                if request == self.member.last_request && self.member.positions.is_none() =>
            {
                self.history.offsets_fetched(&positions);
                self.member.asked = None;
                self.member.positions = Some(positions);
            }
            _ => {}
        }
    }

    fn member_reads(&mut self, partition: Place, offset: Offset, bytes: &Bytes) {
        let Some(positions) = &mut self.member.positions else { return };
        let position = positions.entry(partition).or_insert(Offset::ZERO);
        if *position != offset {
            return;
        }
        let records: Vec<_> = numbers_in(partition, bytes).into_iter().filter(|(at, _)| *at >= offset).collect();
        self.history.read_on(partition, offset, &records);
        if let Some((last, _)) = records.last() {
            *position = last.next();
        }
    }
}

fn commit_of(positions: &Positions) -> CommitOffsets {
    let partitions = positions.iter().map(|(place, offset)| OffsetToCommit {
        topic: TopicName::from(place.topic()),
        topic_id: TopicId::ZERO,
        partition: place.index(),
        offset: *offset,
        leader_epoch: LeaderEpoch::UNKNOWN,
        metadata: "".into(),
    });
    CommitOffsets {
        group: GroupId::from(GROUP),
        generation: Generation::NONE,
        member: MemberId::unknown(),
        instance: None,
        retention_ms: None,
        partitions: partitions.collect(),
        group_not_found_is_known: false,
    }
}
