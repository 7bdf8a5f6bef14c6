//! Objects of Kubernetes as a cluster needs them: pure builders, one file per kind.
//!
//! Every object names its cluster by a label, has the Cluster as its owner and says by whom it is managed.

pub mod broker_config;
pub mod config_map;
pub mod names;
pub mod pod_disruption_budget;
pub mod secret;
pub mod service;
pub mod service_account;
pub mod stateful_set;

#[cfg(test)]
mod tests;

pub use custom_resources::CLUSTER_LABEL;

use crate::valid_cluster::{ClusterKey, ValidCluster};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

/// Hash of the configuration that pods read only when they start.
pub const CONFIG_HASH_ANNOTATION: &str = "weir.dev/config-hash";
/// Of a volume's claim: of which cluster the records are.
pub const CLUSTER_ID_ANNOTATION: &str = "weir.dev/cluster-id";
/// Who owns the fields that the operator applies.
pub const FIELD_MANAGER: &str = "weir-operator";

/// Of every object of a cluster.
pub fn labels(name: &str) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", "weir"),
        ("app.kubernetes.io/instance", name),
        ("app.kubernetes.io/managed-by", FIELD_MANAGER),
        (CLUSTER_LABEL, name),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// What the pods of brokers have and nothing else.
pub fn pod_selector(name: &str) -> BTreeMap<String, String> {
    [(CLUSTER_LABEL, name), ("app.kubernetes.io/component", "broker")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Whether it goes with a Cluster that is not this one any more: one of the same name that was deleted.
pub fn is_of_another_cluster(object: &ObjectMeta, uid: &str) -> bool {
    let mut clusters = object.owner_references.iter().flatten().filter(|owner| owner.kind == "Cluster").peekable();
    clusters.peek().is_some() && clusters.all(|owner| owner.uid != uid)
}

fn metadata(cluster: &ValidCluster, name: String) -> ObjectMeta {
    let ClusterKey { namespace, name: cluster_name } = &cluster.key;
    ObjectMeta {
        name: Some(name),
        namespace: Some(namespace.clone()),
        labels: Some(labels(cluster_name)),
        owner_references: Some(vec![cluster.owner.clone()]),
        ..ObjectMeta::default()
    }
}
