//! ElectLeaders: preferred and unclean elections that a person asks for.

use super::{
    RequestContext, error_codes,
    topic_words::{model_topic, text, wire_topic},
};
use controller::{ElectionError, requests::ElectLeaders as Ask};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        ElectLeadersRequest, ElectLeadersResponse, TopicName as WireTopicName,
        elect_leaders_request::TopicPartitions,
        elect_leaders_response::{PartitionResult, ReplicaElectionResult},
    },
};
use model::{PartitionIndex, TopicPartition};
use std::collections::BTreeMap;

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

pub(crate) async fn handle(context: &RequestContext, request: ElectLeadersRequest) -> ElectLeadersResponse {
    let unclean = match request.election_type {
        PREFERRED => false,
        UNCLEAN => true,
        other => return refuse_all(context, &request, Code::InvalidRequest, &format!("no election type {other}")),
    };
    let partitions = request.topic_partitions.as_ref().map(|topics| topics.iter().flat_map(partitions_of).collect());
    let decided = context.broker.controller.elect_leaders(Ask { partitions, unclean }).await;
    let results = match (decided, &request.topic_partitions) {
        (Err(error), _) => {
            return refuse_all(context, &request, error_codes::controller(&error), &error.to_string());
        }
        (Ok(decided), Some(topics)) => in_order_asked(topics, decided.into_iter().map(|(_, result)| result)),
        (Ok(decided), None) => by_topic(context, decided),
    };
    ElectLeadersResponse::default().with_replica_election_results(results)
}

fn partitions_of(topic: &TopicPartitions) -> impl Iterator<Item = TopicPartition> + '_ {
    let name = model_topic(&topic.topic);
    topic.partitions.iter().map(move |index| TopicPartition { topic: name.clone(), partition: PartitionIndex(*index) })
}

fn result(index: i32, outcome: Result<(), ElectionError>) -> PartitionResult {
    let result = PartitionResult::default().with_partition_id(index);
    match outcome {
        Ok(()) => result.with_error_message(None),
        Err(error) => {
            result.with_error_code(error_codes::election(&error)).with_error_message(Some(text(error.to_string())))
        }
    }
}

fn in_order_asked(
    topics: &[TopicPartitions],
    mut decided: impl Iterator<Item = Result<(), ElectionError>>,
) -> Vec<ReplicaElectionResult> {
    let of_topic = |topic: &TopicPartitions| {
        let results = topic.partitions.iter().zip(&mut decided).map(|(index, outcome)| result(*index, outcome));
        elected(topic.topic.clone(), results.collect())
    };
    topics.iter().map(of_topic).collect()
}

/// Every topic is there, as from Kafka, with the partitions where something was to do.
fn by_topic(
    context: &RequestContext,
    decided: Vec<(TopicPartition, Result<(), ElectionError>)>,
) -> Vec<ReplicaElectionResult> {
    let mut results: BTreeMap<_, Vec<PartitionResult>> =
        context.broker.metadata.current().topics.iter().map(|topic| (topic.name.clone(), Vec::new())).collect();
    for (partition, outcome) in decided {
        results.entry(partition.topic).or_default().push(result(partition.partition.0, outcome));
    }
    results.into_iter().map(|(name, results)| elected(wire_topic(&name), results)).collect()
}

fn elected(topic: WireTopicName, results: Vec<PartitionResult>) -> ReplicaElectionResult {
    ReplicaElectionResult::default().with_topic(topic).with_partition_result(results)
}

fn refuse_all(context: &RequestContext, request: &ElectLeadersRequest, code: Code, why: &str) -> ElectLeadersResponse {
    let refused = |topic: &TopicPartitions| {
        let results = topic.partitions.iter().map(|index| {
            PartitionResult::default()
                .with_partition_id(*index)
                .with_error_code(code.code())
                .with_error_message(Some(text(why)))
        });
        elected(topic.topic.clone(), results.collect())
    };
    let topics = request.topic_partitions.iter().flatten();
    let response = ElectLeadersResponse::default().with_replica_election_results(topics.map(refused).collect());
    if context.version >= 1 { response.with_error_code(code.code()) } else { response }
}
