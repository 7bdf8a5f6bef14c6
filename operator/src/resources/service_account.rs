//! Brokers do not talk to Kubernetes: their account has no token and no rights.

use super::{metadata, names};
use crate::valid_cluster::ValidCluster;
use k8s_openapi::api::core::v1::ServiceAccount;

pub fn build(cluster: &ValidCluster) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(cluster, names::service_account(&cluster.key.name)),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
