//! A host in miniature for tests: a log, a clock that only moves when told, timers, and replies as they come.

use crate::{
    config::GroupConfig,
    coordinator::GroupCoordinator,
    decision::{Decision, Fact, Now, ReplyTo, Timer, TimerChange},
    errors::GroupError,
    group::GroupState,
    ids::{Generation, InstanceId, MemberId},
    records::Record,
    reply::{JoinRefusal, Joined, Reply, Synced},
    request::{
        CommitOffsets, Event, Heartbeat, JoinGroup, LeaveGroup, LeavingMember, MemberProtocol, OffsetToCommit, Request,
        SyncGroup,
    },
};
use bytes::Bytes;
use model::{GroupId, LeaderEpoch, MonotonicTime, Offset, PartitionIndex, TopicId, TopicName, WallTime};
use std::{collections::BTreeMap, time::Duration};

pub(crate) const GROUP: &str = "g";
pub(crate) const SESSION_MS: i32 = 10_000;
pub(crate) const REBALANCE_MS: i32 = 60_000;

pub(crate) struct Bench {
    pub(crate) coordinator: GroupCoordinator,
    pub(crate) config: GroupConfig,
    pub(crate) log: Vec<Record>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) timers: BTreeMap<Timer, MonotonicTime>,
    replies: BTreeMap<ReplyTo, Reply>,
    elapsed: Duration,
    next: u64,
}

/// A JoinGroup of an ordinary consumer; tests change what they are about.
pub(crate) fn join(member: &str) -> JoinGroup {
    JoinGroup {
        group: GroupId::from(GROUP),
        member: MemberId::from(member),
        instance: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", "t")],
        requires_known_member_id: true,
        supports_skipping_assignment: true,
        reason: None,
        unique_suffix: "".into(),
    }
}

pub(crate) fn static_join(member: &str, instance: &str) -> JoinGroup {
    JoinGroup { instance: Some(InstanceId::from(instance)), ..join(member) }
}

/// A consumer's protocol that subscribes to one topic.
pub(crate) fn protocol(name: &str, topic: &str) -> MemberProtocol {
    let mut metadata = vec![0, 1, 0, 0, 0, 1, 0, u8::try_from(topic.len()).unwrap()];
    metadata.extend_from_slice(topic.as_bytes());
    metadata.extend_from_slice(&[0xff; 4]);
    MemberProtocol { name: name.into(), metadata: Bytes::from(metadata) }
}

