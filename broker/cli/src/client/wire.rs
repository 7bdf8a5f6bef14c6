//! Between this project's words and those of the wire format crate.

use kafka_protocol::protocol::StrBytes;
use model::TopicPartition;
use std::collections::BTreeMap;

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic(name: &model::TopicName) -> kafka_protocol::messages::TopicName {
    text(name).into()
}

pub(crate) fn group(id: &model::GroupId) -> kafka_protocol::messages::GroupId {
    text(id).into()
}

/// Requests carry partitions below their topics.
pub(crate) fn by_topic<T>(
    items: impl IntoIterator<Item = (TopicPartition, T)>,
) -> BTreeMap<model::TopicName, Vec<(i32, T)>> {
    let mut topics = BTreeMap::<_, Vec<_>>::new();
    for (partition, item) in items {
        topics.entry(partition.topic).or_default().push((partition.partition.0, item));
    }
    topics
}
