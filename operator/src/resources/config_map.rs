//! The file that every broker of a cluster reads when it starts.

use super::{
    broker_config::{self, DYNAMIC_ANNOTATION},
    metadata, names,
};
use crate::valid_cluster::ValidCluster;
use k8s_openapi::api::core::v1::ConfigMap;
use std::collections::BTreeSet;

pub const BROKER_FILE: &str = "broker.properties";

/// `dynamic`: keys that the cluster has from the spec and not from the file.
pub fn build(cluster: &ValidCluster, dynamic: &BTreeSet<String>) -> ConfigMap {
    let mut metadata = metadata(cluster, names::config_map(&cluster.key.name));
    if !dynamic.is_empty() {
        let keys: Vec<&str> = dynamic.iter().map(String::as_str).collect();
        metadata.annotations.get_or_insert_default().insert(DYNAMIC_ANNOTATION.to_owned(), keys.join(","));
    }
    ConfigMap {
        metadata,
        data: Some([(BROKER_FILE.to_owned(), broker_config::render(cluster))].into()),
        ..ConfigMap::default()
    }
}
