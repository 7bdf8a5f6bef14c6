//! What people keep brokers from.

use super::*;
use crate::{
    FeatureError, Hold, HoldError,
    features::BROKER_HOLDS,
    requests::{FeatureUpdate, HeldBroker, HoldBroker, HoldChange, MoveLeaders, MovedLeaders, UpdateFeatures},
};

impl Live {
    fn hold_with(&mut self, id: i32, change: HoldChange, force: bool) -> Result<HeldBroker, HoldError> {
        let request = HoldBroker { id: BrokerId(id), change, force, validate_only: false };
        match self.ask(Request::HoldBroker(request)) {
            Reply::BrokerHeld(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn hold(&mut self, id: i32, change: HoldChange) -> Result<HeldBroker, HoldError> {
        self.hold_with(id, change, false)
    }

    fn move_leaders(&mut self, from: i32, validate_only: bool) -> Result<MovedLeaders, HoldError> {
        match self.ask(Request::MoveLeaders(MoveLeaders { from: BrokerId(from), validate_only })) {
            Reply::LeadersMoved(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn set_level(&mut self, level: i16, allow_downgrade: bool) -> Result<(), FeatureError> {
        let updates = vec![FeatureUpdate { name: BROKER_HOLDS.to_owned(), level, allow_downgrade }];
        match self.ask(Request::UpdateFeatures(UpdateFeatures { updates, validate_only: false })) {
            Reply::FeaturesUpdated(mut results) => results.remove(0).1,
            other => panic!("{other:?}"),
        }
    }

    /// A controller in another process, with what is committed.
    fn take_over(&mut self) {
        let committed = serde_json::to_vec(&**self.controller.committed()).unwrap();
        let image: ClusterImage = serde_json::from_slice(&committed).unwrap();
        let now = MonotonicTime::from_ms(self.now_ms);
        self.controller = Controller::new(Self::settings(), Arc::new(image), now);
    }

    fn create_topic(&mut self, topic: NewTopic) -> Vec<Vec<i32>> {
        let name = topic.name.clone();
        let created = self.ask(Request::CreateTopics(CreateTopics { topics: vec![topic], validate_only: false }));
        assert!(matches!(created, Reply::TopicsCreated(results) if results[0].1.is_ok()));
        let ids = |partition: &PartitionImage| partition.replicas.iter().map(|id| id.0).collect();
        self.controller.committed().topic(&name).unwrap().partitions.iter().map(ids).collect()
    }
}

#[test]
fn broker_fenced_by_hand_stays_so_through_heartbeats_a_take_over_and_a_registration() {
    let mut live = Live::start();
    let held = live.hold(1, HoldChange::Fence).unwrap();
    assert_eq!((held.changed, held.leaders_moved, held.replicas), (true, 1, 1));
    assert!(live.fenced(1));
    assert_eq!(live.led(), (Some(2), vec![2, 3], 1));
    live.pass(2 * TIMEOUT_MS);
    assert!(live.fenced(1), "it is heard all the time");
    live.take_over();
    live.pass(2 * TIMEOUT_MS);
    assert!(live.fenced(1), "another controller knows");
    live.kill(1);
    live.pass(TIMEOUT_MS);
    live.come_up(1);
    live.pass(2 * TIMEOUT_MS);
    assert!(live.fenced(1), "another life does not end it");
    let same = live.hold(1, HoldChange::Fence).unwrap();
    assert!(!same.changed);
    assert_eq!(live.hold(1, HoldChange::Unfence).unwrap().hold, Hold::NONE);
    live.pass(STEP_MS);
    assert!(!live.fenced(1));
    assert!(live.controller.committed().holds.is_empty());
}

#[test]
fn fence_that_costs_a_leader_or_the_minimum_has_to_be_forced() {
    let mut live = Live::start();
    assert_eq!(live.hold(9, HoldChange::Fence), Err(HoldError::UnknownBroker(9)));
    live.create_topic(assigned("alone", &[(0, &[1])]));
    let before = Arc::clone(live.controller.committed());
    let offline = Err(HoldError::WouldTakeOffline { partition: "alone-0".to_owned(), count: 1 });
    assert_eq!(live.hold(1, HoldChange::Fence), offline);
    assert!(Arc::ptr_eq(&before, live.controller.committed()), "nothing is committed");
    live.create_topic(NewTopic {
        configs: vec![("min.insync.replicas".to_owned(), Some("2".to_owned()))],
        ..assigned("pair", &[(0, &[2, 3])])
    });
    let below = Err(HoldError::WouldFallBelowMinimum { partition: "pair-0".to_owned(), count: 1 });
    assert_eq!(live.hold(3, HoldChange::Fence), below);
    assert!(live.hold_with(1, HoldChange::Fence, true).is_ok() && live.fenced(1));
    let alone = live.controller.committed().partition(&partition("alone", 0)).unwrap();
    assert_eq!((alone.leader, &*alone.isr), (None, &[BrokerId(1)][..]));
}

#[test]
fn check_of_a_hold_changes_nothing() {
    let mut live = Live::start();
    let before = Arc::clone(live.controller.committed());
    let request = HoldBroker { id: BrokerId(1), change: HoldChange::Fence, force: false, validate_only: true };
    let Reply::BrokerHeld(Ok(held)) = live.ask(Request::HoldBroker(request)) else { panic!("refused") };
    assert_eq!((held.changed, held.leaders_moved), (true, 1));
    assert_eq!(live.move_leaders(1, true), Ok(MovedLeaders { moved: 1, staying: 0, left: 0 }));
    assert!(Arc::ptr_eq(&before, live.controller.committed()));
}

#[test]
fn broker_that_is_drained_leads_on_and_is_given_no_new_replicas() {
    let mut live = Live::start();
    let too_few = HoldError::TooFewBrokers { topic: "a".to_owned(), replicas: 3, brokers: 2 };
    assert_eq!(live.hold(1, HoldChange::Drain), Err(too_few));
    live.come_up(4);
    live.hold(1, HoldChange::Drain).unwrap();
    live.pass(STEP_MS);
    assert_eq!(live.led(), (Some(1), vec![1, 2, 3], 0));
    let placed = live.create_topic(topic("b", 6, 3));
    assert!(placed.iter().flatten().all(|id| *id != 1), "{placed:?}");
    let placed = live.create_topic(topic("c", 2, 4));
    assert!(placed.iter().all(|replicas| replicas[3] == 1), "where the others are too few it comes last: {placed:?}");
    assert_eq!(live.hold(1, HoldChange::Fence).unwrap().hold, Hold { fenced: true, drained: true });
    assert_eq!(live.hold(1, HoldChange::Unfence).unwrap().hold, Hold { fenced: false, drained: true });
    live.hold(1, HoldChange::Undrain).unwrap();
    let placed = live.create_topic(topic("d", 4, 1));
    assert!(placed.iter().flatten().any(|id| *id == 1), "{placed:?}");
}

#[test]
fn brokers_are_held_only_where_everybody_keeps_it() {
    let mut live = Live::start();
    live.set_level(0, true).unwrap();
    assert_eq!(live.hold(1, HoldChange::Fence), Err(HoldError::FeatureOff));
    live.set_level(1, false).unwrap();
    live.hold(1, HoldChange::Fence).unwrap();
    assert!(matches!(live.set_level(0, true), Err(FeatureError::InvalidUpdate(_))), "a broker is held");
    live.hold(1, HoldChange::Unfence).unwrap();
    assert_eq!(live.set_level(0, true), Ok(()));
}

#[test]
fn hold_ends_with_the_broker() {
    let mut live = Live::start();
    live.come_up(4);
    live.hold(4, HoldChange::Fence).unwrap();
    live.silence(4);
    live.pass(2 * TIMEOUT_MS);
    assert!(matches!(live.ask(Request::UnregisterBroker(BrokerId(4))), Reply::BrokerUnregistered(Ok(()))));
    assert!(live.controller.committed().holds.is_empty());
}

#[test]
fn leaders_move_to_members_of_the_isr_and_nowhere_else() {
    let mut live = Live::start();
    live.create_topic(assigned("alone", &[(0, &[1])]));
    assert_eq!(live.move_leaders(9, false), Err(HoldError::UnknownBroker(9)));
    assert_eq!(live.move_leaders(1, false), Ok(MovedLeaders { moved: 1, staying: 1, left: 0 }));
    assert_eq!(live.led(), (Some(2), vec![1, 2, 3], 1), "the one that led stays in sync");
    assert_eq!(live.move_leaders(1, false), Ok(MovedLeaders { moved: 0, staying: 1, left: 0 }));
}

#[test]
fn leaders_of_very_many_partitions_move_in_several_commits() {
    let mut live = Live::start();
    let assignments: Vec<(i32, &[i32])> = (0..1500).map(|index| (index, &[3, 2][..])).collect();
    live.create_topic(assigned("wide", &assignments));
    assert_eq!(live.move_leaders(3, false), Ok(MovedLeaders { moved: 1000, staying: 0, left: 500 }));
    assert_eq!(live.move_leaders(3, false), Ok(MovedLeaders { moved: 500, staying: 0, left: 0 }));
}
