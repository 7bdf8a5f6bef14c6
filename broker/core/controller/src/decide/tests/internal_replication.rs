//! Internal topics get more replicas as brokers join.

use super::*;
use crate::topic_name::GROUP_OFFSETS;

/// One broker that made the topic of committed offsets, with four partitions.
fn cluster() -> Cluster {
    let mut cluster = Cluster::of(1);
    cluster.create(vec![topic(GROUP_OFFSETS, 4, 1), topic("a", 1, 1)]);
    cluster
}

fn replicas(cluster: &Cluster) -> Vec<Vec<i32>> {
    let partitions = &cluster.image().topic(GROUP_OFFSETS).unwrap().partitions;
    partitions.iter().map(|one| one.replicas.iter().map(|id| id.0).collect()).collect()
}

/// Every replica is in sync: the leaders say so.
fn catch_up(cluster: &mut Cluster) {
    let topic = cluster.image().topic(GROUP_OFFSETS).unwrap().clone();
    for (partition, state) in topic.indexed_partitions() {
        let proposal = IsrProposal {
            topic_id: topic.id,
            partition,
            leader_epoch: state.leader_epoch,
            partition_epoch: state.partition_epoch,
            isr: state.replicas.iter().map(|id| (*id, cluster.image().brokers[id].epoch)).collect(),
            recovered: false,
            min_in_sync: None,
        };
        let broker = state.leader.unwrap();
        let broker_epoch = cluster.image().brokers[&broker].epoch;
        cluster.ask(Request::AlterPartitions(AlterPartitions { broker, broker_epoch, proposals: vec![proposal] }));
    }
}

fn reassign(cluster: &mut Cluster, target: Option<&[i32]>) {
    let target = |_| target.map(|ids| ids.iter().copied().map(BrokerId).collect());
    let partitions = (0..4).map(|index| (partition(GROUP_OFFSETS, index), target(index))).collect();
    let request = ReassignPartitions { partitions, allow_replication_factor_change: true };
    cluster.ask(Request::ReassignPartitions(request));
}

#[test]
fn replicas_are_added_as_brokers_join_up_to_three() {
    let mut cluster = cluster();
    cluster.register(2);
    cluster.pass(Duration::ZERO);
    assert_eq!(replicas(&cluster), vec![vec![1, 2]; 4]);
    assert!(cluster.image().topic(GROUP_OFFSETS).unwrap().partitions.iter().all(|one| one.is_being_reassigned()));
    cluster.register(3);
    cluster.pass(Duration::ZERO);
    assert_eq!(replicas(&cluster), vec![vec![1, 2]; 4], "one reassignment at a time");
    catch_up(&mut cluster);
    assert_eq!(replicas(&cluster), vec![vec![1, 2, 3]; 4]);
    catch_up(&mut cluster);
    cluster.register(4);
    cluster.pass(Duration::ZERO);
    assert_eq!(replicas(&cluster), vec![vec![1, 2, 3]; 4]);
    assert_eq!(cluster.image().topic("a").unwrap().replication_factor(), 1);
}

#[test]
fn new_replicas_are_spread() {
    let mut cluster = cluster();
    for id in 2..=5 {
        cluster.fence_from_the_start(id);
    }
    let brokers: Vec<_> = (2..=5).map(|id| cluster.image().brokers[&BrokerId(id)].clone()).collect();
    for broker in brokers {
        cluster.force(MetadataRecord::BrokerUnfenced { id: broker.id, epoch: broker.epoch });
    }
    cluster.pass(Duration::ZERO);
    let replicas = replicas(&cluster);
    for id in 2..=5 {
        assert_eq!(replicas.iter().flatten().filter(|holder| **holder == id).count(), 2, "{replicas:?}");
    }
}

#[test]
fn what_a_person_chooses_stays() {
    let mut cluster = cluster();
    cluster.register(2);
    cluster.pass(Duration::ZERO);
    reassign(&mut cluster, None);
    cluster.pass(Duration::from_secs(1));
    assert_eq!(replicas(&cluster), vec![vec![1]; 4], "cancelled");
    cluster.register(3);
    cluster.pass(Duration::ZERO);
    catch_up(&mut cluster);
    assert_eq!(replicas(&cluster), vec![vec![1, 2, 3]; 4], "there was no third before");
    reassign(&mut cluster, Some(&[2]));
    cluster.pass(Duration::from_secs(1));
    assert_eq!(replicas(&cluster), vec![vec![2]; 4]);
}
