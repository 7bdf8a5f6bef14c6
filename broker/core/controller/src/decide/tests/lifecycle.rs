//! Three brokers over time: registered, heard, lost, about to stop; their leaders and ISRs.

mod eligible;
mod holds;
mod lost_disk;
mod reassignment;

use super::*;
use crate::{
    BrokerCondition, ControllerError, Heartbeat, IsrError, PartitionImage, SessionSettings,
    requests::{AlterPartitions, BrokerSession, IsrProposal, NO_REGISTRATION},
    settings::HandBack,
};
use model::{LeaderEpoch, LogLife, MetadataVersion, PartitionEpoch};
use std::time::Duration;

const TIMEOUT_MS: u64 = 3000;
const STEP_MS: u64 = 500;

struct Live {
    controller: Controller,
    now_ms: u64,
    /// Brokers that are alive and send heartbeats.
    up: Vec<BrokerSession>,
    requests: u64,
    replies: Vec<Reply>,
    changes: Vec<MetadataChange>,
    /// Of the volume of each broker.
    free_bytes: Option<u64>,
    /// How often each broker lost its log.
    losses: [u128; 5],
}

impl Live {
    /// Brokers 1 to 3, unfenced, and topic `a` with one partition on all of them, led by 1.
    fn start() -> Self {
        Self::with(Self::settings())
    }

    fn with(settings: Settings) -> Self {
        let empty = Arc::new(ClusterImage::empty(ClusterId::from("test")));
        let controller = Controller::new(settings, empty, NOW);
        let (up, replies, changes) = (Vec::new(), Vec::new(), Vec::new());
        let mut live =
            Self { controller, now_ms: 0, up, requests: 0, replies, changes, free_bytes: None, losses: [0; 5] };
        (1..=3).for_each(|id| live.come_up(id));
        let created = live.ask(Request::CreateTopics(CreateTopics {
            topics: vec![assigned("a", &[(0, &[1, 2, 3])])],
            validate_only: false,
        }));
        assert!(matches!(created, Reply::TopicsCreated(results) if results[0].1.is_ok()));
        live
    }

    fn settings() -> Settings {
        let sessions =
            SessionSettings { timeout: Duration::from_millis(TIMEOUT_MS), reconnect_grace: Duration::from_millis(200) };
        let (interval, min_here) = (Duration::from_secs(300), Duration::from_secs(5));
        let hand_back = Some(HandBack { interval, percentage: 10, min_here });
        Settings { sessions, hand_back, ..settings() }
    }

    fn handle(&mut self, event: Event) {
        let mut effects = self.controller.handle(event, MonotonicTime::from_ms(self.now_ms));
        while !effects.is_empty() {
            match effects.remove(0) {
                Effect::Commit(_) => {
                    let now = MonotonicTime::from_ms(self.now_ms);
                    effects.extend(self.controller.handle(Event::Committed, now));
                }
                Effect::Reply { reply, .. } => self.replies.push(reply),
                Effect::Publish { changes, .. } => self.changes.extend(changes),
                Effect::Look | Effect::Deposed => panic!("nobody else decides"),
            }
        }
    }

    fn ask(&mut self, request: Request) -> Reply {
        self.requests += 1;
        self.handle(Event::Request { id: RequestId(self.requests), request });
        self.replies.pop().unwrap()
    }

    fn registration(&self, id: i32, life: u128) -> RegisterBroker {
        let log_life = self.losses[usize::try_from(id).unwrap()];
        RegisterBroker {
            id: BrokerId(id),
            incarnation: Incarnation(uuid::Uuid::from_u128(life)),
            log_life: Some(LogLife(uuid::Uuid::from_u128(log_life))),
            serves_at_once: false,
            rack: None,
            endpoints: Vec::new(),
            began_empty: false,
            follows: None,
        }
    }

    fn register(&mut self, id: i32, life: u128) -> Reply {
        self.ask(Request::RegisterBroker(self.registration(id, life)))
    }

