//! What callers may ask of the controller, and what they get: one result per requested item, in the order asked.

use crate::{
    errors::{ConfigError, ControllerError, ElectionError, ReassignmentError, TopicError},
    image::{ConfigMap, Endpoint},
};
use model::{BrokerEpoch, BrokerId, PartitionIndex, ProducerId, TopicId, TopicName, TopicPartition};

/// Producer ids handed out together (Kafka's block size). A block that was not used up is lost, never reused.
pub const PRODUCER_ID_BLOCK: i64 = 1000;

#[derive(Debug, Clone)]
pub enum Request {
    RegisterBroker(RegisterBroker),
    CreateTopics(CreateTopics),
    DeleteTopics(DeleteTopics),
    CreatePartitions(CreatePartitions),
    AlterConfigs(AlterConfigs),
    ElectLeaders(ElectLeaders),
    ReassignPartitions(ReassignPartitions),
    /// A block that begins at this id or above it.
    AllocateProducerIds(ProducerId),
}

#[derive(Debug, Clone)]
pub enum Reply {
    BrokerRegistered(BrokerEpoch),
    TopicsCreated(Vec<(TopicName, Result<CreatedTopic, TopicError>)>),
    TopicsDeleted(Vec<DeletedTopic>),
    PartitionsCreated(Vec<(TopicName, Result<(), TopicError>)>),
    ConfigsAltered(Vec<(ConfigResource, Result<(), ConfigError>)>),
    LeadersElected(Vec<(TopicPartition, Result<(), ElectionError>)>),
    PartitionsReassigned(Vec<(TopicPartition, Result<(), ReassignmentError>)>),
    ProducerIds(ProducerIdBlock),
    Refused(ControllerError),
}

#[derive(Debug, Clone)]
pub struct RegisterBroker {
    pub id: BrokerId,
    pub rack: Option<String>,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone)]
pub struct CreateTopics {
    pub topics: Vec<NewTopic>,
    /// Checks everything and changes nothing.
    pub validate_only: bool,
}

#[derive(Debug, Clone)]
pub struct NewTopic {
    pub name: TopicName,
    /// A fresh random id, used if the topic is created.
    pub id: TopicId,
    /// −1: `num.partitions`, or the length of `assignments`.
    pub partitions: i32,
    /// −1: `default.replication.factor`, or that of `assignments`.
    pub replication_factor: i16,
    /// Empty: the controller places the replicas.
    pub assignments: Vec<(PartitionIndex, Vec<BrokerId>)>,
    pub configs: Vec<(String, Option<String>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    pub id: TopicId,
    pub partitions: usize,
    pub replication_factor: usize,
    pub configs: ConfigMap,
}

#[derive(Debug, Clone)]
pub struct DeleteTopics {
    pub topics: Vec<TopicReference>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicReference {
    Name(TopicName),
    Id(TopicId),
}

/// What became of one item of [`DeleteTopics`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Known where the topic was named or found.
    pub name: Option<TopicName>,
    pub id: TopicId,
    pub result: Result<(), TopicError>,
}

#[derive(Debug, Clone)]
pub struct CreatePartitions {
    pub topics: Vec<MorePartitions>,
    pub validate_only: bool,
}

#[derive(Debug, Clone)]
pub struct MorePartitions {
    pub name: TopicName,
    /// The new total.
    pub count: i32,
    /// Replicas of each added partition; `None`: the controller places them.
    pub assignments: Option<Vec<Vec<BrokerId>>>,
}

#[derive(Debug, Clone)]
pub struct AlterConfigs {
    pub resources: Vec<AlterConfigResource>,
    pub validate_only: bool,
}

#[derive(Debug, Clone)]
pub struct AlterConfigResource {
    pub resource: ConfigResource,
    pub operation: AlterOperation,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    Topic(TopicName),
    /// `None`: the default of every broker.
    Broker(Option<BrokerId>),
}

#[derive(Debug, Clone)]
pub enum AlterOperation {
    /// AlterConfigs: what is not named is reset.
    Replace(Vec<(String, Option<String>)>),
    /// IncrementalAlterConfigs.
    Incremental(Vec<IncrementalChange>),
}

#[derive(Debug, Clone)]
pub struct IncrementalChange {
    pub name: String,
    pub kind: IncrementalKind,
    pub value: Option<String>,
    /// What append and subtract start from where nothing is set, for keys of brokers. Topics' keys are known here.
    pub list_default: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncrementalKind {
    Set,
    Delete,
    Append,
    Subtract,
}

#[derive(Debug, Clone)]
pub struct ElectLeaders {
    /// `None`: every partition.
    pub partitions: Option<Vec<TopicPartition>>,
    /// Take a replica outside the ISR when nothing else is left.
    pub unclean: bool,
}

#[derive(Debug, Clone)]
pub struct ReassignPartitions {
    /// `None` cancels what is running.
    pub partitions: Vec<(TopicPartition, Option<Vec<BrokerId>>)>,
    pub allow_replication_factor_change: bool,
}

/// Ids from `first` to `first + length − 1` belong to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerIdBlock {
    pub first: ProducerId,
    pub length: i64,
}
