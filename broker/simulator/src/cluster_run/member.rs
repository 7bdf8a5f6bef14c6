//! A member of the consumer group, as clients are written: it finds the coordinator, joins, syncs, reads on from what is
//! committed, sends heartbeats and commits, and gives everything back when the group rebalances.
//!
//! | phase | asks | then |
//! |---|---|---|
//! | away | nothing, for a while | joining |
//! | joining | JoinGroup, with the id it was given | syncing |
//! | syncing | SyncGroup, the leader with the assignments | fetching |
//! | fetching | OffsetFetch | owning |
//! | owning | Heartbeat, OffsetCommit, LeaveGroup; reads | joining when the group rebalances or knows it no more |

use super::{
    World,
    client::take_newer,
    coordinator::GROUP,
    message::{GroupAnswer, GroupAsk, Message, Node},
    network::Timer,
    place::{Place, Positions},
    records::numbers_in,
};
use bytes::Bytes;
use controller::ClusterImage;
use group_coordinator::{
    Generation, GroupError, MemberId, Reply, Request,
    reply::{JoinRefusal, Joined},
    request::{
        CommitOffsets, Heartbeat, JoinGroup, LeaveGroup, LeavingMember, MemberProtocol, OffsetToCommit, SyncGroup,
    },
};
use model::{GroupId, LeaderEpoch, MonotonicTime, Offset, TopicId, TopicName};
use std::{sync::Arc, time::Duration};

const TURN: Duration = Duration::from_millis(20);
const SESSION_MS: i32 = 3_000;
const REBALANCE_MS: i32 = 4_000;
const HEARTBEAT: Duration = Duration::from_millis(500);
const BACKOFF: Duration = Duration::from_millis(100);
/// The member closes a connection on which nothing came for so long.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(1000);
/// A join is answered at the end of a rebalance.
const JOIN_TIMEOUT: Duration = Duration::from_millis(5000);

#[derive(Debug, Default)]
pub(super) struct Member {
    image: Option<Arc<ClusterImage>>,
    phase: Phase,
    id: Option<MemberId>,
    generation: i32,
    owned: Vec<Place>,
    positions: Positions,
    has_news: bool,
    must_rejoin: bool,
    asked: Option<(MonotonicTime, Asked)>,
    pub(super) connection: u64,
    last_request: u64,
    not_before: MonotonicTime,
    last_heartbeat: MonotonicTime,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Joining,
    Away(MonotonicTime),
    Syncing(Vec<(MemberId, Bytes)>),
    Fetching,
    Owning,
}

#[derive(Debug)]
enum Asked {
    Join,
    Sync,
    /// What was known to be committed when it asked.
    Offsets(Positions),
    Commit(Positions),
    Heartbeat,
    Leave,
}

impl Member {
    fn id(&self) -> MemberId {
        self.id.clone().unwrap_or_else(MemberId::unknown)
    }

    fn coordinator(&self) -> Option<Node> {
        let leader = Place::Offsets.state_in(self.image.as_ref()?)?.leader?;
        Some(Node::Broker(leader.0))
    }

    /// What it owned it owns no more.
    fn rejoin(&mut self) {
        self.phase = Phase::Joining;
        self.owned.clear();
        self.positions.clear();
        (self.has_news, self.must_rejoin) = (false, false);
    }

    pub(super) fn is_owner_of(&self, generation: i32) -> bool {
        self.phase == Phase::Owning && self.generation == generation
    }

    pub(super) fn position(&self, place: Place) -> Option<Offset> {
        self.owned.contains(&place).then(|| self.positions.get(&place).copied().unwrap_or(Offset::ZERO))
    }

    /// What it asked on a connection that is closed counts no more: what it asks now would be undone by it. But a commit of a
    /// generation that is over may still be with a broker that has read it, and is for the coordinator to refuse.
    pub(super) fn may_still_ask(&self, connection: u64, ask: &GroupAsk) -> bool {
        let is_old = |commit: &CommitOffsets| commit.generation.0 < self.generation;
        connection == self.connection
            || matches!(ask, GroupAsk::Decide(Request::CommitOffsets(commit)) if is_old(commit))
    }

