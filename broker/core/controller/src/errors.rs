//! Why the controller refuses. One enum per concern, in the domain's words; the shell maps them to Kafka's codes.

use crate::features::BROKER_HOLDS;
use model::BrokerEpoch;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Creating, deleting and growing topics.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum TopicError {
    #[error("topic name is invalid: {0}")]
    InvalidName(String),
    #[error("topic '{0}' already exists")]
    AlreadyExists(String),
    #[error("topic '{name}' differs from the existing topic '{existing}' only in '.' and '_'")]
    Collides { name: String, existing: String },
    #[error("{0}")]
    InvalidRequest(String),
    #[error("{0}")]
    InvalidPartitions(String),
    #[error("{0}")]
    InvalidReplicationFactor(String),
    #[error("{0}")]
    InvalidReplicaAssignment(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("this server does not host this topic-partition")]
    UnknownTopic,
    #[error("this server does not host this topic id")]
    UnknownTopicId,
    #[error("topic deletion is disabled (delete.topic.enable)")]
    DeletionDisabled,
    /// Somebody else than clients decides it.
    #[error("{0}")]
    Owned(String),
}

/// Changing configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum ConfigError {
    /// Unknown key, or a value outside its type or range.
    #[error("{0}")]
    Invalid(String),
    /// The request makes no sense: a resource named twice, an operation a key does not support.
    #[error("{0}")]
    InvalidRequest(String),
    #[error("the topic '{0}' does not exist")]
    UnknownTopic(String),
    #[error("{0}")]
    InvalidTopicName(String),
    /// Somebody else than clients decides it.
    #[error("{0}")]
    Owned(String),
}

/// Choosing leaders on request.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum ElectionError {
    #[error("no such partition")]
    UnknownPartition,
    #[error("the leader is already the one this election would choose")]
    NotNeeded,
    #[error("the preferred leader is not available")]
    PreferredLeaderNotAvailable,
    #[error("no replica may lead")]
    EligibleLeadersNotAvailable,
    #[error("an unclean election may lose records: name the partition to have it, each by itself")]
    NotNamed,
}

/// Moving replicas.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum ReassignmentError {
    #[error("no such partition")]
    UnknownPartition,
    #[error("{0}")]
    InvalidAssignment(String),
    #[error("{0}")]
    InvalidReplicationFactor(String),
    #[error("no reassignment is in progress")]
    NotInProgress,
    /// Somebody else than clients decides it.
    #[error("{0}")]
    Owned(String),
}

/// Changing the in-sync replicas. Kafka's names for what a leader has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum IsrError {
    #[error("the broker registered again since")]
    StaleBrokerEpoch,
    #[error("no such topic id")]
    UnknownTopicId,
    #[error("no such partition")]
    UnknownPartition,
    #[error("the proposal knows of a state that this controller never committed")]
    AheadOfController,
    #[error("the partition has a newer leader epoch")]
    FencedLeaderEpoch,
    #[error("the partition changed since")]
    InvalidUpdateVersion,
    #[error("the proposer does not lead the partition")]
    NotTheLeader,
    #[error("the proposed members are not among the replicas, each once")]
    NotReplicas,
    #[error("the leader is not among the proposed members")]
    LeaderLeftOut,
    #[error("the leader has not yet recovered from an unclean election")]
    Recovering,
    #[error("a proposed member is fenced, about to stop, or in another life")]
    IneligibleReplica,
    #[error("the change completed a reassignment, and another replica leads now")]
    NewLeaderElected,
}

/// Changing feature levels.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum FeatureError {
    #[error("{0}")]
    InvalidUpdate(String),
    #[error("{name} is at level {current}, and lowering it was not asked for as such")]
    DowngradeNotAllowed { name: String, current: i16 },
}

/// What a leader does after a refusal (Kafka's `Partition.handleAlterPartitionError`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterIsrError {
    /// A member cannot be in the ISR for now.
    NotNow,
    /// The partition is another than the leader believes: it waits for the metadata.
    AwaitMetadata,
    /// Nothing was decided: the same proposal again.
    Repeat,
}

impl IsrError {
    pub fn after(self) -> AfterIsrError {
        match self {
            Self::IneligibleReplica => AfterIsrError::NotNow,
            Self::AheadOfController | Self::StaleBrokerEpoch => AfterIsrError::Repeat,
            Self::UnknownTopicId
            | Self::UnknownPartition
            | Self::FencedLeaderEpoch
            | Self::InvalidUpdateVersion
            | Self::NotTheLeader
            | Self::NotReplicas
            | Self::LeaderLeftOut
            | Self::Recovering
            | Self::NewLeaderElected => AfterIsrError::AwaitMetadata,
        }
    }
}

/// Keeping a broker from something, or moving what it leads.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum HoldError {
    #[error("no broker {0} is registered")]
    UnknownBroker(i32),
    #[error(
        "the metadata of this cluster was made before brokers could be fenced or drained by hand: {BROKER_HOLDS} is 0"
    )]
    FeatureOff,
    #[error("{count} partitions would have no leader, {partition} first")]
    WouldTakeOffline { partition: String, count: usize },
    #[error("{count} partitions would have fewer replicas in sync than acks=all needs, {partition} first")]
    WouldFallBelowMinimum { partition: String, count: usize },
    #[error("topic {topic} has {replicas} replicas, {brokers} brokers would be left for them")]
    TooFewBrokers { topic: String, replicas: usize, brokers: usize },
}

/// Forgetting a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum UnregisterError {
    #[error("no such broker is registered")]
    Unknown,
    #[error("the broker is alive: stop it first")]
    Alive,
    /// Of topics, or of deleted ones that can still be restored.
    #[error("the broker holds replicas: move them to others first, and wait until deleted topics are gone for good")]
    HoldsReplicas,
}

/// Why no decision was committed at all.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum ControllerError {
    /// The store refused or failed; the change may be tried again.
    #[error("metadata could not be stored: {0}")]
    StoreFailed(String),
    #[error("the controller has stopped")]
    Stopped,
    /// Another controller took over: ask that one.
    #[error("another controller has taken over")]
    Deposed,
    #[error("broker {0} is registered and alive in another process")]
    DuplicateBroker(i32),
    #[error("the broker registered again since")]
    StaleBrokerEpoch,
    /// The broker registers again, in the place of this one.
    #[error("the broker is registered in epoch {}, which this registration does not follow", .0.0)]
    RegisteredMeanwhile(BrokerEpoch),
    /// Whether it was decided nobody knows.
    #[error("the connection to the controller broke")]
    Disconnected,
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    #[error("producer ids are used up")]
    ProducerIdsExhausted,
}
