//! `Topic`: a topic that is as its resource says.

#![expect(unreachable_pub, reason = "what KubeSchema generates")]

use crate::config_map::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// With the value `true` the resource takes over a topic of its name that exists already.
pub const ADOPT_ANNOTATION: &str = "weir.dev/adopt";

/// Types of conditions.
pub mod condition {
    /// The topic is as the spec says, and every partition has a leader.
    pub const READY: &str = "Ready";
    /// Every replica of every partition is in sync. Reported once it has been so for five seconds.
    pub const FULLY_REPLICATED: &str = "FullyReplicated";
    /// The topic has the configuration of the spec.
    pub const CONFIG_APPLIED: &str = "ConfigApplied";
    /// Another resource, which is older, names the topic. There only while it is so.
    pub const CONFLICT: &str = "Conflict";
}

/// Reasons of conditions.
pub mod reason {
    pub const AS_EXPECTED: &str = "AsExpected";
    pub const CLUSTER_NOT_FOUND: &str = "ClusterNotFound";
    pub const NAMESPACE_NOT_ALLOWED: &str = "NamespaceNotAllowed";
    pub const NO_CONTROLLER: &str = "NoController";
    pub const TOPIC_EXISTS: &str = "TopicExists";
    pub const TOPIC_NAME_CONFLICT: &str = "TopicNameConflict";
    pub const INVALID_CONFIG: &str = "InvalidConfig";
    pub const PARTITIONS_SHRINK: &str = "PartitionsShrink";
    pub const NOT_ENOUGH_BROKERS: &str = "NotEnoughBrokers";
    pub const REFUSED: &str = "Refused";
    pub const PARTITIONS_OFFLINE: &str = "PartitionsOffline";
    pub const REASSIGNING: &str = "Reassigning";
    pub const PAUSED: &str = "Paused";
    pub const REPLICAS_OUT_OF_SYNC: &str = "ReplicasOutOfSync";
    pub const CONFIG_DIFFERS: &str = "ConfigDiffers";
}

/// A topic of a cluster.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "Topic",
    namespaced,
    status = "TopicStatus",
    derive = "PartialEq",
    shortname = "weirtopic",
    category = "weir",
    doc = "A topic of a cluster. Topics that Kafka clients make live beside it and need no resource.",
    selectable = ".spec.clusterRef.name",
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef.name"),
    printcolumn(name = "Topic", type_ = "string", json_path = ".status.topicName", priority = "1"),
    printcolumn(name = "Partitions", type_ = "integer", json_path = ".status.partitions"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.replicas"),
    printcolumn(name = "Offline", type_ = "integer", json_path = ".status.offlinePartitions"),
    printcolumn(name = "UnderRepl", type_ = "integer", json_path = ".status.underReplicatedPartitions"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = kube::core::Rule::new("has(self.topicName) == has(oldSelf.topicName) && (!has(self.topicName) || self.topicName == oldSelf.topicName)")
        .message("topicName cannot be changed: delete the resource and make another"),
    validation = kube::core::Rule::new("!has(self.partitions) || !has(oldSelf.partitions) || self.partitions >= oldSelf.partitions")
        .message("partitions cannot become fewer: their records would be lost"),
)]
#[serde(rename_all = "camelCase")]
pub struct TopicSpec {
    /// The cluster.
    #[x_kube(validation = kube::core::Rule::new("self == oldSelf").message("clusterRef cannot be changed"))]
    pub cluster_ref: ClusterRef,

    /// Name of the topic. Without it that of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 249), regex(pattern = r"^[a-zA-Z0-9._-]+$"))]
    #[x_kube(validation = kube::core::Rule::new("self != '.' && self != '..' && !self.startsWith('__')").message("'.', '..' and names that begin with '__' are not for topics of people"))]
    pub topic_name: Option<String>,

    /// Number of partitions; it can only rise. Without it the cluster's default when the topic is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub partitions: Option<i32>,

    /// Replicas of each partition. A change moves replicas. Without it the cluster's default when the topic is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub replicas: Option<i16>,

    /// Configuration of the topic, by Kafka's keys; booleans in quotes. Keys that are not here are left to
    /// Kafka's tools; one that is taken out here has the cluster's default again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = kube::core::Rule::new("self.all(key, key.matches('^[a-z][a-z0-9.]{0,127}$'))").message("keys are those of Kafka: lower-case words with dots"))]
    pub config: ConfigMap,

    /// What becomes of the topic when the resource is deleted. A deleted topic can be brought back for a while:
    /// `deletionUndoWindow` of the cluster.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Leave the topic as it is, whatever the spec says. Meanwhile Kafka's tools may change all of it.
    #[serde(default)]
    pub paused: bool,
}

/// The cluster of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRef {
    /// Name of the Cluster.
    #[schemars(length(min = 1, max = 36))]
    pub name: String,

    /// Its namespace, if it is another: the Cluster must allow it by `allowedNamespaces`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// What becomes of the topic when the resource is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    #[default]
    Delete,
    Retain,
}

/// What is reported about a topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopicStatus {
    /// Generation of the spec that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready, FullyReplicated and ConfigApplied: True is good. Conflict, where there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// Name of the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_name: Option<String>,

    /// Id of the topic that is this resource's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<String>,

    /// Keys of the configuration that this resource has set. One that is taken out of the spec is reset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), inner(length(max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub config_keys: Vec<String>,

    /// Partitions that there are.
    #[serde(default)]
    pub partitions: i32,

    /// Replicas of each partition.
    #[serde(default)]
    pub replicas: i32,

    /// Partitions without a leader.
    #[serde(default)]
    pub offline_partitions: i32,

    /// Partitions with a replica that is not in sync, once that has been so for five seconds.
    #[serde(default)]
    pub under_replicated_partitions: i32,

    /// Partitions with fewer replicas in sync than acks=all needs, once that has been so for five seconds.
    #[serde(default)]
    pub under_min_isr_partitions: i32,

    /// The first partitions that have no leader, at once, or fewer replicas in sync than acks=all needs, after five seconds:
    /// `kubectl weir partitions` shows all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MOST_UNHEALTHY), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["partition"]))]
    pub unhealthy_partitions: Vec<UnhealthyPartition>,
}

/// What a status shows of them at most.
pub const MOST_UNHEALTHY: usize = 20;

/// A partition to which acks=all cannot write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnhealthyPartition {
    /// Its number.
    pub partition: i32,
    /// The broker that leads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<i32>,
    /// Replicas that are in sync.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "atomic"))]
    pub isr: Vec<i32>,
}
