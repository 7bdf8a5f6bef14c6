//! Fewer in-sync replicas are enough from here on: something may be committed without those that left, so they are not
//! eligible any more.

use super::Draft;
use crate::{image::TopicImage, record::MetadataRecord, succession::Rules};
use model::TopicId;

/// After a change of what is enough for one topic or all, or of the feature itself, in the same commit.
pub(super) fn release(draft: &mut Draft, topic: Option<TopicId>) {
    let rules = Rules::of(draft.image());
    let of_topic = |topic: &TopicImage| -> Vec<MetadataRecord> {
        let topic_rules = rules.of_topic(topic);
        let partitions = topic.indexed_partitions();
        let released =
            partitions.filter(|(_, one)| !one.elr.is_empty() && topic_rules.are_enough(&one.isr, &one.replicas));
        let record = |(partition, one): (_, &crate::PartitionImage)| {
            let mut state = one.clone();
            state.elr.clear();
            state.succeed(one.leader, one.isr.clone());
            MetadataRecord::PartitionChanged { id: topic.id, partition, state }
        };
        released.map(record).collect()
    };
    let image = draft.image();
    let records: Vec<_> = match topic {
        Some(id) => image.topic_by_id(id).into_iter().flat_map(|topic| of_topic(topic)).collect(),
        None => image.topics.iter().flat_map(|topic| of_topic(topic)).collect(),
    };
    records.into_iter().for_each(|record| draft.add(record));
}
