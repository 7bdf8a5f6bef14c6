//! What callers may ask of the controller, and what they get: one result per requested item, in the order asked.

use crate::{
    errors::{
        ConfigError, ControllerError, ElectionError, FeatureError, HoldError, IsrError, ReassignmentError, TopicError,
        UnregisterError,
    },
    holds::Hold,
    image::{ConfigMap, Endpoint, PartitionImage},
    leaving::Leaving,
    sessions::BrokerCondition,
};
use model::{
    BrokerEpoch, BrokerId, Incarnation, LeaderEpoch, LogLife, MetadataVersion, PartitionEpoch, PartitionIndex,
    ProducerId, TopicId, TopicName, TopicPartition,
};
use serde::{Deserialize, Serialize};

/// Producer ids handed out together (Kafka's block size). A block that was not used up is lost, never reused.
pub const PRODUCER_ID_BLOCK: i64 = 1000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    RegisterBroker(RegisterBroker),
    /// A broker asks for leave to stop.
    BeginShutdown(BrokerSession),
    UnregisterBroker(BrokerId),
    HoldBroker(HoldBroker),
    /// Others lead what a broker leads, where others are in sync.
    MoveLeaders(MoveLeaders),
    AlterPartitions(AlterPartitions),
    CreateTopics(CreateTopics),
    DeleteTopics(DeleteTopics),
    /// Undoes deletions.
    RestoreTopics(Vec<TopicReference>),
    CreatePartitions(CreatePartitions),
    AlterConfigs(AlterConfigs),
    ElectLeaders(ElectLeaders),
    ReassignPartitions(ReassignPartitions),
    UpdateFeatures(UpdateFeatures),
    /// A block that begins at this id or above it.
    AllocateProducerIds(ProducerId),
    /// How brokers are doing. Changes nothing.
    DescribeBrokers,
    /// Brokers are to go, or not any more. Nothing is stored; what is decided after the answer keeps to it.
    #[serde(skip)]
    SetLeaving(Leaving),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    BrokerRegistered(BrokerEpoch),
    ShutdownBegun,
    BrokerUnregistered(Result<(), UnregisterError>),
    BrokerHeld(Result<HeldBroker, HoldError>),
    LeadersMoved(Result<MovedLeaders, HoldError>),
    PartitionsAltered(Result<Vec<AlteredPartition>, IsrError>),
    TopicsCreated(Vec<(TopicName, Result<CreatedTopic, TopicError>)>),
    TopicsDeleted(Vec<DeletedTopic>),
    TopicsRestored(Vec<RestoredTopic>),
    PartitionsCreated(Vec<(TopicName, Result<(), TopicError>)>),
    ConfigsAltered(Vec<(ConfigResource, Result<(), ConfigError>)>),
    LeadersElected(Vec<(TopicPartition, Result<(), ElectionError>)>),
    PartitionsReassigned(Vec<(TopicPartition, Result<(), ReassignmentError>)>),
    /// Either all updates are made, or none.
    FeaturesUpdated(Vec<(String, Result<(), FeatureError>)>),
    ProducerIds(ProducerIdBlock),
    /// Every registered broker.
    BrokersDescribed(Vec<DescribedBroker>),
    #[serde(skip)]
    LeavingSet,
    Refused(ControllerError),
}

/// A broker as this controller hears it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedBroker {
    pub id: BrokerId,
    pub epoch: BrokerEpoch,
    /// It has a session, and was heard of within the timeout.
    pub is_live: bool,
    /// The newest metadata it acts by, and what else it said last; `None` where this controller has not heard it.
    pub said: Option<(MetadataVersion, BrokerCondition)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisterBroker {
    pub id: BrokerId,
    pub incarnation: Incarnation,
    /// Lets a broker that only restarted stay eligible. `None`: not known, it may have lost anything.
    #[serde(default)]
    pub log_life: Option<LogLife>,
    /// That life began with an empty disk: nothing is left of what the broker held in the one before.
    #[serde(default)]
    pub began_empty: bool,
    /// A broker that hosts its controller and is alone. Any other comes up fenced.
    pub serves_at_once: bool,
    pub rack: Option<String>,
    pub endpoints: Vec<Endpoint>,
    /// The registration in whose place this one is to come, as the broker was told; [`NO_REGISTRATION`] where it was told of
    /// none. One that was on its way while another came to be is of a process that may be gone. `None`: whatever there is.
    #[serde(default)]
    pub follows: Option<BrokerEpoch>,
}

pub const NO_REGISTRATION: BrokerEpoch = BrokerEpoch(-1);

/// One life of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerSession {
    pub id: BrokerId,
    pub epoch: BrokerEpoch,
}

/// What a person keeps a broker from is to change; see [`crate::holds`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HoldBroker {
    pub id: BrokerId,
    pub change: HoldChange,
    /// Also where partitions lose their leader or fall below their minimum by it.
    pub force: bool,
    /// Checks everything and changes nothing.
    pub validate_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldChange {
    Fence,
    Unfence,
    Drain,
    Undrain,
}

