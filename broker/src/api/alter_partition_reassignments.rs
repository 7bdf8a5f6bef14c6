//! AlterPartitionReassignments: other replicas for partitions, or an end to what is under way (KIP-455, KIP-860).

use super::{
    RequestContext, error_codes,
    topic_words::{model_brokers, model_topic, text},
};
use controller::{ReassignmentError, requests::ReassignPartitions};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    alter_partition_reassignments_request::ReassignableTopic,
    alter_partition_reassignments_response::{ReassignablePartitionResponse, ReassignableTopicResponse},
};
use model::{BrokerId, PartitionIndex, TopicPartition};

pub(crate) async fn handle(
    context: &RequestContext,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    // Version 0 always could change the number of replicas.
    let allow_replication_factor_change = request.allow_replication_factor_change || context.version < 1;
    let response = AlterPartitionReassignmentsResponse::default()
        .with_error_message(None)
        .with_allow_replication_factor_change(allow_replication_factor_change);
    let ask = ReassignPartitions {
        partitions: request.topics.iter().flat_map(targets).collect(),
        allow_replication_factor_change,
    };
    let decided = match context.broker.controller.reassign_partitions(ask).await {
        Ok(decided) => decided,
        Err(error) => {
            return response
                .with_error_code(error_codes::controller(&error).code())
                .with_error_message(Some(text(error.to_string())));
        }
    };
    let mut outcomes = decided.into_iter().map(|(_, outcome)| outcome);
    let of_topic = |topic: ReassignableTopic| {
        let results = topic.partitions.iter().zip(&mut outcomes).map(|(partition, outcome)| {
            let result = ReassignablePartitionResponse::default().with_partition_index(partition.partition_index);
            match outcome {
                Ok(()) => result.with_error_message(None),
                // As Kafka: no message where the code says it all.
                Err(error @ ReassignmentError::NotInProgress) => {
                    result.with_error_code(error_codes::reassignment(&error)).with_error_message(None)
                }
                Err(error) => result
                    .with_error_code(error_codes::reassignment(&error))
                    .with_error_message(Some(text(error.to_string()))),
            }
        });
        let results = results.collect();
        ReassignableTopicResponse::default().with_name(topic.name).with_partitions(results)
    };
    let responses = request.topics.into_iter().map(of_topic).collect();
    response.with_responses(responses)
}

fn targets(topic: &ReassignableTopic) -> impl Iterator<Item = (TopicPartition, Option<Vec<BrokerId>>)> + '_ {
    let name = model_topic(&topic.name);
    topic.partitions.iter().map(move |partition| {
        let target = partition.replicas.as_ref().map(|replicas| model_brokers(replicas));
        (TopicPartition { topic: name.clone(), partition: PartitionIndex(partition.partition_index) }, target)
    })
}
