//! Internal topics get more replicas as brokers join: the first broker of a cluster makes them with what there is. It is a
//! reassignment like a person's, begun once for each factor, and never while another one is running.

use super::{Draft, reassignment};
use crate::{
    image::{ClusterImage, PartitionImage, TopicImage},
    leaving::Leaving,
    record::MetadataRecord,
    topic_name::INTERNAL_TOPICS,
};
use model::{BrokerId, PartitionIndex};
use std::collections::{BTreeMap, BTreeSet};

/// Up to `factor` replicas, as far as there are brokers.
pub(super) fn raise(draft: &mut Draft, leaving: Leaving, factor: i16) {
    for name in INTERNAL_TOPICS {
        let image = draft.image();
        let Some((topic, factor)) =
            image.topic(name).and_then(|topic| Some((topic, due(image, leaving, topic, factor)?)))
        else {
            continue;
        };
        let id = topic.id;
        let begun = |(partition, target): (PartitionIndex, Vec<BrokerId>)| {
            let state = reassignment::begun(image, topic, topic.partition(partition)?, &target).ok()?;
            Some(MetadataRecord::PartitionChanged { id, partition, state })
        };
        let records: Vec<_> =
            targets(image, leaving, topic, usize::from(factor.unsigned_abs())).filter_map(begun).collect();
        records.into_iter().for_each(|record| draft.add(record));
        draft.add(MetadataRecord::InternalReplicationRaised { id, factor });
        draft.close_change();
    }
}

/// The factor that the topic is to have and never was given.
fn due(image: &ClusterImage, leaving: Leaving, topic: &TopicImage, factor: i16) -> Option<i16> {
    let has_less = |factor: i16| {
        let replicas = usize::from(factor.unsigned_abs());
        topic.partitions.iter().any(|partition| partition.replicas.len() < replicas)
    };
    if topic.raised_to >= factor || !has_less(factor) {
        return None;
    }
    let usable = i16::try_from(image.brokers_with_room(leaving).count()).unwrap_or(i16::MAX);
    let factor = factor.min(usable);
    let is_moving = topic.partitions.iter().any(PartitionImage::is_being_reassigned);
    (factor > topic.raised_to && has_less(factor) && !is_moving).then_some(factor)
}

/// Present replicas, then those brokers that hold least of the topic, other racks first.
fn targets(
    image: &ClusterImage,
    leaving: Leaving,
    topic: &TopicImage,
    factor: usize,
) -> impl Iterator<Item = (PartitionIndex, Vec<BrokerId>)> {
    let mut held: BTreeMap<BrokerId, usize> = image.brokers_with_room(leaving).map(|broker| (broker.id, 0)).collect();
    for id in topic.partitions.iter().flat_map(|partition| &partition.replicas) {
        held.entry(*id).and_modify(|count| *count += 1);
    }
    let rack_of = |id: &BrokerId| image.brokers.get(id).and_then(|broker| broker.rack.as_deref());
    topic.indexed_partitions().filter(move |(_, partition)| partition.replicas.len() < factor).map(
        move |(index, partition)| {
            let mut target = partition.replicas.clone();
            while target.len() < factor {
                let racks: BTreeSet<_> = target.iter().map(rack_of).collect();
                let free = held.iter().filter(|(id, _)| !target.contains(id));
                let least = free.min_by_key(|(id, count)| (racks.contains(&rack_of(id)), **count, **id));
                let Some(id) = least.map(|(id, _)| *id) else { break };
                held.entry(id).and_modify(|count| *count += 1);
                target.push(id);
            }
            (index, target)
        },
    )
}
