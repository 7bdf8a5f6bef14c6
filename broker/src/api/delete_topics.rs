//! DeleteTopics, by name and (from version 6) by id.

use super::{
    RequestContext, error_codes,
    topic_words::{model_topic, text, wire_topic},
};
use controller::{
    TopicError,
    requests::{DeleteTopics, DeletedTopic, TopicReference},
};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        DeleteTopicsRequest, DeleteTopicsResponse, delete_topics_request::DeleteTopicState,
        delete_topics_response::DeletableTopicResult,
    },
};
use model::TopicId;

pub(crate) async fn handle(context: &RequestContext, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let mut results = Vec::new();
    let mut topics: Vec<TopicReference> =
        request.topic_names.iter().map(model_topic).map(TopicReference::Name).collect();
    for topic in &request.topics {
        match (&topic.name, topic.topic_id.is_nil()) {
            (Some(name), true) => topics.push(TopicReference::Name(model_topic(name))),
            (None, false) => topics.push(TopicReference::Id(TopicId(topic.topic_id))),
            (Some(_), false) => results.push(unclear(topic, "a topic is named by its name or its id, not both")),
            (None, true) => results.push(unclear(topic, "the topic has neither name nor id")),
        }
    }
    let decided = if topics.is_empty() {
        Vec::new()
    } else {
        match context.broker.controller.delete_topics(DeleteTopics { topics: topics.clone() }).await {
            Ok(decided) => decided.into_iter().map(|deleted| result(context.version, deleted)).collect(),
            Err(error) => topics
                .into_iter()
                .map(|topic| {
                    let message = Some(text(error.to_string())).filter(|_| context.version >= 5);
                    named(&topic).with_error_code(error_codes::controller(&error).code()).with_error_message(message)
                })
                .collect(),
        }
    };
    results.extend(decided);
    DeleteTopicsResponse::default().with_responses(results)
}

fn unclear(topic: &DeleteTopicState, why: &str) -> DeletableTopicResult {
    DeletableTopicResult::default()
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
        .with_error_code(Code::InvalidRequest.code())
        .with_error_message(Some(text(why)))
}

fn named(topic: &TopicReference) -> DeletableTopicResult {
    match topic {
        TopicReference::Name(name) => DeletableTopicResult::default().with_name(Some(wire_topic(name))),
        TopicReference::Id(id) => DeletableTopicResult::default().with_name(None).with_topic_id(id.0),
    }
}

fn result(version: i16, deleted: DeletedTopic) -> DeletableTopicResult {
    let result = DeletableTopicResult::default().with_name(deleted.name.as_ref().map(wire_topic));
    let result = if version >= 6 { result.with_topic_id(deleted.id.0) } else { result };
    let Err(error) = deleted.result else {
        return result;
    };
    let code = match error {
        // TOPIC_DELETION_DISABLED is unknown to clients this old.
        TopicError::DeletionDisabled if version < 3 => Code::InvalidRequest.code(),
        _ => error_codes::topic(&error),
    };
    let message = Some(text(error.to_string())).filter(|_| version >= 5);
    result.with_error_code(code).with_error_message(message)
}
