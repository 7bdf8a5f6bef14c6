//! Why the controller refuses. One enum per concern, in the domain's words; the shell maps them to Kafka's codes.

use thiserror::Error;

/// Creating, deleting and growing topics.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
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
}

/// Changing configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
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
}

/// Choosing leaders on request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ElectionError {
    #[error("no such partition")]
    UnknownPartition,
    #[error("the leader is already the one this election would choose")]
    NotNeeded,
    #[error("the preferred leader is not available")]
    PreferredLeaderNotAvailable,
    #[error("no replica may lead")]
    EligibleLeadersNotAvailable,
}

/// Moving replicas.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReassignmentError {
    #[error("no such partition")]
    UnknownPartition,
    #[error("{0}")]
    InvalidAssignment(String),
    #[error("{0}")]
    InvalidReplicationFactor(String),
    #[error("no reassignment is in progress")]
    NotInProgress,
}

/// Why no decision was committed at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ControllerError {
    /// The store refused or failed; the change may be tried again.
    #[error("metadata could not be stored: {0}")]
    StoreFailed(String),
    #[error("the controller has stopped")]
    Stopped,
    #[error("producer ids are used up")]
    ProducerIdsExhausted,
}
