use super::*;
use crate::{ElectionError, PartitionImage, ReassignmentError};
use model::{LeaderEpoch, PartitionEpoch};

fn elect(
    cluster: &mut Cluster,
    partitions: Option<Vec<TopicPartition>>,
    unclean: bool,
) -> Vec<Result<(), ElectionError>> {
    match cluster.ask(Request::ElectLeaders(ElectLeaders { partitions, unclean })) {
        Reply::LeadersElected(results) => results.into_iter().map(|(_, result)| result).collect(),
        other => panic!("{other:?}"),
    }
}

fn elect_one(cluster: &mut Cluster, unclean: bool) -> Result<(), ElectionError> {
    elect(cluster, Some(vec![partition("a", 0)]), unclean).remove(0)
}

/// Topic `a` with partition 0 on brokers 1, 2, 3 and the state that `change` makes of it.
fn cluster(change: impl FnOnce(&mut PartitionImage)) -> Cluster {
    let mut cluster = Cluster::of(3);
    let id = cluster.create(vec![assigned("a", &[(0, &[1, 2, 3])])]).remove(0).unwrap().id;
    let mut state = cluster.image().partition(&partition("a", 0)).unwrap().clone();
    change(&mut state);
    cluster.force(MetadataRecord::PartitionChanged { id, partition: PartitionIndex(0), state });
    cluster
}

fn state(cluster: &Cluster) -> PartitionImage {
    cluster.image().partition(&partition("a", 0)).unwrap().clone()
}

#[test]
fn the_leader_that_leads_needs_no_election() {
    let mut cluster = cluster(|_| {});
    for unclean in [false, true] {
        assert_eq!(elect_one(&mut cluster, unclean), Err(ElectionError::NotNeeded));
    }
    let named = vec![partition("a", 0), partition("a", 0), partition("a", 9), partition("missing", 0)];
    let unknown = Err(ElectionError::UnknownPartition);
    let not_needed = Err(ElectionError::NotNeeded);
    assert_eq!(elect(&mut cluster, Some(named), false), [not_needed.clone(), not_needed, unknown.clone(), unknown]);
    assert_eq!(elect(&mut cluster, None, false), [], "all partitions: only those with something to do");
}

#[test]
fn the_preferred_replica_leads_again_under_a_new_epoch() {
    let mut cluster = cluster(|state| state.leader = Some(BrokerId(2)));
    assert_eq!(elect_one(&mut cluster, false), Ok(()));
    let after = state(&cluster);
    assert_eq!(
        (after.leader, after.leader_epoch, after.partition_epoch),
        (Some(BrokerId(1)), LeaderEpoch(1), PartitionEpoch(1))
    );
}

#[test]
fn a_preferred_replica_outside_the_isr_or_fenced_does_not_lead() {
    let mut outside = cluster(|state| {
        state.leader = Some(BrokerId(2));
        state.isr = vec![BrokerId(2), BrokerId(3)];
    });
    assert_eq!(elect_one(&mut outside, false), Err(ElectionError::PreferredLeaderNotAvailable));
    let mut fenced = cluster(|state| state.leader = Some(BrokerId(2)));
    fenced.fence(1);
    assert_eq!(elect_one(&mut fenced, false), Err(ElectionError::PreferredLeaderNotAvailable));
}

#[test]
fn an_unclean_election_takes_the_isr_first_and_else_makes_the_leader_the_isr() {
    let mut clean = cluster(|state| {
        state.leader = None;
        state.isr = vec![BrokerId(3)];
    });
    assert_eq!(elect_one(&mut clean, true), Ok(()));
    assert_eq!((state(&clean).leader, state(&clean).isr), (Some(BrokerId(3)), vec![BrokerId(3)]));

    let mut unclean = cluster(|state| {
        state.leader = None;
        state.isr = vec![BrokerId(3)];
    });
    unclean.fence(3);
    assert_eq!(elect_one(&mut unclean, true), Ok(()));
    assert_eq!((state(&unclean).leader, state(&unclean).isr), (Some(BrokerId(1)), vec![BrokerId(1)]));

    let mut moving = cluster(|state| {
        state.leader = None;
        state.isr = vec![BrokerId(3)];
        state.adding_replicas = vec![BrokerId(1)];
    });
    moving.fence(3);
    assert_eq!(elect_one(&mut moving, true), Ok(()));
    assert_eq!(state(&moving).leader, Some(BrokerId(2)), "1 is being added and may have nothing");

    let mut nobody = cluster(|state| state.leader = None);
    for id in 1..=3 {
        nobody.fence(id);
    }
    assert_eq!(elect_one(&mut nobody, true), Err(ElectionError::EligibleLeadersNotAvailable));
}

