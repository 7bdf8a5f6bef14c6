//! The resources of Kubernetes that Weir brings: what people write (`Cluster`, `Topic`) and what the operator keeps
//! (`ClusterMetadata`, `ClusterMetadataShard`).
//!
//! It is: types, their rules and defaults as far as the API server can check them. The field comments are what
//! `kubectl explain` prints. It is not: anything that reads or writes them.
//!
//! Promises: a field that is here has an effect; the files under `crds/` say what the types say (`scripts/generate --check`).
//!
//! Start with [`cluster`].

#![allow(
    clippy::duplicated_attributes,
    reason = "columns of one type; an expectation is not met where the derive looks"
)]

#[cfg(test)]
mod tests;

pub mod cluster;
pub mod cluster_metadata;
pub mod cluster_status;
pub mod conditions;
pub mod config_map;
pub mod pod_template;
pub mod reference;
pub mod request;
pub mod topic;

pub use cluster::{Cluster, ClusterSpec};
pub use cluster_metadata::{
    ClusterMetadata, ClusterMetadataShard, ClusterMetadataShardSpec, ClusterMetadataSpec, shard_object,
};
pub use cluster_status::ClusterStatus;
pub use config_map::{ConfigMap, ConfigValue};
pub use topic::{Topic, TopicSpec, TopicStatus};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

/// Group of every kind here, and prefix of the labels and annotations that the operator reads and writes.
pub const GROUP: &str = "weir.dev";

/// By this label what belongs to a cluster is found; its value is the cluster's name.
pub const CLUSTER_LABEL: &str = "weir.dev/cluster";

/// All kinds.
pub fn definitions() -> [CustomResourceDefinition; 4] {
    [Cluster::crd(), Topic::crd(), ClusterMetadata::crd(), ClusterMetadataShard::crd()]
}
