//! Brokers that are about to go take no new replica.

use super::*;
use crate::{DefaultReplication, HoldError, Leaving, ReassignmentError, topic_name::GROUP_OFFSETS};

/// Five brokers, of which 4 and 5 are to go.
fn cluster() -> Cluster {
    let mut cluster = Cluster::with(Settings { default_replication: DefaultReplication::AtMost(5), ..settings() }, 5);
    cluster.create(vec![assigned("old", &[(0, &[1, 4])])]);
    cluster.set_leaving(Some(4));
    cluster
}

impl Cluster {
    fn set_leaving(&mut self, from: Option<i32>) {
        let request = Request::SetLeaving(Leaving { from: from.map(BrokerId) });
        assert!(matches!(self.ask(request), Reply::LeavingSet));
    }

    fn replicas(&self, topic: &str) -> Vec<Vec<i32>> {
        let partitions = &self.image().topic(topic).unwrap().partitions;
        partitions.iter().map(|one| one.replicas.iter().map(|id| id.0).collect()).collect()
    }

    fn reassign(&mut self, topic: &str, target: &[i32]) -> Result<(), ReassignmentError> {
        let target = target.iter().copied().map(BrokerId).collect();
        let partitions = vec![(partition(topic, 0), Some(target))];
        let request = ReassignPartitions { partitions, allow_replication_factor_change: true };
        match self.ask(Request::ReassignPartitions(request)) {
            Reply::PartitionsReassigned(mut results) => results.remove(0).1,
            other => panic!("{other:?}"),
        }
    }

    fn grow(&mut self, topic: &str, count: i32, assignments: Option<&[&[i32]]>) -> Result<(), TopicError> {
        let of = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
        let assignments = assignments.map(|all| all.iter().map(|ids| of(ids)).collect());
        let more = MorePartitions { name: TopicName::from(topic), count, assignments };
        match self.ask(Request::CreatePartitions(CreatePartitions { topics: vec![more], validate_only: false })) {
            Reply::PartitionsCreated(mut results) => results.remove(0).1,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn new_partitions_are_placed_on_those_that_stay() {
    let mut cluster = cluster();
    cluster.create(vec![topic("a", 10, 3), topic("b", 5, -1)]).into_iter().for_each(|created| {
        assert_eq!(created.unwrap().replication_factor, 3, "as many as stay");
    });
    cluster.grow("old", 9, None).unwrap();
    let old = cluster.replicas("old");
    assert_eq!(old[0], [1, 4], "it keeps what it has");
    let new: Vec<_> = [cluster.replicas("a"), cluster.replicas("b"), old[1..].to_vec()].concat();
    assert!(new.iter().flatten().all(|id| *id < 4), "{new:?}");
}

#[test]
fn more_replicas_than_brokers_that_stay_are_refused() {
    let mut cluster = cluster();
    let refused = cluster.create(vec![topic("a", 1, 4)]).remove(0).unwrap_err();
    assert!(
        matches!(&refused, TopicError::InvalidReplicationFactor(why) if why.contains("only 3 broker(s) are registered and stay")),
        "{refused}"
    );
    for id in 1..=3 {
        cluster.fence(id);
    }
    cluster.set_leaving(Some(4));
    let refused = cluster.create(vec![topic("a", 1, 1)]).remove(0).unwrap_err();
    assert!(matches!(&refused, TopicError::InvalidReplicationFactor(why) if why.contains("alive")), "{refused}");
}

#[test]
fn nobody_assigns_one_a_replica() {
    let mut cluster = cluster();
    let refused = cluster.create(vec![assigned("a", &[(0, &[1, 5])])]).remove(0).unwrap_err();
    assert!(matches!(refused, TopicError::InvalidReplicaAssignment(_)), "{refused}");
    let refused = cluster.grow("old", 2, Some(&[&[4, 1]])).unwrap_err();
    assert!(matches!(refused, TopicError::InvalidReplicaAssignment(_)), "{refused}");
    let refused = cluster.reassign("old", &[1, 5]).unwrap_err();
    assert!(matches!(refused, ReassignmentError::InvalidAssignment(_)), "{refused}");
    assert_eq!(cluster.replicas("old"), [[1, 4]]);
    assert_eq!(cluster.reassign("old", &[4, 1]), Ok(()), "what is there may stay until it moves");
    assert_eq!(cluster.reassign("old", &[1, 2]), Ok(()));
}

#[test]
fn internal_topics_are_raised_on_those_that_stay() {
    let mut cluster = Cluster::of(1);
    cluster.create(vec![topic(GROUP_OFFSETS, 4, 1)]);
    cluster.set_leaving(Some(2));
    cluster.register(2);
    cluster.pass(Duration::from_secs(1));
    assert_eq!(cluster.replicas(GROUP_OFFSETS), [[1]; 4]);
    cluster.set_leaving(None);
    cluster.pass(Duration::from_secs(1));
    assert_eq!(cluster.replicas(GROUP_OFFSETS), [[1, 2]; 4]);
}

#[test]
fn broker_is_not_drained_onto_those_that_go() {
    let mut cluster = cluster();
    cluster.create(vec![topic("a", 1, 3)]);
    let request = HoldBroker { id: BrokerId(1), change: HoldChange::Drain, force: false, validate_only: false };
    match cluster.ask(Request::HoldBroker(request)) {
        Reply::BrokerHeld(Err(HoldError::TooFewBrokers { replicas: 3, brokers: 2, .. })) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn calling_it_off_gives_them_replicas_again() {
    let mut cluster = cluster();
    let before = cluster.image().clone();
    cluster.set_leaving(None);
    assert_eq!(cluster.image(), &before, "nothing is stored");
    assert_eq!(cluster.create(vec![topic("a", 1, 5)]).remove(0).unwrap().replication_factor, 5);
}
