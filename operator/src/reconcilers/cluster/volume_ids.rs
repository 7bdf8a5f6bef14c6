//! Of which cluster the records of a volume are is written on its claim: a controller that finds neither metadata nor a status, of a
//! Cluster that was deleted and applied again say, knows its brokers by that. It is written while the broker serves, so that it
//! is true: one whose disk is of another cluster is not let in.

use crate::{
    resources::{CLUSTER_ID_ANNOTATION, names},
    valid_cluster::ValidCluster,
};
use controller::ClusterImage;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use model::BrokerId;
use std::sync::Arc;

/// Names of claims that do not have it.
pub fn decide(cluster: &ValidCluster, claims: &[Arc<PersistentVolumeClaim>], image: &ClusterImage) -> Vec<String> {
    let lacks_it = |claim: &&Arc<PersistentVolumeClaim>| {
        let annotations = claim.metadata.annotations.as_ref();
        let known = annotations.and_then(|annotations| annotations.get(CLUSTER_ID_ANNOTATION));
        claim.metadata.deletion_timestamp.is_none() && known.is_none_or(|known| **known != *image.cluster_id)
    };
    let serves = |claim: &&String| {
        names::broker_of_claim(&cluster.key.name, claim).is_some_and(|id| image.is_usable(BrokerId(id)))
    };
    let mut names: Vec<_> = claims
        .iter()
        .filter(lacks_it)
        .filter_map(|claim| claim.metadata.name.as_ref())
        .filter(serves)
        .cloned()
        .collect();
    // A cache has no order.
    names.sort();
    names
}
