//! How clusters are, as their status says: what alerts look at. Only the operator that decides knows.

use super::{heading, series};
use crate::valid_cluster::ClusterKey;
use custom_resources::ClusterStatus;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

const CONDITION: &str = "weir_cluster_condition";
const PARTITIONS: &str = "weir_cluster_partitions";
const BROKERS: &str = "weir_cluster_brokers";
const EPOCH: &str = "weir_cluster_controller_epoch";

/// Name and help; each has the labels namespace and cluster.
const FAMILIES: [(&str, &str); 4] = [
    (CONDITION, "Whether a condition of the Cluster is True; by type."),
    (PARTITIONS, "Partitions of all topics; by state, a partition may be in several."),
    (BROKERS, "Brokers: as many as the spec wants, that there are, that serve, that run what the spec says; by state."),
    (EPOCH, "Rises with each take-over by a controller."),
];

#[derive(Debug, Default)]
pub struct Clusters(Mutex<BTreeMap<ClusterKey, Vec<Sample>>>);

/// Family, label, its value, and the number.
type Sample = (&'static str, Option<(&'static str, String)>, i64);

impl Clusters {
    /// `wanted`: brokers by the spec.
    pub fn observe(&self, cluster: ClusterKey, wanted: i32, status: &ClusterStatus) {
        let samples = samples(wanted, status);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster, samples);
    }

    /// Clusters that are no more have no series.
    pub fn keep_only(&self, exists: impl Fn(&ClusterKey) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|cluster, _| exists(cluster));
    }

    pub(super) fn render(&self, text: &mut String) {
        let clusters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (family, help) in FAMILIES {
            heading(text, family, "gauge", help);
            for (cluster, samples) in &*clusters {
                for (_, label, number) in samples.iter().filter(|(of, ..)| *of == family) {
                    let label = label.as_ref().map(|(key, value)| format!(",{key}=\"{value}\"")).unwrap_or_default();
                    series(text, family, cluster, &label, number);
                }
            }
        }
    }
}

fn samples(wanted: i32, status: &ClusterStatus) -> Vec<Sample> {
    let by_state = |family, state: &str, number: i64| (family, Some(("state", state.to_owned())), number);
    let conditions = status.conditions.iter();
    let mut samples: Vec<Sample> = conditions
        .map(|known| (CONDITION, Some(("type", known.type_.clone())), i64::from(known.status == "True")))
        .collect();
    samples.extend([
        by_state(BROKERS, "wanted", wanted.into()),
        by_state(BROKERS, "there", status.replicas.into()),
        by_state(BROKERS, "ready", status.ready_replicas.into()),
        by_state(BROKERS, "updated", status.updated_replicas.into()),
    ]);
    if let Some(counts) = status.partitions {
        samples.extend([
            by_state(PARTITIONS, "all", counts.total.into()),
            by_state(PARTITIONS, "offline", counts.offline.into()),
            by_state(PARTITIONS, "under_min_isr", counts.under_min_isr.into()),
            by_state(PARTITIONS, "under_replicated", counts.under_replicated.into()),
        ]);
    }
    samples.extend(status.controller.iter().map(|controller| (EPOCH, None, controller.epoch)));
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use custom_resources::{
        cluster_status::{ControllerStatus, PartitionCounts},
        conditions::{Finding, conditions},
    };
    use k8s_openapi::jiff::Timestamp;

    fn key(name: &str) -> ClusterKey {
        ClusterKey { namespace: "shop".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn cluster_has_series_as_long_as_it_is_there() {
        let findings =
            vec![Finding::new("Ready", true, "AsExpected", ""), Finding::new("UpToDate", false, "Rolling", "")];
        let status = ClusterStatus {
            conditions: conditions(&[], findings, None, Timestamp::UNIX_EPOCH),
            ready_replicas: 2,
            partitions: Some(PartitionCounts { total: 9, offline: 1, ..PartitionCounts::default() }),
            controller: Some(ControllerStatus { holder: "a".to_owned(), epoch: 7 }),
            ..ClusterStatus::default()
        };
        let clusters = Clusters::default();
        clusters.observe(key("events"), 3, &status);
        clusters.observe(key("logs"), 1, &ClusterStatus::default());
        let mut text = String::new();
        clusters.render(&mut text);
        for line in [
            "weir_cluster_condition{namespace=\"shop\",cluster=\"events\",type=\"Ready\"} 1",
            "weir_cluster_condition{namespace=\"shop\",cluster=\"events\",type=\"UpToDate\"} 0",
            "weir_cluster_partitions{namespace=\"shop\",cluster=\"events\",state=\"offline\"} 1",
            "weir_cluster_brokers{namespace=\"shop\",cluster=\"events\",state=\"wanted\"} 3",
            "weir_cluster_brokers{namespace=\"shop\",cluster=\"events\",state=\"ready\"} 2",
            "weir_cluster_controller_epoch{namespace=\"shop\",cluster=\"events\"} 7",
            "weir_cluster_brokers{namespace=\"shop\",cluster=\"logs\",state=\"wanted\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("cluster_partitions{namespace=\"shop\",cluster=\"logs\""), "nothing is known of them");
        clusters.keep_only(|cluster| *cluster == key("logs"));
        let mut text = String::new();
        clusters.render(&mut text);
        assert!(!text.contains("events") && text.contains("logs"), "{text}");
    }
}
