//! How many brokers an eviction may take at once.

use super::{metadata, names, pod_selector};
use crate::valid_cluster::ValidCluster;
use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

/// `most`: how many may be away, or not be ready.
pub fn build(cluster: &ValidCluster, most: i32) -> Option<PodDisruptionBudget> {
    let name = &cluster.key.name;
    cluster.spec.pod_disruption_budget.enabled.then(|| PodDisruptionBudget {
        metadata: metadata(cluster, names::pod_disruption_budget(name)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(most)),
            selector: Some(LabelSelector { match_labels: Some(pod_selector(name)), ..LabelSelector::default() }),
            // A pod that is not ready protects nothing; with it counted, a drain would wait for a broker that cannot start.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}
