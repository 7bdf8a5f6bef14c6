//! What a cluster says of itself: brokers, topics, partitions and who leads them.

use super::{
    address::Address,
    error::{ClientError, Result},
};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        MetadataResponse,
        metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
    },
};
use model::{BrokerId, ClusterId, PartitionIndex, TopicId, TopicName};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) id: BrokerId,
    pub(crate) address: Address,
    pub(crate) rack: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) cluster_id: Option<ClusterId>,
    pub(crate) controller: Option<BrokerId>,
    pub(crate) brokers: BTreeMap<BrokerId, Broker>,
    pub(crate) topics: BTreeMap<TopicName, Topic>,
}

#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) error: Option<ResponseError>,
    pub(crate) id: TopicId,
    pub(crate) is_internal: bool,
    /// Sorted by index.
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) index: PartitionIndex,
    pub(crate) leader: Option<BrokerId>,
    pub(crate) leader_epoch: i32,
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) isr: Vec<BrokerId>,
}

impl Metadata {
    pub(super) fn from_wire(response: MetadataResponse) -> Self {
        let brokers = response
            .brokers
            .into_iter()
            .map(|broker| {
                let id = BrokerId(broker.node_id.0);
                let address = Address::new(broker.host.as_str(), u16::try_from(broker.port).unwrap_or(0));
                (id, Broker { id, address, rack: broker.rack.map(|rack| rack.to_string()) })
            })
            .collect();
        let topics = response
            .topics
            .into_iter()
            .filter_map(|topic| {
                let name = TopicName::from(topic.name.as_ref()?.as_str());
                Some((name, Topic::from_wire(topic)))
            })
            .collect();
        Self {
            cluster_id: response.cluster_id.map(|id| ClusterId::from(id.as_str())),
            controller: some_broker(response.controller_id.0),
            brokers,
            topics,
        }
    }

    /// The topic, or why there is none.
    pub(crate) fn topic(&self, name: &TopicName) -> Result<&Topic> {
        let refused = |code| ClientError::Refused { code, message: None, subject: format!("topic {name}") };
        let topic = self.topics.get(name).ok_or_else(|| refused(ResponseError::UnknownTopicOrPartition))?;
        topic.error.map_or(Ok(topic), |code| Err(refused(code)))
    }
}

impl Topic {
    fn from_wire(topic: MetadataResponseTopic) -> Self {
        let mut partitions: Vec<Partition> = topic.partitions.into_iter().map(Partition::from_wire).collect();
        partitions.sort_by_key(|partition| partition.index);
        Self {
            error: ResponseError::try_from_code(topic.error_code),
            id: TopicId(topic.topic_id),
            is_internal: topic.is_internal,
            partitions,
        }
    }

    pub(crate) fn partition(&self, index: PartitionIndex) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.index == index)
    }
}

impl Partition {
    fn from_wire(partition: MetadataResponsePartition) -> Self {
        let ids = |nodes: Vec<kafka_protocol::messages::BrokerId>| nodes.into_iter().map(|id| BrokerId(id.0)).collect();
        Self {
            index: PartitionIndex(partition.partition_index),
            leader: some_broker(partition.leader_id.0),
            leader_epoch: partition.leader_epoch,
            replicas: ids(partition.replica_nodes),
            isr: ids(partition.isr_nodes),
        }
    }
}

/// The wire says -1 for "none".
pub(super) fn some_broker(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}
