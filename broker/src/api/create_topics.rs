//! CreateTopics.

use super::{
    RequestContext, config_words, error_codes,
    topic_words::{model_brokers, model_topic, text, wire_topic},
};
use controller::{
    ClusterImage, ControllerError, TopicError,
    requests::{CreateTopics, CreatedTopic, NewTopic},
    topic_config::{BrokerLayers, definitions, effective},
};
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse,
    create_topics_request::CreatableTopic,
    create_topics_response::{CreatableTopicConfigs, CreatableTopicResult},
};
use model::{PartitionIndex, TopicId};

pub(crate) async fn handle(context: &RequestContext, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let broker = &context.broker;
    let topics = request.topics.iter().map(|topic| new_topic(topic, TopicId(broker.clock.random_uuid()))).collect();
    let answer = broker.controller.create_topics(CreateTopics { topics, validate_only: request.validate_only }).await;
    let results = match answer {
        Ok(results) => {
            let image = broker.metadata.current();
            let as_wire = |(name, result)| match result {
                Ok(created) => success(context, &image, created).with_name(wire_topic(&name)),
                Err(error) => failure(&error).with_name(wire_topic(&name)),
            };
            results.into_iter().map(as_wire).collect()
        }
        Err(error) => request.topics.into_iter().map(|topic| undecided(&error).with_name(topic.name)).collect(),
    };
    CreateTopicsResponse::default().with_topics(results)
}

fn new_topic(topic: &CreatableTopic, id: TopicId) -> NewTopic {
    let assignments = topic.assignments.iter();
    let configs = topic.configs.iter();
    NewTopic {
        name: model_topic(&topic.name),
        id,
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments
            .map(|assigned| (PartitionIndex(assigned.partition_index), model_brokers(&assigned.broker_ids)))
            .collect(),
        configs: configs
            .map(|config| (config.name.to_string(), config.value.as_ref().map(ToString::to_string)))
            .collect(),
    }
}

fn success(context: &RequestContext, image: &ClusterImage, created: CreatedTopic) -> CreatableTopicResult {
    let config = &context.broker.config;
    let result = CreatableTopicResult::default().with_error_message(None);
    if context.version < 5 {
        return result;
    }
    let layers = BrokerLayers::new(&image.broker_configs, config.node_id, config.static_values(), config.defaults());
    let configs = definitions().iter().map(|definition| {
        let in_force = effective(definition, &created.configs, &layers);
        CreatableTopicConfigs::default()
            .with_name(text(definition.name))
            .with_value(Some(text(in_force.value)))
            .with_read_only(false)
            .with_config_source(config_words::source(in_force.source))
            .with_is_sensitive(false)
    });
    let result = result
        .with_num_partitions(i32::try_from(created.partitions).unwrap_or(i32::MAX))
        .with_replication_factor(i16::try_from(created.replication_factor).unwrap_or(i16::MAX))
        .with_configs(Some(configs.collect()));
    if context.version >= 7 { result.with_topic_id(created.id.0) } else { result }
}

fn failure(error: &TopicError) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_error_code(error_codes::topic(error))
        .with_error_message(Some(text(error.to_string())))
}

fn undecided(error: &ControllerError) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_error_code(error_codes::controller(error).code())
        .with_error_message(Some(text(error.to_string())))
}
