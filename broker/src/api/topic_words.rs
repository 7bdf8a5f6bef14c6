//! Words that the APIs about topics share: names on the wire and in the model, operations, and how a partition looks to
//! a client of one listener.

use super::ConnectionContext;
use crate::Broker;
use controller::{BrokerRegistration, ClusterImage, Endpoint, PartitionImage, TopicImage};
use kafka_protocol::{
    ResponseError as Code,
    messages::{BrokerId as WireBrokerId, TopicName as WireTopicName},
    protocol::StrBytes,
};
use model::{BrokerId, PartitionIndex, TopicName};
use protocol::{fetch_response::LeaderHint, topic_reference::TopicReference};

/// What the wire carries where nobody asked for operations.
pub(super) const OPERATIONS_NOT_ASKED: i32 = i32::MIN;
/// Bits of Kafka's `AclOperation` that exist for a topic. Without an authorizer everybody may do everything.
pub(super) const TOPIC_OPERATIONS: i32 =
    READ | WRITE | CREATE | DELETE | ALTER | DESCRIBE | DESCRIBE_CONFIGS | ALTER_CONFIGS;
/// The same for the cluster.
pub(super) const CLUSTER_OPERATIONS: i32 =
    CREATE | ALTER | DESCRIBE | CLUSTER_ACTION | DESCRIBE_CONFIGS | ALTER_CONFIGS | IDEMPOTENT_WRITE;

const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;
const CREATE: i32 = 1 << 5;
const DELETE: i32 = 1 << 6;
const ALTER: i32 = 1 << 7;
const DESCRIBE: i32 = 1 << 8;
const CLUSTER_ACTION: i32 = 1 << 9;
const DESCRIBE_CONFIGS: i32 = 1 << 10;
const ALTER_CONFIGS: i32 = 1 << 11;
const IDEMPOTENT_WRITE: i32 = 1 << 12;

pub(super) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

pub(super) fn wire_topic(name: &TopicName) -> WireTopicName {
    WireTopicName(text(&**name))
}

pub(super) fn model_topic(name: &WireTopicName) -> TopicName {
    TopicName::from(name.0.as_str())
}

/// The topic that a request means, if there is one.
pub(super) fn existing<'a>(image: &'a ClusterImage, topic: TopicReference<'_>) -> Option<&'a TopicImage> {
    let existing = match topic {
        TopicReference::Name(name) => image.topic(name),
        TopicReference::Id(id) => image.topic_by_id(id),
    };
    existing.map(AsRef::as_ref)
}

/// The code for a topic that does not exist.
pub(super) fn unknown(topic: TopicReference<'_>) -> Code {
    match topic {
        TopicReference::Name(_) => Code::UnknownTopicOrPartition,
        TopicReference::Id(_) => Code::UnknownTopicId,
    }
}

/// The code for a partition of which this broker holds no replica: clients look for the leader elsewhere, if it exists.
pub(super) fn not_held(broker: &Broker, topic: TopicReference<'_>, partition: PartitionIndex) -> Code {
    // What is held goes before the image: a topic that is gone there may still be in it.
    let is_known = match topic {
        TopicReference::Name(name) => broker.partitions.topic(name).is_some(),
        TopicReference::Id(id) => broker.partitions.topic_by_id(id).is_some(),
    };
    if !is_known {
        return unknown(topic);
    }
    match existing(&broker.metadata.current(), topic).and_then(|topic| topic.partition(partition)) {
        Some(_) => Code::NotLeaderOrFollower,
        None => Code::UnknownTopicOrPartition,
    }
}

/// KIP-951: who leads a partition of which no replica is here.
pub(super) fn known_leader(
    context: &ConnectionContext,
    topic: TopicReference<'_>,
    partition: PartitionIndex,
) -> Option<LeaderHint> {
    let image = context.broker.metadata.current();
    let partition = existing(&image, topic)?.partition(partition)?;
    Some(LeaderHint { leader_id: partition.leader?, leader_epoch: partition.leader_epoch })
}

pub(super) fn wire_brokers(brokers: &[BrokerId]) -> Vec<WireBrokerId> {
    brokers.iter().map(|broker| WireBrokerId(broker.0)).collect()
}

pub(super) fn model_brokers(brokers: &[WireBrokerId]) -> Vec<BrokerId> {
    brokers.iter().map(|broker| BrokerId(broker.0)).collect()
}

/// The brokers that the client can reach by the listener it came in by.
pub(super) fn reachable_brokers<'a>(
    image: &'a ClusterImage,
    context: &'a ConnectionContext,
) -> impl Iterator<Item = (&'a BrokerRegistration, &'a Endpoint)> {
    // One that is about to stop still serves what nobody else can.
    brokers_where(image, context, |broker| !broker.fenced)
}

pub(super) fn brokers_where<'a>(
    image: &'a ClusterImage,
    context: &'a ConnectionContext,
    wanted: impl Fn(&BrokerRegistration) -> bool,
) -> impl Iterator<Item = (&'a BrokerRegistration, &'a Endpoint)> {
    let wanted = image.brokers.values().filter(move |broker| wanted(broker));
    wanted.filter_map(|broker| Some((broker, broker.endpoint(context.listener.as_str())?)))
}

/// Any live broker may stand for the controller: it passes decisions on. Clients look the id up among the brokers they
/// were told, so it must be one of them (kafkajs fails otherwise).
pub(super) fn controller_id(image: &ClusterImage, context: &ConnectionContext) -> WireBrokerId {
    let me = context.broker.config.node_id;
    let mut ids = reachable_brokers(image, context).map(|(broker, _)| broker.id);
    let first = ids.next();
    let chosen = if first == Some(me) || ids.any(|id| id == me) { Some(me) } else { first };
    WireBrokerId(chosen.map_or(-1, |id| id.0))
}

/// A partition as Metadata and DescribeTopicPartitions show it.
pub(super) struct PartitionView {
    pub(super) error_code: i16,
    pub(super) leader_id: WireBrokerId,
    pub(super) offline_replicas: Vec<WireBrokerId>,
}

impl PartitionView {
    /// `knows_listener_error`: the request is new enough for LISTENER_NOT_FOUND.
    pub(super) fn new(
        partition: &PartitionImage,
        image: &ClusterImage,
        context: &ConnectionContext,
        knows_listener_error: bool,
    ) -> Self {
        let alive = |id: &BrokerId| image.brokers.get(id).filter(|broker| !broker.fenced);
        let reachable = |id: &BrokerId| alive(id).is_some_and(|b| b.endpoint(context.listener.as_str()).is_some());
        let error = match partition.leader {
            Some(leader) if reachable(&leader) => None,
            Some(leader) if alive(&leader).is_some() && knows_listener_error => Some(Code::ListenerNotFound),
            _ => Some(Code::LeaderNotAvailable),
        };
        Self {
            error_code: error.map_or(0, |code| code.code()),
            leader_id: WireBrokerId(partition.leader.filter(|_| error.is_none()).map_or(-1, |leader| leader.0)),
            offline_replicas: partition
                .replicas
                .iter()
                .filter(|id| !reachable(id))
                .map(|id| WireBrokerId(id.0))
                .collect(),
        }
    }
}