#[test]
fn an_unclean_election_is_only_of_partitions_that_are_named() {
    let mut cluster = cluster(|state| {
        state.leader = None;
        state.isr = vec![BrokerId(3)];
    });
    cluster.fence(3);
    let before = state(&cluster);
    assert_eq!(elect(&mut cluster, None, true), [Err(ElectionError::NotNamed)]);
    assert_eq!(state(&cluster), before);
    assert_eq!(elect_one(&mut cluster, true), Ok(()));
    assert_eq!(elect(&mut cluster, None, true), [], "there is nothing to do");
}

fn reassign(cluster: &mut Cluster, target: Option<&[i32]>) -> Result<(), ReassignmentError> {
    reassign_with(cluster, partition("a", 0), target, true)
}

fn reassign_with(
    cluster: &mut Cluster,
    partition: TopicPartition,
    target: Option<&[i32]>,
    allow_replication_factor_change: bool,
) -> Result<(), ReassignmentError> {
    let target = target.map(|ids| ids.iter().copied().map(BrokerId).collect());
    let ask = ReassignPartitions { partitions: vec![(partition, target)], allow_replication_factor_change };
    match cluster.ask(Request::ReassignPartitions(ask)) {
        Reply::PartitionsReassigned(mut results) => results.remove(0).1,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_single_broker_answers_to_reassignments() {
    let mut cluster = Cluster::of(1);
    cluster.create(vec![topic("a", 1, 1)]);
    let before = cluster.image().clone();
    assert_eq!(reassign(&mut cluster, Some(&[1])), Ok(()));
    assert_eq!(reassign(&mut cluster, None), Err(ReassignmentError::NotInProgress));
    for target in [&[9][..], &[1, 9], &[-1], &[], &[1, 1]] {
        let result = reassign(&mut cluster, Some(target));
        assert!(matches!(result, Err(ReassignmentError::InvalidAssignment(_))), "{target:?}: {result:?}");
    }
    for missing in [partition("a", 9), partition("missing", 0)] {
        for target in [Some(&[1][..]), None] {
            let result = reassign_with(&mut cluster, missing.clone(), target, true);
            assert_eq!(result, Err(ReassignmentError::UnknownPartition));
        }
    }
    assert_eq!(cluster.image(), &before, "none of it changes anything");
}

#[test]
fn the_number_of_replicas_changes_only_where_that_is_allowed() {
    let mut cluster = cluster(|_| {});
    let refused = reassign_with(&mut cluster, partition("a", 0), Some(&[1, 2]), false);
    assert!(matches!(refused, Err(ReassignmentError::InvalidReplicationFactor(_))));
    assert_eq!(reassign_with(&mut cluster, partition("a", 0), Some(&[2, 1]), true), Ok(()));
    let after = state(&cluster);
    assert_eq!((after.replicas, after.isr), (vec![BrokerId(2), BrokerId(1)], vec![BrokerId(1), BrokerId(2)]));
    assert_eq!((after.leader, after.leader_epoch), (Some(BrokerId(1)), LeaderEpoch(1)), "a replica left: new epoch");
}

#[test]
fn a_reassignment_under_way_can_be_cancelled() {
    let mut cluster = Cluster::of(3);
    cluster.create(vec![assigned("a", &[(0, &[1])])]);
    assert_eq!(reassign(&mut cluster, Some(&[2])), Ok(()));
    let moving = state(&cluster);
    assert_eq!(moving.replicas, [BrokerId(2), BrokerId(1)]);
    assert_eq!((moving.adding_replicas, moving.removing_replicas), (vec![BrokerId(2)], vec![BrokerId(1)]));
    assert_eq!(moving.leader, Some(BrokerId(1)));
    assert_eq!(reassign(&mut cluster, None), Ok(()));
    let back = state(&cluster);
    assert_eq!((back.replicas, back.isr, back.leader), (vec![BrokerId(1)], vec![BrokerId(1)], Some(BrokerId(1))));
    assert!(back.adding_replicas.is_empty() && back.removing_replicas.is_empty());
}
