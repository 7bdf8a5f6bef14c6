//! Metadata as a broker tells it that stepped aside: it leads nothing that others may lead by now.

use controller::{ClusterImage, MetadataChange, MetadataRecord, PartitionImage};
use model::{BrokerId, TopicPartition};
use std::sync::Arc;

/// The image in which nobody leads the partitions that `me` left. Without any other that it leads, it serves nobody.
pub(super) fn without(committed: &ClusterImage, me: BrokerId, left: &[TopicPartition]) -> ClusterImage {
    let led = left.iter().filter_map(|id| {
        let state = committed.partition(id).filter(|partition| partition.leader == Some(me))?.clone();
        let topic = committed.topic(&id.topic)?.id;
        let state = PartitionImage { leader: None, ..state };
        Some(MetadataRecord::PartitionChanged { id: topic, partition: id.partition, state })
    });
    let change = MetadataChange { version: committed.metadata_version.next(), records: led.collect() };
    let mut image = committed.clone();
    image.apply(&change).expect("the records are of the image's own partitions");
    image.metadata_version = committed.metadata_version;
    let leads = |partition: &PartitionImage| partition.leader == Some(me);
    if !image.topics.iter().any(|topic| topic.partitions.iter().any(leads))
        && let Some(broker) = Arc::make_mut(&mut image.brokers).get_mut(&me)
    {
        broker.fenced = true;
    }
    image
}
