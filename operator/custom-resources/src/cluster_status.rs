//! What is reported about a cluster. A summary for people and tools: nothing is decided by it.

use crate::request::RequestStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Types of conditions.
pub mod condition {
    /// Clients can come, and no partition is without a leader.
    pub const READY: &str = "Ready";
    /// No partition is below its minimum of in-sync replicas.
    pub const AVAILABLE: &str = "Available";
    /// Every replica is in sync.
    pub const FULLY_REPLICATED: &str = "FullyReplicated";
    /// Every broker runs what the spec says.
    pub const UP_TO_DATE: &str = "UpToDate";
    /// The objects of the cluster are as the spec says.
    pub const RECONCILED: &str = "Reconciled";
    /// Every listener has the addresses that clients come to.
    pub const LISTENERS_READY: &str = "ListenersReady";
    /// Volumes are as the spec says, and have room.
    pub const STORAGE_HEALTHY: &str = "StorageHealthy";
    /// The last decision of the controller is in its objects.
    pub const METADATA_PERSISTED: &str = "MetadataPersisted";
    /// Topic resources were deleted and their topics were not: a person is to say what was meant. True is not good, and it is
    /// there only while it is true.
    pub const DELETION_HELD: &str = "DeletionHeld";
}

/// Reasons of conditions.
pub mod reason {
    pub const AS_EXPECTED: &str = "AsExpected";
    pub const NO_CONTROLLER: &str = "NoController";
    pub const RECOVERING: &str = "Recovering";
    pub const WAITING_FOR_BROKERS: &str = "WaitingForBrokers";
    pub const PARTITIONS_OFFLINE: &str = "PartitionsOffline";
    pub const BELOW_MIN_ISR: &str = "BelowMinISR";
    pub const REPLICAS_OUT_OF_SYNC: &str = "ReplicasOutOfSync";
    pub const ROLLING: &str = "Rolling";
    pub const ROLL_BLOCKED: &str = "RollBlocked";
    pub const PODS_OUTDATED: &str = "PodsOutdated";
    pub const PAUSED: &str = "Paused";
    pub const INVALID_SPEC: &str = "InvalidSpec";
    pub const DRAINING: &str = "Draining";
    pub const SCALE_DOWN_HELD: &str = "ScaleDownHeld";
    pub const VOLUMES_CANNOT_CHANGE: &str = "VolumesCannotChange";
    pub const VOLUMES_GROW: &str = "VolumesGrow";
    pub const WAITING_FOR_PORTS: &str = "WaitingForPorts";
    pub const DISK_NEARLY_FULL: &str = "DiskNearlyFull";
    pub const COMMIT_FAILED: &str = "CommitFailed";
    pub const NOT_CONFIRMED: &str = "NotConfirmed";
    pub const FAILED: &str = "Failed";
    pub const UNKNOWN: &str = "Unknown";
}

/// Topics that a status names as held, as far as they have room in 64 KiB; of more only the number is said.
pub const MOST_HELD_TOPICS: usize = 500;

/// What is reported about a cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Generation of the spec that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready, Available, FullyReplicated, UpToDate, Reconciled, ListenersReady, StorageHealthy and MetadataPersisted: True is good.
    /// DeletionHeld, where there is a reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// Id of the cluster, as Kafka clients see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,

    /// Version of the brokers' program; where they differ, all versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub version: Option<String>,

    /// Brokers that there are.
    #[serde(default)]
    pub replicas: i32,

    /// Brokers that serve.
    #[serde(default)]
    pub ready_replicas: i32,

    /// Brokers that run what the spec says.
    #[serde(default)]
    pub updated_replicas: i32,

    /// Label selector of the brokers' pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,

    /// The controller: a part of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<ControllerStatus>,

    /// Partitions of all topics, by how they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<PartitionCounts>,

    /// The last time that a broker which led partitions was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failover: Option<FailoverStatus>,

    /// The brokers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub brokers: Vec<BrokerStatus>,

    /// What became of what the annotation `weir.dev/request` asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestStatus>,

    /// Replicas that move because the number of brokers changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingStatus>,

    /// Topics whose resources were deleted and that wait for a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_deletions: Option<HeldDeletions>,

    /// Where clients come in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub listeners: Vec<ListenerStatus>,
}

impl ClusterStatus {
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }
}

/// The controller: a part of the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControllerStatus {
    /// Pod of the operator that decides.
    pub holder: String,
    /// Rises with each take-over.
    pub epoch: i64,
}

/// A broker that led partitions was lost, and others were told who leads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverStatus {
    /// The broker.
    pub broker: i32,
    /// When others were told.
    pub at: Time,
    /// From its last sign of life, or the end of its connection, until then, in milliseconds.
    pub duration_ms: i64,
    /// Partitions that it led and that another broker leads.
    pub moved: u32,
    /// Partitions that it led and that nobody leads: no other replica was in sync.
    pub offline: u32,
}

/// Partitions of all topics, by how they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartitionCounts {
    /// Topics.
    pub topics: u32,
    /// All of them.
    pub total: u32,
    /// Without a leader.
    pub offline: u32,
    /// With fewer replicas in sync than acks=all needs.
    pub under_min_isr: u32,
    /// With a replica that is not in sync.
    pub under_replicated: u32,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokerStatus {
    /// Kafka's id.
    pub id: i32,
    /// Name of its pod.
    pub pod_name: String,
    /// Node that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Value of the node's rack label when the broker registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    /// Version of its program, as it said when it registered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub version: Option<String>,
    /// What the controller makes of it.
    pub state: BrokerState,
    /// A person fenced it (`kubectl weir fence`): it stays so until it is unfenced.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fenced_by_hand: bool,
    /// A person drains it (`kubectl weir drain`): it is to hold no replica.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drained: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What the controller makes of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BrokerState {
    /// It has not registered yet.
    Pending,
    /// Kubernetes finds no node for its pod.
    Unschedulable,
    /// It leads and follows.
    Ready,
    /// It stops: others lead what they can.
    ShuttingDown,
    /// It is not heard: it leads nothing.
    Fenced,
}

/// Replicas that move because the number of brokers changed. It is there only while they do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingStatus {
    /// Brokers that were added and take over their share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "set"))]
    pub onto: Vec<i32>,
    /// Brokers that go once they hold nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "set"))]
    pub draining: Vec<i32>,
    /// Replicas that have yet to move.
    pub replicas_remaining: i32,
}

/// Topics whose resources were deleted and that wait for a decision: the annotation `weir.dev/request` with `heldDeletions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldDeletions {
    /// Why they were not deleted at once.
    #[schemars(length(max = 1024))]
    pub reason: String,
    /// How many.
    pub topics: i32,
    /// Stands for all of them, and is another when others are held: a decision names it as `heldDigest`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub digest: String,
    /// At most 500 of them. An operator that takes over knows these, and leaves the others be.
    #[schemars(length(max = 500), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub list: Vec<HeldTopic>,
}

/// A topic whose resource was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldTopic {
    /// Its id.
    #[schemars(length(max = 36))]
    pub id: String,
    /// Its name.
    #[schemars(length(max = 249))]
    pub name: String,
}

/// Where clients come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// As in the spec.
    pub name: String,
    /// As in the spec.
    #[serde(rename = "type")]
    pub type_: String,
    /// What a client has as `bootstrap.servers`.
    pub bootstrap_servers: String,
    /// Port of nodes by which its bootstrap Service is reached. A Service that is deleted is made again with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<i32>,
}
