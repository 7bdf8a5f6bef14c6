//! ListPartitionReassignments: what is being moved.

use super::{
    RequestContext,
    topic_words::{model_topic, wire_brokers, wire_topic},
};
use controller::{PartitionImage, TopicImage};
use kafka_protocol::messages::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    list_partition_reassignments_response::{OngoingPartitionReassignment, OngoingTopicReassignment},
};
use model::PartitionIndex;

pub(crate) async fn handle(
    context: &RequestContext,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let image = context.broker.metadata.current();
    let topics: Vec<_> = match &request.topics {
        None => image.topics.iter().filter_map(|topic| ongoing(topic, |_| true)).collect(),
        Some(topics) => topics
            .iter()
            .filter_map(|asked| {
                let topic = image.topic(&model_topic(&asked.name))?;
                ongoing(topic, |index| asked.partition_indexes.contains(&index.0))
            })
            .collect(),
    };
    ListPartitionReassignmentsResponse::default().with_error_message(None).with_topics(topics)
}

/// `None` where nothing moves.
fn ongoing(topic: &TopicImage, asked: impl Fn(PartitionIndex) -> bool) -> Option<OngoingTopicReassignment> {
    let moving =
        |partition: &PartitionImage| !partition.adding_replicas.is_empty() || !partition.removing_replicas.is_empty();
    let shown = topic.indexed_partitions().filter(|(index, partition)| moving(partition) && asked(*index));
    let partitions: Vec<_> = shown
        .map(|(index, partition)| {
            OngoingPartitionReassignment::default()
                .with_partition_index(index.0)
                .with_replicas(wire_brokers(&partition.replicas))
                .with_adding_replicas(wire_brokers(&partition.adding_replicas))
                .with_removing_replicas(wire_brokers(&partition.removing_replicas))
        })
        .collect();
    (!partitions.is_empty())
        .then(|| OngoingTopicReassignment::default().with_name(wire_topic(&topic.name)).with_partitions(partitions))
}