    fn is_overdue(&self, now: MonotonicTime) -> bool {
        let limit = |asked: &Asked| if matches!(asked, Asked::Join) { JOIN_TIMEOUT } else { REQUEST_TIMEOUT };
        self.asked.as_ref().is_some_and(|(since, asked)| now.since(*since) > limit(asked))
    }
}

pub(super) fn assignment(places: &[Place]) -> Bytes {
    places.iter().flat_map(|place| place.index().0.to_be_bytes()).collect()
}

pub(super) fn assigned(assignment: &[u8]) -> Vec<Place> {
    let indexes = assignment.chunks_exact(4).map(|one| i32::from_be_bytes([one[0], one[1], one[2], one[3]]));
    indexes.map(Place::data).collect()
}

impl World {
    pub(super) fn member_turn(&mut self, index: usize) {
        let now = self.network.now;
        self.network.set_timer(Node::Member(index), TURN, Timer::Next);
        if self.members[index].image.is_none() || self.random.once_in(15) {
            self.ask_metadata(Node::Member(index));
        }
        let member = &mut self.members[index];
        if member.is_overdue(now) {
            member.has_news |= matches!(member.asked.take(), Some((_, Asked::Commit(_))));
            member.connection += 1;
            self.ask_metadata(Node::Member(index));
        }
        self.ask_next(index);
        let member = &self.members[index];
        if member.phase == Phase::Owning {
            let reads: Vec<_> = member.owned.iter().filter_map(|at| Some((*at, member.position(*at)?))).collect();
            let image = member.image.clone();
            for (place, offset) in reads {
                self.read_from(Node::Member(index), image.as_ref(), place, offset);
            }
        }
    }

    /// One request at a time.
    fn ask_next(&mut self, index: usize) {
        let now = self.network.now;
        let member = &mut self.members[index];
        if member.asked.is_some() || now < member.not_before || member.coordinator().is_none() {
            return;
        }
        let (asked, ask) = match &member.phase {
            Phase::Away(until) if now < *until => return,
            Phase::Away(_) | Phase::Joining => {
                member.phase = Phase::Joining;
                (Asked::Join, GroupAsk::Decide(Request::Join(join_of(member, self.random.draw()))))
            }
            Phase::Syncing(assignments) => (Asked::Sync, sync_of(member, assignments)),
            Phase::Fetching => (Asked::Offsets(self.history.offsets.clone()), GroupAsk::FetchOffsets),
            Phase::Owning if member.has_news && (member.must_rejoin || self.random.once_in(5)) => {
                member.has_news = false;
                (Asked::Commit(member.positions.clone()), commit_of(member))
            }
            Phase::Owning if member.must_rejoin => return member.rejoin(),
            Phase::Owning if now.since(member.last_heartbeat) >= HEARTBEAT => {
                member.last_heartbeat = now;
                (Asked::Heartbeat, heartbeat_of(member))
            }
            Phase::Owning => return,
        };
        self.ask_coordinator(index, asked, ask);
    }

    fn ask_coordinator(&mut self, index: usize, asked: Asked, ask: GroupAsk) {
        let member = &mut self.members[index];
        let Some(coordinator) = member.coordinator() else { return };
        member.asked = Some((self.network.now, asked));
        member.last_request += 1;
        let message =
            Message::AskGroup { connection: member.connection, request: member.last_request, ask: Box::new(ask) };
        self.network.send(Node::Member(index), coordinator, message, &mut self.random);
    }

    pub(super) fn member_hears(&mut self, index: usize, message: Message) {
        match message {
            Message::ToldMetadata(image) => take_newer(&mut self.members[index].image, image),
            Message::Records { partition, offset, bytes } => self.member_reads(index, partition, offset, &bytes),
            Message::AnswerGroup { request, answer } if request == self.members[index].last_request => {
                if let Some((_, asked)) = self.members[index].asked.take() {
                    self.member_is_answered(index, asked, *answer);
                    self.ask_next(index);
                }
            }
            _ => {}
        }
    }

