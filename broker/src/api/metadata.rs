//! Metadata: which brokers there are, which topics, and who leads their partitions.

use super::{
    RequestContext, error_codes,
    topic_words::{
        CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED, PartitionView, TOPIC_OPERATIONS, brokers_where, controller_id,
        model_topic, text, wire_brokers, wire_topic,
    },
};
use crate::control_plane::create_on_demand;
use controller::{ClusterImage, TopicImage, image::BrokerRegistration, topic_name};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        BrokerId as WireBrokerId, MetadataRequest, MetadataResponse,
        metadata_request::MetadataRequestTopic,
        metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
    },
};
use model::{TopicId, TopicName};
use std::collections::BTreeSet;

pub(crate) async fn handle(context: &RequestContext, request: MetadataRequest) -> MetadataResponse {
    let image = context.broker.metadata.newest().await;
    let topics = match &request.topics {
        Some(topics) if uses_what_the_version_lacks(topics, context.version) => {
            return refuse(topics);
        }
        // Version 0 has no null: an empty list meant everything.
        Some(topics) if !(topics.is_empty() && context.version == 0) => {
            let asked = Asked::read(topics);
            create_unknown(context, &request, &image, &asked).await;
            asked.answer(context, &request, &image)
        }
        _ => image.topics.iter().map(|topic| known_topic(topic, context, &request, &image)).collect(),
    };
    // librdkafka (2.12) ends a broker that it is told of no more, and has the partitions of it wait for its next look, up to a
    // second later, though the same answer says who leads them. So a lost one stays in the list until they have moved.
    let listed = |broker: &BrokerRegistration| !broker.fenced || context.broker.metadata.was_fenced_lately(broker.id);
    let brokers = brokers_where(&image, context, listed).map(|(broker, endpoint)| {
        MetadataResponseBroker::default()
            .with_node_id(WireBrokerId(broker.id.0))
            .with_host(text(&*endpoint.host))
            .with_port(i32::from(endpoint.port))
            .with_rack(broker.rack.clone().filter(|_| context.version >= 1).map(text))
    });
    let ask_cluster = request.include_cluster_authorized_operations && (8..=10).contains(&context.version);
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(text(&*image.cluster_id)))
        .with_controller_id(controller_id(&image, context))
        .with_topics(topics)
        .with_cluster_authorized_operations(if ask_cluster { CLUSTER_OPERATIONS } else { OPERATIONS_NOT_ASKED })
}

/// The distinct topics of a request, in its order.
enum Asked {
    Names(Vec<TopicName>),
    /// One id in the request makes Kafka look at ids only.
    Ids(Vec<TopicId>),
}

impl Asked {
    fn read(topics: &[MetadataRequestTopic]) -> Self {
        let mut seen = BTreeSet::new();
        if topics.iter().any(|topic| !topic.topic_id.is_nil()) {
            let ids = topics.iter().map(|topic| TopicId(topic.topic_id));
            return Self::Ids(ids.filter(|id| !id.is_zero() && seen.insert(*id)).collect());
        }
        let mut seen = BTreeSet::new();
        let names = topics.iter().filter_map(|topic| topic.name.as_ref()).map(model_topic);
        Self::Names(names.filter(|name| seen.insert(name.clone())).collect())
    }

    fn answer(
        &self,
        context: &RequestContext,
        request: &MetadataRequest,
        image: &ClusterImage,
    ) -> Vec<MetadataResponseTopic> {
        match self {
            Self::Names(names) => names
                .iter()
                .map(|name| match image.topic(name) {
                    Some(topic) => known_topic(topic, context, request, image),
                    None => unknown_name(name),
                })
                .collect(),
            Self::Ids(ids) => ids
                .iter()
                .map(|id| match image.topic_by_id(*id) {
                    Some(topic) => known_topic(topic, context, request, image),
                    None => MetadataResponseTopic::default()
                        .with_error_code(Code::UnknownTopicId.code())
                        .with_name(None)
                        .with_topic_id(id.0),
                })
                .collect(),
        }
    }
}

/// Ids and missing names came with version 12; versions 10 and 11 carry the field but no meaning (KAFKA-9918).
fn uses_what_the_version_lacks(topics: &[MetadataRequestTopic], version: i16) -> bool {
    let (ids, no_names) =
        (topics.iter().any(|topic| !topic.topic_id.is_nil()), topics.iter().any(|topic| topic.name.is_none()));
    let nothing_named = topics.iter().any(|topic| topic.name.is_none() && topic.topic_id.is_nil());
    (version < 12 && (ids || no_names)) || (nothing_named && !ids)
}

fn refuse(topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let refused = topics.iter().map(|topic| {
        MetadataResponseTopic::default()
            .with_error_code(Code::InvalidRequest.code())
            .with_name(Some(topic.name.clone().unwrap_or_default()))
            .with_topic_id(topic.topic_id)
    });
    MetadataResponse::default().with_topics(refused.collect()).with_controller_id(WireBrokerId(-1))
}

/// The answer still says "unknown", as Kafka's does; the topic is there when the client asks again.
async fn create_unknown(context: &RequestContext, request: &MetadataRequest, image: &ClusterImage, asked: &Asked) {
    let allowed = request.allow_auto_topic_creation || context.version < 4;
    let Asked::Names(names) = asked else { return };
    if !allowed || !context.broker.config.topics.auto_create {
        return;
    }
    let unknown = names.iter().filter(|name| image.topic(name).is_none() && topic_name::validate(name).is_ok());
    let unknown: Vec<TopicName> = unknown.cloned().collect();
    if !unknown.is_empty() {
        create_on_demand(&context.broker, &unknown).await;
    }
}

fn unknown_name(name: &TopicName) -> MetadataResponseTopic {
    let code = match topic_name::validate(name) {
        Ok(()) => Code::UnknownTopicOrPartition.code(),
        Err(error) => error_codes::topic(&error),
    };
    MetadataResponseTopic::default()
        .with_error_code(code)
        .with_name(Some(wire_topic(name)))
        .with_is_internal(topic_name::is_internal(name))
}

fn known_topic(
    topic: &TopicImage,
    context: &RequestContext,
    request: &MetadataRequest,
    image: &ClusterImage,
) -> MetadataResponseTopic {
    let version = context.version;
    let partitions = topic.indexed_partitions().map(|(index, partition)| {
        let view = PartitionView::new(partition, image, context, version >= 6);
        MetadataResponsePartition::default()
            .with_error_code(view.error_code)
            .with_partition_index(index.0)
            .with_leader_id(view.leader_id)
            .with_leader_epoch(partition.leader_epoch.0)
            .with_replica_nodes(wire_brokers(&partition.replicas))
            .with_isr_nodes(wire_brokers(&partition.isr))
            .with_offline_replicas(view.offline_replicas)
    });
    let ask_topic = request.include_topic_authorized_operations && version >= 8;
    MetadataResponseTopic::default()
        .with_name(Some(wire_topic(&topic.name)))
        .with_topic_id(topic.id.0)
        .with_is_internal(topic.is_internal())
        .with_partitions(partitions.collect())
        .with_topic_authorized_operations(if ask_topic { TOPIC_OPERATIONS } else { OPERATIONS_NOT_ASKED })
}
