//! CreatePartitions: more partitions for topics that exist.

use super::{
    RequestContext, error_codes,
    topic_words::{model_brokers, model_topic, text, wire_topic},
};
use controller::{
    TopicError,
    requests::{CreatePartitions, MorePartitions},
};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, create_partitions_request::CreatePartitionsTopic,
    create_partitions_response::CreatePartitionsTopicResult,
};

pub(crate) async fn handle(context: &RequestContext, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let topics = request.topics.iter().map(more_partitions).collect();
    let ask = CreatePartitions { topics, validate_only: request.validate_only };
    let results = match context.broker.controller.create_partitions(ask).await {
        Ok(results) => results
            .into_iter()
            .map(|(name, result)| {
                let answer = CreatePartitionsTopicResult::default().with_name(wire_topic(&name));
                match result {
                    Ok(()) => answer,
                    // The code says it all, and Kafka sends no message either.
                    Err(error @ TopicError::UnknownTopic) => answer.with_error_code(error_codes::topic(&error)),
                    Err(error) => answer
                        .with_error_code(error_codes::topic(&error))
                        .with_error_message(Some(text(error.to_string()))),
                }
            })
            .collect(),
        Err(error) => request
            .topics
            .into_iter()
            .map(|topic| {
                CreatePartitionsTopicResult::default()
                    .with_name(topic.name)
                    .with_error_code(error_codes::controller(&error).code())
                    .with_error_message(Some(text(error.to_string())))
            })
            .collect(),
    };
    CreatePartitionsResponse::default().with_results(results)
}

fn more_partitions(topic: &CreatePartitionsTopic) -> MorePartitions {
    let assignments = topic.assignments.as_ref();
    MorePartitions {
        name: model_topic(&topic.name),
        count: topic.count,
        assignments: assignments
            .map(|assignments| assignments.iter().map(|assigned| model_brokers(&assigned.broker_ids)).collect()),
    }
}
