//! Which brokers hold the replicas of new partitions.

use crate::{
    holds::Hold,
    image::{BrokerRegistration, ClusterImage, PartitionImage},
    leaving::Leaving,
};
use model::{BrokerId, LeaderEpoch, PartitionEpoch};
use std::collections::{BTreeMap, BTreeSet};

/// Replicas of `count` new partitions: leaders spread evenly, starting with the broker that leads least, the other
/// replicas on racks the partition does not have yet while there are any. Brokers that are to be drained, or are down, take
/// replicas only where the others are too few, and come last; those that leave take none. Callers have checked that `replicas`
/// is at least 1 and at most the number of brokers that stay, one of which is usable.
pub fn place(image: &ClusterImage, leaving: Leaving, count: usize, replicas: usize) -> Vec<Vec<BrokerId>> {
    let is_held = |broker: &&BrokerRegistration| broker.is_usable() && image.hold(broker.id) != Hold::NONE;
    let mut ring = rack_alternating(image.brokers_with_room(leaving));
    let mut held = rack_alternating(image.staying_brokers(leaving).filter(is_held));
    if ring.is_empty() {
        std::mem::swap(&mut ring, &mut held);
    }
    if ring.is_empty() {
        return Vec::new();
    }
    let absent = rack_alternating(image.staying_brokers(leaving).filter(|broker| !broker.is_usable()));
    let first = least_leading(image, &ring);
    let of_partition = |partition| {
        let mut chosen = replicas_from(&ring, first + partition, replicas);
        for others in [&held, &absent] {
            let missing = replicas - chosen.len();
            if missing > 0 && !others.is_empty() {
                chosen.extend(replicas_from(others, partition, missing));
            }
        }
        chosen
    };
    (0..count).map(of_partition).collect()
}

/// A new partition whose first usable replica leads.
pub fn new_partition(image: &ClusterImage, replicas: Vec<BrokerId>) -> PartitionImage {
    let usable: Vec<_> = replicas.iter().copied().filter(|id| image.is_usable(*id)).collect();
    PartitionImage {
        leader: usable.first().copied(),
        isr: if usable.is_empty() { replicas.clone() } else { usable },
        elr: Vec::new(),
        replicas,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        recovering: false,
    }
}

/// Brokers so ordered that neighbours are on different racks as far as possible.
fn rack_alternating<'a>(brokers: impl Iterator<Item = &'a BrokerRegistration>) -> Vec<(BrokerId, Option<&'a str>)> {
    let mut racks = BTreeMap::<Option<&str>, Vec<BrokerId>>::new();
    for broker in brokers {
        racks.entry(broker.rack.as_deref()).or_default().push(broker.id);
    }
    let rounds = racks.values().map(Vec::len).max().unwrap_or(0);
    let mut ring = Vec::new();
    for round in 0..rounds {
        for (rack, brokers) in &racks {
            ring.extend(brokers.get(round).map(|broker| (*broker, *rack)));
        }
    }
    ring
}

fn least_leading(image: &ClusterImage, ring: &[(BrokerId, Option<&str>)]) -> usize {
    if ring.len() == 1 {
        return 0;
    }
    let mut leads: BTreeMap<BrokerId, usize> = ring.iter().map(|(broker, _)| (*broker, 0)).collect();
    for leader in image.topics.iter().flat_map(|topic| &topic.partitions).filter_map(|partition| partition.leader) {
        if let Some(count) = leads.get_mut(&leader) {
            *count += 1;
        }
    }
    let least = ring.iter().enumerate().min_by_key(|(index, (broker, _))| (leads.get(broker).copied(), *index));
    least.map_or(0, |(index, _)| index)
}

fn replicas_from(ring: &[(BrokerId, Option<&str>)], first: usize, replicas: usize) -> Vec<BrokerId> {
    let in_turn = || (0..ring.len()).map(|step| &ring[(first + step) % ring.len()]);
    let mut chosen = Vec::with_capacity(replicas);
    let mut racks = BTreeSet::new();
    for (broker, rack) in in_turn() {
        if chosen.len() < replicas && racks.insert(*rack) {
            chosen.push(*broker);
        }
    }
    for (broker, _) in in_turn() {
        if chosen.len() < replicas && !chosen.contains(broker) {
            chosen.push(*broker);
        }
    }
    chosen
}
