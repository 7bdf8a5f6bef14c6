//! On which broker a replica of an existing partition goes when one is added or replaced.

use controller::{ClusterImage, Leaving, PartitionImage};
use model::BrokerId;
use std::collections::{BTreeMap, BTreeSet};

/// Brokers that may take replicas, with how many each has.
#[derive(Debug)]
pub(super) struct Places<'a> {
    image: &'a ClusterImage,
    load: BTreeMap<BrokerId, usize>,
}

impl<'a> Places<'a> {
    pub(super) fn new(image: &'a ClusterImage, leaving: Leaving) -> Self {
        let takers = image.brokers_with_room(leaving);
        let mut load: BTreeMap<BrokerId, usize> = takers.map(|broker| (broker.id, 0)).collect();
        for id in image.topics.iter().flat_map(|topic| &topic.partitions).flat_map(|partition| &partition.replicas) {
            if let Some(replicas) = load.get_mut(id) {
                *replicas += 1;
            }
        }
        Self { image, load }
    }

    /// For one more replica beside `others`: on a rack that they are not on where there is one, and of those brokers the one
    /// with the fewest replicas. Counts it as taken.
    pub(super) fn take(&mut self, others: &[BrokerId]) -> Option<BrokerId> {
        let rack = |id: &BrokerId| self.image.brokers.get(id).and_then(|broker| broker.rack.as_deref());
        let racks: BTreeSet<_> = others.iter().filter_map(rack).collect();
        let shares_rack = |id: &BrokerId| rack(id).is_some_and(|rack| racks.contains(rack));
        let free = self.load.iter().filter(|(id, _)| !others.contains(id));
        let (chosen, _) = free.min_by_key(|(id, replicas)| (shares_rack(id), **replicas, **id))?;
        let chosen = *chosen;
        *self.load.entry(chosen).or_default() += 1;
        Some(chosen)
    }

    /// The replicas with each that leaves replaced in its place, which keeps who is preferred.
    pub(super) fn without(
        &mut self,
        partition: &PartitionImage,
        leaves: impl Fn(BrokerId) -> bool,
    ) -> Option<Vec<BrokerId>> {
        let mut replicas = partition.replicas.clone();
        for place in 0..replicas.len() {
            if leaves(replicas[place]) {
                let others: Vec<_> = replicas.iter().copied().filter(|id| !leaves(*id)).collect();
                replicas[place] = self.take(&others)?;
            }
        }
        Some(replicas)
    }
}
