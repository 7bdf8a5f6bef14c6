//! Metadata as a broker tells it that stepped aside: it leads nothing that others may lead by now.

use controller::{ClusterImage, MetadataChange, MetadataRecord, PartitionImage};
use model::{BrokerId, PartitionIndex, TopicId};
use std::sync::Arc;

/// The image in which nobody leads the partitions that `me` left, and whether it leads others. Without any it serves nobody.
pub(super) fn without(
    committed: &ClusterImage,
    me: BrokerId,
    left: &[(TopicId, PartitionIndex)],
) -> (ClusterImage, bool) {
    let leads = |partition: &PartitionImage| partition.leader == Some(me);
    let led = left.iter().filter_map(|(id, partition)| {
        let state = committed.topic_by_id(*id)?.partition(*partition).filter(|state| leads(state))?.clone();
        let state = PartitionImage { leader: None, ..state };
        Some(MetadataRecord::PartitionChanged { id: *id, partition: *partition, state })
    });
    let change = MetadataChange { version: committed.metadata_version.next(), records: led.collect() };
    let mut image = committed.clone();
    image.apply(&change).expect("the records are of the image's own partitions");
    image.metadata_version = committed.metadata_version;
    let leads_others = image.topics.iter().any(|topic| topic.partitions.iter().any(leads));
    if !leads_others && let Some(broker) = Arc::make_mut(&mut image.brokers).get_mut(&me) {
        broker.fenced = true;
    }
    (image, leads_others)
}
