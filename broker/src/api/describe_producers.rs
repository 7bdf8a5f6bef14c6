//! DescribeProducers (61): the producers a partition remembers (KIP-664).

use super::{RequestContext, error_codes, topic_words::not_held};
use futures_util::future::join_all;
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        DescribeProducersRequest, DescribeProducersResponse, ProducerId, TopicName,
        describe_producers_response::{PartitionResponse, ProducerState, TopicResponse},
    },
    protocol::StrBytes,
};
use model::{LeaderEpoch, Offset, PartitionIndex};
use partition_log::ProducerDescription;
use protocol::topic_reference::TopicReference;

pub(crate) async fn handle(context: &RequestContext, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|topic| async move {
        let described = topic.partition_indexes.iter().map(|index| answer(context, &topic.name, *index));
        let partitions = join_all(described).await;
        TopicResponse::default().with_name(topic.name).with_partitions(partitions)
    });
    DescribeProducersResponse::default().with_topics(join_all(topics).await)
}

async fn answer(context: &RequestContext, topic: &TopicName, index: i32) -> PartitionResponse {
    let result = PartitionResponse::default().with_partition_index(index);
    match producers(context, topic, index).await {
        Ok(producers) => result.with_active_producers(producers.iter().map(state).collect()),
        Err(code) => result.with_error_code(code).with_error_message(unknown_topic(context, topic)),
    }
}

/// Kafka has a text for an unknown topic only, not for a partition that a topic lacks.
fn unknown_topic(context: &RequestContext, topic: &TopicName) -> Option<StrBytes> {
    let known = context.broker.partitions.topic(topic).is_some();
    (!known).then(|| StrBytes::from_static_str("This server does not host this topic-partition."))
}

async fn producers(context: &RequestContext, topic: &TopicName, index: i32) -> Result<Vec<ProducerDescription>, i16> {
    let index = PartitionIndex(index);
    let partition = context
        .broker
        .partitions
        .get(topic, index)
        .ok_or_else(|| not_held(&context.broker, TopicReference::Name(topic), index).code())?;
    partition.check(LeaderEpoch::UNKNOWN).map_err(error_codes::unavailable)?;
    partition.producers().await.ok_or(Code::KafkaStorageError.code())
}

fn state(producer: &ProducerDescription) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(producer.producer_id.0))
        .with_producer_epoch(i32::from(producer.producer_epoch.0))
        .with_last_sequence(producer.last_sequence.0)
        .with_last_timestamp(producer.last_timestamp.0)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.current_transaction_first_offset.unwrap_or(Offset::NONE).0)
}

#[cfg(test)]
mod tests;
