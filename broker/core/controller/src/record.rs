//! The facts metadata is made of. An image is the sum of its records; stores keep nothing else.

use crate::{
    holds::Hold,
    image::{BrokerRegistration, PartitionImage},
};
use model::{BrokerEpoch, BrokerId, ControllerEpoch, MetadataVersion, PartitionIndex, ProducerId, TopicId, TopicName};
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
    /// A feature is at this level from here on.
    FeatureLevelSet {
        name: String,
        level: i16,
    },
    /// What the configuration of the controller says about topics that say nothing.
    DefaultsSet {
        min_insync_replicas: u32,
    },
    /// A broker came up (again). What follows for its partitions: [`crate::succession`].
    BrokerRegistered(BrokerRegistration),
    /// Nobody heard of the broker for too long, or it left.
    BrokerFenced {
        id: BrokerId,
        epoch: BrokerEpoch,
    },
    /// The broker has seen everything up to its registration and may lead.
    BrokerUnfenced {
        id: BrokerId,
        epoch: BrokerEpoch,
    },
    /// The broker asked for leave to stop.
    BrokerShutdownBegan {
        id: BrokerId,
        epoch: BrokerEpoch,
    },
    /// The broker, in this life, has had the ISR of everything that it leads confirmed: see [`crate::succession`].
    LeaderConfirmed {
        id: BrokerId,
        epoch: BrokerEpoch,
    },
    /// What a person keeps the broker from is this from here on. Whoever has to be fenced for it is by a record of its own.
    BrokerHeld {
        id: BrokerId,
        hold: Hold,
    },
    /// The broker is gone for good and holds no replica.
    BrokerUnregistered {
        id: BrokerId,
    },
    TopicCreated {
        id: TopicId,
        name: TopicName,
        partitions: Vec<PartitionImage>,
    },
    /// The topic is gone for clients, and can be restored.
    TopicTombstoned {
        id: TopicId,
    },
    /// The topic is there again, under its old id.
    TopicRestored {
        id: TopicId,
    },
    /// The topic is gone for good, whether or not there is a tombstone.
    TopicDeleted {
        id: TopicId,
    },
    /// The controller has begun to give an internal topic this many replicas.
    InternalReplicationRaised {
        id: TopicId,
        factor: i16,
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
