//! Turning the partitions' results into a response.

use super::{Awaited, Pending};
use crate::{
    api::{RequestContext, Response, error_codes, error_counts},
    partitions::{AppendError, Appended, Partition, RequiredAcks},
};
use kafka_protocol::{ResponseError as Code, messages::ApiKey};
use partition_log::AppendError as Refusal;
use protocol::produce_response::{LeaderHint, NodeEndpoint, PartitionResult, ProduceResponse, TopicResult};

pub(super) fn respond(pending: Pending) -> Response {
    let Pending { context, acks, mut topics, awaited, answers } = pending;
    for (Awaited { topic, partition, from }, result) in awaited.iter().zip(answers.take()) {
        let slot = &mut topics[*topic].partitions[*partition];
        *slot = partition_result(slot.index, from, result);
    }
    count_failures(&context, &topics);
    let failed = topics.iter().flat_map(|topic| &topic.partitions).any(|partition| partition.error_code != 0);
    if acks != RequiredAcks::None || failed {
        let codes = topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
        error_counts::count(ApiKey::Produce, &context, |each| codes.for_each(each));
    }
    if acks == RequiredAcks::None {
        // There is no response to put an error in: closing the connection is how the producer learns of it.
        return if failed { Response::Close } else { Response::None };
    }
    let hinted = topics.iter().flat_map(|topic| &topic.partitions).any(|partition| partition.current_leader.is_some());
    let node_endpoints = if hinted { leader_endpoints(&context) } else { Vec::new() };
    let response = ProduceResponse { topics, throttle_time_ms: 0, node_endpoints };
    Response::Bytes(response.encode(context.version, context.correlation_id))
}

fn partition_result(index: i32, partition: &Partition, result: Result<Appended, AppendError>) -> PartitionResult {
    match result {
        Ok(appended) => PartitionResult {
            base_offset: appended.base_offset,
            log_append_time: appended.log_append_time,
            log_start_offset: appended.log_start,
            ..PartitionResult::failed(index, 0, None)
        },
        Err(error) => {
            let knows_log = matches!(
                error,
                AppendError::NotEnoughReplicas
                    | AppendError::Refused(
                        Refusal::InvalidProducerEpoch
                            | Refusal::OutOfOrderSequence
                            | Refusal::TransactionCoordinatorFenced
                            | Refusal::InvalidTransactionState
                    )
            );
            let refused = PartitionResult::failed(index, error_codes::append(error), None);
            with_log_start(with_leader(refused, partition), partition, knows_log)
        }
    }
}

/// KIP-951: whoever is told that this is not the leader is told who is.
pub(super) fn with_leader(result: PartitionResult, partition: &Partition) -> PartitionResult {
    if result.error_code != Code::NotLeaderOrFollower.code() {
        return result;
    }
    let current_leader =
        partition.leader().map(|leader_id| LeaderHint { leader_id, leader_epoch: partition.leader_epoch() });
    PartitionResult { current_leader, ..result }
}

pub(super) fn with_log_start(result: PartitionResult, partition: &Partition, known: bool) -> PartitionResult {
    if !known {
        return result;
    }
    PartitionResult { log_start_offset: partition.offsets().log_start, ..result }
}

/// Every live broker of the cluster, as clients of this listener reach them.
pub(in crate::api) fn leader_endpoints(context: &RequestContext) -> Vec<NodeEndpoint> {
    let image = context.broker.metadata.current();
    let endpoint = |broker: &controller::BrokerRegistration| {
        let endpoint = broker.endpoint(&context.listener.to_string())?;
        let (host, port, rack) = (endpoint.host.clone(), i32::from(endpoint.port), broker.rack.clone());
        Some(NodeEndpoint { node_id: broker.id, host, port, rack })
    };
    image.brokers.values().filter(|broker| !broker.fenced).filter_map(endpoint).collect()
}

fn count_failures(context: &RequestContext, topics: &[TopicResult]) {
    for result in topics {
        let failed = result.partitions.iter().filter(|partition| partition.error_code != 0).count();
        if failed > 0
            && let Some(topic) = context.broker.partitions.topic(&result.topic)
        {
            topic.metrics.failed_produce_requests.add(failed as u64);
        }
    }
}