pub(crate) fn sync(member: &MemberId, generation: Generation, assignments: &[(&MemberId, &'static str)]) -> SyncGroup {
    let assignments = assignments.iter().map(|(id, text)| ((*id).clone(), Bytes::from_static(text.as_bytes())));
    SyncGroup {
        group: GroupId::from(GROUP),
        generation,
        member: member.clone(),
        instance: None,
        protocol_type: None,
        protocol_name: None,
        assignments: assignments.collect(),
    }
}

pub(crate) fn commit(member: &str, generation: i32, partitions: &[(&str, i32, i64)]) -> CommitOffsets {
    let partitions = partitions.iter().map(|(topic, partition, offset)| OffsetToCommit {
        topic: TopicName::from(*topic),
        topic_id: TopicId::ZERO,
        partition: PartitionIndex(*partition),
        offset: Offset(*offset),
        leader_epoch: LeaderEpoch(4),
        metadata: "note".into(),
    });
    CommitOffsets {
        group: GroupId::from(GROUP),
        generation: Generation(generation),
        member: MemberId::from(member),
        instance: None,
        retention_ms: None,
        partitions: partitions.collect(),
        group_not_found_is_known: true,
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_config(GroupConfig::default())
    }

    pub(crate) fn with_config(config: GroupConfig) -> Self {
        Self {
            coordinator: GroupCoordinator::new(config.clone()),
            config,
            log: Vec::new(),
            facts: Vec::new(),
            timers: BTreeMap::new(),
            replies: BTreeMap::new(),
            elapsed: Duration::ZERO,
            next: 0,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let ms = i64::try_from(self.elapsed.as_millis()).unwrap();
        Now { monotonic: MonotonicTime::from_start(self.elapsed), wall: WallTime(1_000_000 + ms) }
    }

    pub(crate) fn accept(&mut self, mut decision: Decision) {
        self.coordinator.accept(&mut decision);
        self.log.append(&mut decision.records);
        self.facts.append(&mut decision.facts);
        for change in decision.timers {
            match change {
                TimerChange::Arm { timer, after } => {
                    self.timers.insert(timer, MonotonicTime::from_start(self.elapsed + after));
                }
                TimerChange::Cancel(timer) => drop(self.timers.remove(&timer)),
            }
        }
        for (to, reply) in decision.replies {
            assert!(self.replies.insert(to, reply).is_none(), "answered twice");
        }
    }

    pub(crate) fn send(&mut self, request: Request) -> ReplyTo {
        let to = ReplyTo(self.next);
        self.next += 1;
        let decision = self.coordinator.decide(to, request, self.now());
        self.accept(decision);
        to
    }

    pub(crate) fn event(&mut self, event: &Event) {
        let decision = self.coordinator.decide_event(event, self.now());
        self.accept(decision);
    }

    pub(crate) fn answer(&mut self, to: ReplyTo) -> Option<Reply> {
        self.replies.remove(&to)
    }

    /// Sends and expects the answer at once.
    pub(crate) fn ask(&mut self, request: Request) -> Reply {
        let to = self.send(request);
        self.answer(to).expect("answered at once")
    }

    /// Lets time pass, timers firing in their order.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.elapsed + by;
        loop {
            let due = self.timers.iter().min_by_key(|(timer, at)| (**at, (*timer).clone()));
            let Some((timer, at)) = due.map(|(timer, at)| (timer.clone(), at.since_start())) else { break };
            if at > end {
                break;
            }
            self.elapsed = self.elapsed.max(at);
            self.timers.remove(&timer);
            self.event(&Event::Timer(timer));
        }
        self.elapsed = end;
    }

    /// A new coordinator that knows only the log.
    pub(crate) fn restart(&mut self) {
        let mut coordinator = GroupCoordinator::new(self.config.clone());
        for record in &self.log {
            coordinator.apply(record);
        }
        self.timers.clear();
        self.replies.clear();
        let loaded = coordinator.finish_loading(self.now());
        assert!(coordinator.has_same_durable_state(&self.coordinator), "replay differs");
        self.coordinator = coordinator;
        self.accept(loaded);
    }

    pub(crate) fn send_join(&mut self, mut request: JoinGroup) -> ReplyTo {
        request.unique_suffix = format!("u{}", self.next).into();
        self.send(Request::Join(request))
    }

    pub(crate) fn joined(&mut self, to: ReplyTo) -> Joined {
        match self.answer(to) {
            Some(Reply::Join(Ok(joined))) => joined,
            other => panic!("expected to have joined, got {other:?}"),
        }
    }

    pub(crate) fn join_refused(&mut self, to: ReplyTo) -> JoinRefusal {
        match self.answer(to) {
            Some(Reply::Join(Err(refusal))) => refusal,
            other => panic!("expected a refused join, got {other:?}"),
        }
    }

    /// The handshake of a new dynamic member: id first, then a join that waits.
    pub(crate) fn start_join(&mut self, request: JoinGroup) -> (MemberId, ReplyTo) {
        let to = self.send_join(request.clone());
        let refusal = self.join_refused(to);
        assert_eq!(refusal.error, GroupError::MemberIdRequired);
        let to = self.send_join(JoinGroup { member: refusal.member.clone(), ..request });
        (refusal.member, to)
    }

    pub(crate) fn sync(&mut self, request: SyncGroup) -> Result<Synced, GroupError> {
        match self.ask(Request::Sync(request)) {
            Reply::Sync(result) => result,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn heartbeat(&mut self, member: &MemberId, generation: Generation) -> Result<(), GroupError> {
        let request = Heartbeat { group: GroupId::from(GROUP), generation, member: member.clone(), instance: None };
        match self.ask(Request::Heartbeat(request)) {
            Reply::Heartbeat(result) => result,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn leave(&mut self, member: &MemberId) -> Result<(), GroupError> {
        let leaving = LeavingMember { member: member.clone(), instance: None, reason: None };
        match self.ask(Request::Leave(LeaveGroup { group: GroupId::from(GROUP), members: vec![leaving] })) {
            Reply::Leave(result) => result.and_then(|left| left[0].result),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn state(&self) -> GroupState {
        self.coordinator.describe(&GroupId::from(GROUP)).map_or(GroupState::Dead, |group| group.state)
    }

    /// A group in CompletingRebalance: ids in order, the first joined leads.
    pub(crate) fn joined_group(&mut self, requests: Vec<JoinGroup>) -> Vec<Joined> {
        let mut waiting = Vec::new();
        for request in requests {
            if request.instance.is_some() {
                let to = self.send_join(request);
                waiting.push(to);
            } else {
                waiting.push(self.start_join(request).1);
            }
        }
        while !waiting.iter().all(|to| self.replies.contains_key(to)) {
            assert!(self.timers.len() > waiting.len(), "nothing ends the join phase");
            self.advance(Duration::from_millis(100));
        }
        waiting.into_iter().map(|to| self.joined(to)).collect()
    }

    /// A group in Stable; each member is assigned its own id.
    pub(crate) fn stable_group(&mut self, requests: Vec<JoinGroup>) -> Vec<Joined> {
        let joined = self.joined_group(requests);
        self.assign(&joined);
        assert_eq!(self.state(), GroupState::Stable);
        joined
    }

    pub(crate) fn assign(&mut self, joined: &[Joined]) {
        let leader = joined.iter().find(|member| member.member == member.leader).expect("one leads");
        let mut waiting = Vec::new();
        for member in joined.iter().filter(|member| member.member != member.leader) {
            waiting.push(self.send(Request::Sync(sync(&member.member, member.generation, &[]))));
        }
        let mut request = sync(&leader.member, leader.generation, &[]);
        let own_id = |member: &Joined| (member.member.clone(), Bytes::copy_from_slice(member.member.as_bytes()));
        request.assignments = joined.iter().map(own_id).collect();
        self.sync(request).expect("leader assigns");
        for to in waiting {
            assert!(matches!(self.answer(to), Some(Reply::Sync(Ok(_)))), "follower is assigned");
        }
    }

    pub(crate) fn offset(&self, topic: &str, partition: i32) -> i64 {
        let request = crate::request::FetchOffsets {
            group: GroupId::from(GROUP),
            topics: Some(vec![crate::request::TopicToFetch {
                topic: TopicName::from(topic),
                topic_id: None,
                partitions: vec![PartitionIndex(partition)],
            }]),
            require_stable: false,
        };
        self.coordinator.fetch_offsets(&request)[0].partitions[0].offset.0
    }

    pub(crate) fn commit(&mut self, request: CommitOffsets) -> Result<(), GroupError> {
        match self.ask(Request::CommitOffsets(request)) {
            Reply::CommitOffsets(result) => result.map(|partitions| assert!(partitions.iter().all(Result::is_ok))),
            other => panic!("{other:?}"),
        }
    }
}
