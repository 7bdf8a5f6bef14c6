//! What the controller of a cluster decided. The operator's own: people look with `kubectl weir` or Kafka's tools.
//!
//! In `spec`, not in `status`: backup tools leave out what is in a status (velero#1788), and a restored cluster would have
//! forgotten every topic.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Root of a cluster's metadata.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "ClusterMetadata",
    plural = "clustermetadata",
    namespaced,
    derive = "PartialEq",
    doc = "INTERNAL: the root of a cluster's metadata, kept by the operator as the cluster's controller. Changing it by hand loses data.",
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMetadataSpec {
    /// INTERNAL: the root, as the controller writes it.
    #[schemars(length(max = 1_048_576))]
    pub data: String,
}

/// A part of a cluster's metadata.
#[derive(CustomResource, Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "ClusterMetadataShard",
    plural = "clustermetadatashards",
    namespaced,
    derive = "PartialEq",
    doc = "INTERNAL: topics and partitions of a cluster, kept by the operator as the cluster's controller. Changing it by hand loses data.",
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMetadataShardSpec {
    /// INTERNAL: the topics of this shard, as the controller writes them.
    #[schemars(length(max = 1_048_576))]
    pub data: String,
}

/// Name of the object that a shard is.
pub fn shard_object(cluster: &str, shard: impl Display) -> String {
    format!("{cluster}-{shard}")
}