    fn member_is_answered(&mut self, index: usize, asked: Asked, answer: GroupAnswer) {
        let member = &mut self.members[index];
        match (asked, answer) {
            (Asked::Join, GroupAnswer::Reply(Reply::Join(Ok(joined)))) => self.member_joined(index, joined),
            (Asked::Join, GroupAnswer::Reply(Reply::Join(Err(JoinRefusal { error, member: id })))) => {
                if error == GroupError::MemberIdRequired {
                    member.id = Some(id);
                } else {
                    self.member_is_refused(index, error);
                }
            }
            (Asked::Sync, GroupAnswer::Reply(Reply::Sync(Ok(synced)))) => {
                member.owned = assigned(&synced.assignment);
                member.phase = Phase::Fetching;
                let (generation, id, owned) = (member.generation, member.id(), member.owned.clone());
                self.history.assigned(generation, &id, &owned);
            }
            (Asked::Offsets(known), GroupAnswer::Offsets(Ok(positions))) => {
                self.history.offsets_fetched(&known, &positions);
                let own = positions.into_iter().filter(|(place, _)| member.owned.contains(place));
                member.positions = own.collect();
                member.phase = Phase::Owning;
                member.last_heartbeat = self.network.now;
            }
            (Asked::Commit(positions), GroupAnswer::Reply(Reply::CommitOffsets(Ok(results)))) => {
                assert!(results.iter().all(Result::is_ok), "nothing speaks against one partition alone");
                self.history.offsets_committed(&positions);
            }
            (Asked::Commit(_), GroupAnswer::Reply(Reply::CommitOffsets(Err(error)))) => {
                member.has_news = true;
                self.member_is_refused(index, error);
            }
            (Asked::Sync, GroupAnswer::Reply(Reply::Sync(Err(error))))
            | (Asked::Heartbeat, GroupAnswer::Reply(Reply::Heartbeat(Err(error))))
            | (Asked::Offsets(_), GroupAnswer::Offsets(Err(error))) => self.member_is_refused(index, error),
            (Asked::Heartbeat, GroupAnswer::Reply(Reply::Heartbeat(Ok(()))))
            | (Asked::Leave, GroupAnswer::Reply(Reply::Leave(_))) => {}
            (asked, answer) => unreachable!("{answer:?} answers {asked:?}"),
        }
    }

    fn member_joined(&mut self, index: usize, joined: Joined) {
        let leads = joined.leader == joined.member;
        let places: Vec<Place> = (0..self.setup.partitions).map(Place::data).collect();
        let member = &mut self.members[index];
        member.id = Some(joined.member);
        member.generation = joined.generation.0;
        let mut assignments = Vec::new();
        if leads {
            let count = joined.members.len().max(1);
            for (turn, one) in joined.members.into_iter().enumerate() {
                // The turns go round with the generations, so that partitions change hands.
                let is_its = |at: &usize| (at + member.generation.unsigned_abs() as usize) % count == turn;
                let own: Vec<_> = (0..places.len()).filter(is_its).map(|at| places[at]).collect();
                // Who is left out gets nothing.
                if !own.is_empty() {
                    assignments.push((one.member, assignment(&own)));
                }
            }
        }
        member.phase = Phase::Syncing(assignments);
    }