    fn come_up(&mut self, id: i32) {
        let life = u128::from(self.requests) + 1000;
        self.come_up_as(self.registration(id, life));
    }

    fn come_up_as(&mut self, registration: RegisterBroker) {
        let id = registration.id;
        let reply = self.ask(Request::RegisterBroker(registration));
        let Reply::BrokerRegistered(epoch) = reply else { panic!("not registered") };
        self.up.push(BrokerSession { id, epoch });
        self.heard(id.0);
    }

    /// Only 1 has everything, and is lost.
    fn without_the_last() -> Self {
        let mut live = Self::start();
        let alone = live.proposal(&[1]);
        live.propose(1, alone).unwrap();
        live.kill(1);
        live.pass(1000);
        live
    }

    fn elect_uncleanly(&mut self) {
        let elect = ElectLeaders { partitions: Some(vec![partition("a", 0)]), unclean: true };
        assert!(matches!(self.ask(Request::ElectLeaders(elect)), Reply::LeadersElected(r) if r[0].1.is_ok()));
    }

    fn session(&self, id: i32) -> BrokerSession {
        let registered = &self.controller.committed().brokers[&BrokerId(id)];
        BrokerSession { id: registered.id, epoch: registered.epoch }
    }

    fn heard(&mut self, id: i32) {
        let BrokerSession { id, epoch } = self.session(id);
        let applied = self.controller.committed().metadata_version;
        let condition = BrokerCondition { free_bytes: self.free_bytes, ..BrokerCondition::default() };
        self.handle(Event::Heard(Heartbeat { id, epoch, applied, condition }));
    }

    /// The process ends: its connection breaks.
    fn kill(&mut self, id: i32) {
        let session = self.session(id);
        self.up.retain(|up| up.id != session.id);
        self.handle(Event::Disconnected(session));
    }

    fn silence(&mut self, id: i32) {
        self.up.retain(|up| up.id != BrokerId(id));
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while self.now_ms < end {
            self.now_ms = (self.now_ms + STEP_MS).min(end);
            for up in self.up.clone() {
                self.heard(up.id.0);
            }
            self.handle(Event::Tick);
        }
    }

    fn fenced(&self, id: i32) -> bool {
        self.controller.committed().brokers[&BrokerId(id)].fenced
    }

    fn state(&self) -> PartitionImage {
        self.controller.committed().partition(&partition("a", 0)).unwrap().clone()
    }

    /// Leader, ISR and leader epoch.
    fn led(&self) -> (Option<i32>, Vec<i32>, i32) {
        let state = self.state();
        (state.leader.map(|id| id.0), state.isr.iter().map(|id| id.0).collect(), state.leader_epoch.0)
    }

    fn proposal(&self, isr: &[i32]) -> IsrProposal {
        let state = self.state();
        IsrProposal {
            topic_id: self.controller.committed().topic("a").unwrap().id,
            partition: PartitionIndex(0),
            leader_epoch: state.leader_epoch,
            partition_epoch: state.partition_epoch,
            isr: isr.iter().map(|id| (BrokerId(*id), self.session(*id).epoch)).collect(),
            recovered: false,
            min_in_sync: None,
        }
    }