/// What holds now, and what it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBroker {
    pub hold: Hold,
    /// It was another before.
    pub changed: bool,
    /// Partitions that have another leader by it.
    pub leaders_moved: usize,
    /// Replicas that the broker has.
    pub replicas: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MoveLeaders {
    pub from: BrokerId,
    /// Checks everything and changes nothing.
    pub validate_only: bool,
}

/// Partitions that the broker led.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedLeaders {
    pub moved: usize,
    /// Nobody else is in sync.
    pub staying: usize,
    /// More than one commit takes: ask again.
    pub left: usize,
}

/// Proposals of one leader, decided one by one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlterPartitions {
    pub broker: BrokerId,
    pub broker_epoch: BrokerEpoch,
    pub proposals: Vec<IsrProposal>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsrProposal {
    pub topic_id: TopicId,
    pub partition: PartitionIndex,
    pub leader_epoch: LeaderEpoch,
    /// The state the proposal starts from.
    pub partition_epoch: PartitionEpoch,
    /// The leader among them, each with the epoch the leader knows it by; −1 where it knows none.
    pub isr: Vec<(BrokerId, BrokerEpoch)>,
    /// The leader made up for what an unclean election lost.
    pub recovered: bool,
    /// `min.insync.replicas` that the leader acts by; a broker of before the field does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_in_sync: Option<usize>,
}

/// A proposal and the state it led to.
pub type AlteredPartition = ((TopicId, PartitionIndex), Result<PartitionImage, IsrError>);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateTopics {
    pub topics: Vec<NewTopic>,
    /// Checks everything and changes nothing.
    pub validate_only: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedTopic {
    pub id: TopicId,
    pub partitions: usize,
    pub replication_factor: usize,
    pub configs: ConfigMap,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeleteTopics {
    pub topics: Vec<TopicReference>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TopicReference {
    Name(TopicName),
    Id(TopicId),
}

/// What became of one item of [`DeleteTopics`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedTopic {
    /// Known where the topic was named or found.
    pub name: Option<TopicName>,
    pub id: TopicId,
    pub result: Result<(), TopicError>,
}

/// A topic that is to be there again, and its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoredTopic {
    pub topic: TopicReference,
    pub result: Result<TopicId, TopicError>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreatePartitions {
    pub topics: Vec<MorePartitions>,
    pub validate_only: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MorePartitions {
    pub name: TopicName,
    /// The new total.
    pub count: i32,
    /// Replicas of each added partition; `None`: the controller places them.
    pub assignments: Option<Vec<Vec<BrokerId>>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlterConfigs {
    pub resources: Vec<AlterConfigResource>,
    pub validate_only: bool,
}

impl AlterConfigs {
    /// Each of these keys gets its value, without one its default; all others stay as they are.
    pub fn of(resource: ConfigResource, values: impl IntoIterator<Item = (String, Option<String>)>) -> Self {
        let change = |(name, value): (String, Option<String>)| IncrementalChange {
            name,
            kind: if value.is_some() { IncrementalKind::Set } else { IncrementalKind::Delete },
            value,
            list_default: None,
        };
        let operation = AlterOperation::Incremental(values.into_iter().map(change).collect());
        Self { resources: vec![AlterConfigResource { resource, operation }], validate_only: false }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AlterConfigResource {
    pub resource: ConfigResource,
    pub operation: AlterOperation,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConfigResource {
    Topic(TopicName),
    /// `None`: the default of every broker.
    Broker(Option<BrokerId>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum AlterOperation {
    /// AlterConfigs: what is not named is reset.
    Replace(Vec<(String, Option<String>)>),
    /// IncrementalAlterConfigs.
    Incremental(Vec<IncrementalChange>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IncrementalChange {
    pub name: String,
    pub kind: IncrementalKind,
    pub value: Option<String>,
    /// What append and subtract start from where nothing is set, for keys of brokers. Topics' keys are known here.
    pub list_default: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IncrementalKind {
    Set,
    Delete,
    Append,
    Subtract,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElectLeaders {
    /// `None`: every partition.
    pub partitions: Option<Vec<TopicPartition>>,
    /// Take a replica outside the ISR when nothing else is left.
    pub unclean: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReassignPartitions {
    /// `None` cancels what is running.
    pub partitions: Vec<(TopicPartition, Option<Vec<BrokerId>>)>,
    pub allow_replication_factor_change: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpdateFeatures {
    pub updates: Vec<FeatureUpdate>,
    pub validate_only: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FeatureUpdate {
    pub name: String,
    pub level: i16,
    /// The level is to become lower, and only that. Safe or unsafe: no level that is left behind loses anything here.
    pub allow_downgrade: bool,
}

/// Ids from `first` to `first + length − 1` belong to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerIdBlock {
    pub first: ProducerId,
    pub length: i64,
}