    fn member_is_refused(&mut self, index: usize, error: GroupError) {
        let member = &mut self.members[index];
        match error {
            GroupError::UnknownMemberId => {
                member.id = None;
                member.rejoin();
            }
            GroupError::IllegalGeneration => member.rejoin(),
            GroupError::RebalanceInProgress if member.phase == Phase::Owning => {
                // What cannot be committed in this generation the next owner reads again.
                if member.must_rejoin {
                    member.rejoin();
                }
                member.must_rejoin = true;
            }
            GroupError::RebalanceInProgress => member.rejoin(),
            GroupError::NotCoordinator
            | GroupError::CoordinatorNotAvailable
            | GroupError::CoordinatorLoadInProgress => {
                member.not_before = self.network.now + BACKOFF;
                self.ask_metadata(Node::Member(index));
            }
            other => unreachable!("no member is told {other}"),
        }
    }

    fn member_reads(&mut self, index: usize, partition: Place, offset: Offset, bytes: &Bytes) {
        let member = &mut self.members[index];
        if member.phase != Phase::Owning || member.position(partition) != Some(offset) {
            return;
        }
        let records: Vec<_> = numbers_in(partition, bytes).into_iter().filter(|(at, _)| *at >= offset).collect();
        self.history.read_on(partition, offset, &records);
        if let Some((last, _)) = records.last() {
            member.positions.insert(partition, last.next());
            member.has_news = true;
        }
    }

    /// The process ends, and another begins that knows nothing. The group learns of it by silence.
    pub(super) fn restart_member(&mut self, index: usize) {
        let Member { connection, last_request, .. } = self.members[index];
        self.members[index] = Member { connection: connection + 1, last_request, ..Member::default() };
    }

    /// It says that it goes, and comes back later as somebody else.
    pub(super) fn let_member_leave(&mut self, index: usize, for_long: Duration) {
        let Some(id) = self.members[index].id.clone() else { return };
        let leaving = LeavingMember { member: id, instance: None, reason: None };
        let leave = LeaveGroup { group: GroupId::from(GROUP), members: vec![leaving] };
        self.restart_member(index);
        self.members[index].image = self.producer.image();
        self.ask_coordinator(index, Asked::Leave, GroupAsk::Decide(Request::Leave(leave)));
        self.members[index].phase = Phase::Away(self.network.now + for_long);
    }
}

fn join_of(member: &Member, draw: u64) -> JoinGroup {
    JoinGroup {
        group: GroupId::from(GROUP),
        member: member.id(),
        instance: None,
        client_id: "m".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "simulated".into(),
        protocols: vec![MemberProtocol { name: "turns".into(), metadata: Bytes::new() }],
        requires_known_member_id: true,
        supports_skipping_assignment: false,
        reason: None,
        unique_suffix: format!("{draw:016x}").into(),
    }
}

fn sync_of(member: &Member, assignments: &[(MemberId, Bytes)]) -> GroupAsk {
    GroupAsk::Decide(Request::Sync(SyncGroup {
        group: GroupId::from(GROUP),
        generation: Generation(member.generation),
        member: member.id(),
        instance: None,
        protocol_type: None,
        protocol_name: None,
        assignments: assignments.to_vec(),
    }))
}

fn heartbeat_of(member: &Member) -> GroupAsk {
    GroupAsk::Decide(Request::Heartbeat(Heartbeat {
        group: GroupId::from(GROUP),
        generation: Generation(member.generation),
        member: member.id(),
        instance: None,
    }))
}

/// Who commits, and as a member of which generation, is kept with the offset: the log of the group tells whether it might.
fn commit_of(member: &Member) -> GroupAsk {
    let metadata: Arc<str> = format!("{}/{}", member.generation, member.id()).into();
    let partitions = member.positions.iter().map(|(place, offset)| OffsetToCommit {
        topic: TopicName::from(place.topic()),
        topic_id: TopicId::ZERO,
        partition: place.index(),
        offset: *offset,
        leader_epoch: LeaderEpoch::UNKNOWN,
        metadata: metadata.clone(),
    });
    GroupAsk::Decide(Request::CommitOffsets(CommitOffsets {
        group: GroupId::from(GROUP),
        generation: Generation(member.generation),
        member: member.id(),
        instance: None,
        retention_ms: None,
        partitions: partitions.collect(),
        group_not_found_is_known: false,
    }))
}