    fn propose(&mut self, by: i32, proposal: IsrProposal) -> Result<PartitionImage, IsrError> {
        let BrokerSession { id, epoch } = self.session(by);
        let request = AlterPartitions { broker: id, broker_epoch: epoch, proposals: vec![proposal] };
        match self.ask(Request::AlterPartitions(request)) {
            Reply::PartitionsAltered(result) => result?.remove(0).1,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn killed_leader_is_succeeded_within_the_grace() {
    let mut live = Live::start();
    live.kill(1);
    live.pass(100);
    assert_eq!(live.led(), (Some(1), vec![1, 2, 3], 0));
    live.pass(100);
    assert!(live.fenced(1));
    assert_eq!(live.led(), (Some(2), vec![2, 3], 1));
}

#[test]
fn silent_broker_is_fenced_after_the_timeout_and_unfenced_when_it_is_heard_again() {
    let mut live = Live::start();
    live.silence(1);
    live.pass(TIMEOUT_MS - 1);
    assert!(!live.fenced(1));
    live.pass(1);
    assert!(live.fenced(1));
    live.heard(1);
    assert!(!live.fenced(1));
    assert_eq!(live.led(), (Some(2), vec![2, 3], 1), "it has to catch up before it is in sync again");
}

#[test]
fn last_in_sync_replica_leads_again_when_it_is_back_and_nobody_else() {
    let mut live = Live::start();
    let proposal = live.proposal(&[1]);
    live.propose(1, proposal).unwrap();
    live.kill(1);
    live.pass(1000);
    assert_eq!(live.led(), (None, vec![1], 1));
    live.come_up(1);
    assert_eq!(live.led(), (Some(1), vec![1], 2));
}

#[test]
fn broker_is_unfenced_only_once_it_has_its_own_registration() {
    let mut live = Live::start();
    live.kill(1);
    live.pass(1000);
    let Reply::BrokerRegistered(epoch) = live.register(1, 99) else { panic!("not registered") };
    let id = BrokerId(1);
    let before = MetadataVersion(u64::try_from(epoch.0).unwrap() - 1);
    live.handle(Event::Heard(Heartbeat { id, epoch, applied: before, condition: BrokerCondition::default() }));
    assert!(live.fenced(1));
    live.handle(Event::Heard(Heartbeat { id, epoch, applied: before.next(), condition: BrokerCondition::default() }));
    assert!(!live.fenced(1));
}

#[test]
fn restart_that_nobody_noticed_ends_the_leadership_of_the_life_before() {
    let mut live = Live::start();
    let session = live.session(1);
    live.handle(Event::Disconnected(session));
    live.come_up(1);
    assert_eq!(live.led(), (Some(2), vec![2, 3], 1));
    assert!(live.session(1).epoch > session.epoch);
}

/// A registration is read late, of a process that is gone. What it says of its log was true before the one that is registered now.
#[test]
fn registration_that_follows_another_than_there_is_changes_nothing() {
    let mut live = Live::start();
    let before = live.session(1).epoch;
    let late = live.registration(1, 98);
    live.kill(1);
    live.losses[1] += 1;
    live.come_up(1);
    let there = live.session(1).epoch;
    live.kill(1);
    for follows in [before, NO_REGISTRATION] {
        let late = RegisterBroker { follows: Some(follows), ..late.clone() };
        let refused = live.ask(Request::RegisterBroker(late));
        assert!(matches!(refused, Reply::Refused(ControllerError::RegisteredMeanwhile(epoch)) if epoch == there));
    }
    assert_eq!(live.session(1).epoch, there);
    let next = RegisterBroker { follows: Some(there), ..live.registration(1, 99) };
    assert!(matches!(live.ask(Request::RegisterBroker(next)), Reply::BrokerRegistered(epoch) if epoch > there));
}

#[test]
fn second_process_of_a_living_broker_is_refused() {
    let mut live = Live::start();
    live.pass(1000);
    assert!(matches!(live.register(1, 99), Reply::Refused(ControllerError::DuplicateBroker(1))));
    let same = live.session(1).epoch;
    let life = live.controller.committed().brokers[&BrokerId(1)].incarnation.0.as_u128();
    assert!(matches!(live.register(1, life), Reply::BrokerRegistered(epoch) if epoch == same), "a retry");
    live.silence(1);
    live.pass(TIMEOUT_MS);
    assert!(matches!(live.register(1, 99), Reply::BrokerRegistered(_)));
}

#[test]
fn most_brokers_silent_at_once_are_left_alone_for_another_timeout() {
    let mut live = Live::start();
    live.silence(1);
    live.silence(2);
    live.pass(TIMEOUT_MS * 2 - 1);
    assert!(!live.fenced(1) && !live.fenced(2));
    live.pass(1);
    assert!(live.fenced(1) && live.fenced(2));
    assert_eq!(live.led().0, Some(3));
}

#[test]
fn controller_that_stood_still_fences_nobody() {
    let mut live = Live::start();
    live.now_ms += 60_000;
    live.handle(Event::Tick);
    assert!((1..=3).all(|id| !live.fenced(id)));
}

#[test]
fn broker_about_to_stop_hands_over_first_and_is_fenced_when_it_goes() {
    let mut live = Live::start();
    let session = live.session(1);
    assert!(matches!(live.ask(Request::BeginShutdown(session)), Reply::ShutdownBegun));
    assert_eq!(live.led(), (Some(2), vec![2, 3], 1));
    assert!(!live.fenced(1));
    let joining = live.proposal(&[1, 2, 3]);
    assert_eq!(live.propose(2, joining), Err(IsrError::IneligibleReplica));
    live.up.retain(|up| up.id != BrokerId(1));
    live.handle(Event::Departed(session));
    assert!(live.fenced(1));
    live.come_up(1);
    assert!(!live.controller.committed().brokers[&BrokerId(1)].in_controlled_shutdown);
}

/// Broker 1 was killed and is back in sync, and 2 leads.
fn back_behind_another_leader() -> Live {
    let mut live = Live::start();
    live.kill(1);
    live.pass(1000);
    live.come_up(1);
    let joined = live.proposal(&[1, 2, 3]);
    live.propose(2, joined).unwrap();
    live
}

#[test]
fn preferred_leader_leads_again_at_the_next_look() {
    let mut live = back_behind_another_leader();
    assert_eq!(live.led().0, Some(2));
    live.pass(300_000);
    assert_eq!(live.led(), (Some(1), vec![1, 2, 3], 2));
}

#[test]
fn preferred_leader_that_came_back_a_moment_ago_leads_again_at_the_look_after() {
    for is_killed in [true, false] {
        let mut live = Live::start();
        let before = live.session(1);
        if is_killed {
            live.kill(1)
        } else {
            live.silence(1)
        }
        live.pass(297_000);
        assert!(live.fenced(1));
        if is_killed {
            live.come_up(1);
        } else {
            live.up.push(before);
            live.heard(1);
        }
        let joined = live.proposal(&[1, 2, 3]);
        live.propose(2, joined).unwrap();
        live.pass(4_000);
        assert_eq!(live.led().0, Some(2), "the look was at 300 s");
        live.pass(300_000);
        assert_eq!(live.led().0, Some(1));
    }
}

#[test]
fn preferred_leader_whose_disk_is_full_leads_again_once_there_is_room() {
    let mut live = back_behind_another_leader();
    live.free_bytes = Some((64 << 20) - 1);
    live.pass(300_000);
    assert_eq!(live.led().0, Some(2));
    live.free_bytes = Some(64 << 20);
    live.pass(300_000);
    assert_eq!(live.led().0, Some(1));
}

#[test]
fn accepted_isr_raises_the_partition_epoch_only() {
    let mut live = Live::start();
    let proposal = live.proposal(&[1, 3]);
    let accepted = live.propose(1, proposal).unwrap();
    assert_eq!((accepted.partition_epoch, accepted.leader_epoch), (PartitionEpoch(1), LeaderEpoch(0)));
    assert_eq!(live.led(), (Some(1), vec![1, 3], 0));
}

#[test]
fn refusals_come_in_the_order_of_kafka() {
    let mut live = Live::start();
    let base = live.proposal(&[1, 2]);
    live.propose(1, base.clone()).unwrap();
    let now = live.proposal(&[1, 2]);
    let with = |change: &dyn Fn(&mut IsrProposal)| {
        let mut proposal = now.clone();
        change(&mut proposal);
        proposal
    };
    let cases: [(i32, IsrProposal, IsrError); 8] = [
        (1, with(&|p| p.leader_epoch = LeaderEpoch(9)), IsrError::AheadOfController),
        (1, with(&|p| p.partition_epoch = PartitionEpoch(9)), IsrError::AheadOfController),
        (1, with(&|p| p.leader_epoch = LeaderEpoch(-1)), IsrError::FencedLeaderEpoch),
        (2, now.clone(), IsrError::NotTheLeader),
        (1, base, IsrError::InvalidUpdateVersion),
        (1, with(&|p| p.isr.remove(0).1 = BrokerEpoch(0)), IsrError::LeaderLeftOut),
        (1, with(&|p| p.isr[1].1 = BrokerEpoch(1)), IsrError::IneligibleReplica),
        (1, with(&|p| p.partition = PartitionIndex(7)), IsrError::UnknownPartition),
    ];
    for (by, proposal, expected) in cases {
        assert_eq!(live.propose(by, proposal.clone()), Err(expected), "{proposal:?}");
    }
    let unknown_epoch = with(&|p| p.isr[1].1 = BrokerEpoch(-1));
    assert!(live.propose(1, unknown_epoch).is_ok());
    let mut joins_unknown = live.proposal(&[1, 2, 3]);
    joins_unknown.isr[2].1 = BrokerEpoch(-1);
    assert_eq!(live.propose(1, joins_unknown), Err(IsrError::IneligibleReplica));
}

#[test]
fn uncleanly_elected_leader_recovers_before_others_join() {
    let mut live = Live::without_the_last();
    live.elect_uncleanly();
    assert_eq!(live.led(), (Some(2), vec![2], 2));
    assert!(live.state().recovering);
    let joined = live.proposal(&[2, 3]);
    assert_eq!(live.propose(2, joined), Err(IsrError::Recovering));
    let recovered = IsrProposal { recovered: true, ..live.proposal(&[2]) };
    assert!(!live.propose(2, recovered).unwrap().recovering);
}

#[test]
fn ten_thousand_elections_are_one_record() {
    let mut live = Live::start();
    let topics = (0..100).map(|index| topic(&format!("t{index}"), 100, 3)).collect();
    live.ask(Request::CreateTopics(CreateTopics { topics, validate_only: false }));
    let led_by = |live: &Live, id: i32| {
        let topics = live.controller.committed().topics.clone();
        topics.iter().flat_map(|topic| &topic.partitions).filter(|one| one.leader == Some(BrokerId(id))).count()
    };
    assert!(led_by(&live, 1) > 3000);
    let session = live.session(1);
    live.controller.handle(Event::Departed(session), MonotonicTime::from_ms(live.now_ms)).into_iter().for_each(
        |effect| {
            let Effect::Commit(commit) = effect else { panic!("a commit, not {effect:?}") };
            let records: Vec<_> = commit.changes.iter().flat_map(|change| &change.records).collect();
            assert_eq!(records, [&MetadataRecord::BrokerFenced { id: session.id, epoch: session.epoch }]);
        },
    );
    live.handle(Event::Committed);
    assert_eq!((led_by(&live, 1), led_by(&live, 2) + led_by(&live, 3)), (0, 10_001));
}

#[test]
fn controller_that_waits_after_a_failed_commit_is_not_due_at_once() {
    let mut live = Live::start();
    let at = MonotonicTime::from_ms;
    let create = CreateTopics { topics: vec![topic("b", 1, 1)], validate_only: false };
    live.controller.handle(Event::Request { id: RequestId(99), request: Request::CreateTopics(create) }, at(299_900));
    live.controller.handle(Event::CommitFailed { reason: "not reached".to_owned() }, at(299_900));
    assert!(live.controller.next_deadline(at(300_000)) > at(300_000), "the hand-back is due, and has to wait");
}
