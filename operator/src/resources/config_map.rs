//! The file that every broker of a cluster reads when it starts.

use super::{broker_config, metadata, names};
use crate::valid_cluster::ValidCluster;
use k8s_openapi::api::core::v1::ConfigMap;

pub const BROKER_FILE: &str = "broker.properties";

pub fn build(cluster: &ValidCluster) -> ConfigMap {
    ConfigMap {
        metadata: metadata(cluster, names::config_map(&cluster.key.name)),
        data: Some([(BROKER_FILE.to_owned(), broker_config::render(cluster))].into()),
        ..ConfigMap::default()
    }
}
