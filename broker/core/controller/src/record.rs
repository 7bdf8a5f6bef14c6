//! The facts metadata is made of. An image is the sum of its records; stores keep nothing else.

use crate::image::{BrokerRegistration, PartitionImage};
use model::{BrokerId, ControllerEpoch, MetadataVersion, PartitionIndex, ProducerId, TopicId, TopicName};
use serde::{Deserialize, Serialize};

/// The records of one decision. They become true together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataChange {
    /// The version the image has once these records are applied.
    pub version: MetadataVersion,
    pub records: Vec<MetadataRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataRecord {
    /// Another controller took over.
    ControllerEpochRaised(ControllerEpoch),
    /// A broker came up (again). Every partition it leads starts a new leader epoch.
    BrokerRegistered(BrokerRegistration),
    TopicCreated {
        id: TopicId,
        name: TopicName,
        partitions: Vec<PartitionImage>,
    },
    TopicDeleted {
        id: TopicId,
    },
    PartitionsAdded {
        id: TopicId,
        partitions: Vec<PartitionImage>,
    },
    /// Leader, ISR or replicas of one partition are now these.
    PartitionChanged {
        id: TopicId,
        partition: PartitionIndex,
        state: PartitionImage,
    },
    /// `None` resets a key.
    TopicConfigChanged {
        id: TopicId,
        changes: Vec<ConfigChange>,
    },
    /// `broker: None` means every broker.
    BrokerConfigChanged {
        broker: Option<BrokerId>,
        changes: Vec<ConfigChange>,
    },
    /// Every producer id below this one is handed out or lost.
    ProducerIdsReserved {
        next: ProducerId,
    },
}

/// A key and its new value; `None` removes the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigChange {
    pub name: String,
    pub value: Option<String>,
}
