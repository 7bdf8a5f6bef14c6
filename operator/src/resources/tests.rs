//! Every object that a cluster gets, as golden files: `UPDATE_GOLDEN=1 cargo test -p operator` writes them again.

use super::*;
use crate::valid_cluster::{tests::cluster, tests::defaults};
use serde::Serialize;
use std::{env, fs, path::PathBuf};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/resources/golden").join(format!("{name}.yaml"))
}

fn document(object: &impl Serialize) -> String {
    format!("---\n{}", serde_yaml::to_string(object).unwrap())
}

fn render(cluster: &ValidCluster) -> String {
    let mut text = document(&stateful_set::build(cluster));
    for service in service::build_all(cluster) {
        text += &document(&service);
    }
    text += &document(&config_map::build(
        cluster,
        &broker_config::dynamic(cluster, cluster.spec.replicas).into_keys().map(str::to_owned).collect(),
    ));
    text += &document(&secret::build(cluster, "0123456789abcdef0123456789abcdef"));
    text += &document(&service_account::build(cluster));
    if let Some(budget) = pod_disruption_budget::build(cluster, 1) {
        text += &document(&budget);
    }
    text
}

fn check(name: &str, spec: &str) {
    let cluster = ValidCluster::new(&cluster(spec), &defaults()).unwrap();
    let rendered = render(&cluster);
    let path = golden(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &rendered).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(rendered == expected, "{} differs:\n{rendered}", path.display());
}

#[test]
fn objects_of_a_minimal_cluster() {
    check("minimal", "{storage: {size: 10Gi}}");
}

#[test]
fn objects_of_a_cluster_with_everything() {
    check(
        "everything",
        "{replicas: 2, image: 'weir-broker:2', storage: {size: 500Gi, storageClassName: fast, retentionPolicy: {whenDeleted: Delete, whenScaled: Delete}},
          resources: {requests: {cpu: '2', memory: 8Gi}, limits: {memory: 8Gi}},
          template: {pod: {labels: {team: payments, weir.dev/cluster: other}, annotations: {a: b}, nodeSelector: {workload: streaming},
            tolerations: [{key: streaming, operator: Exists}], priorityClassName: high, terminationGracePeriodSeconds: 120,
            topologySpreadConstraints: []}},
          rack: {topologyKey: rack}, podDisruptionBudget: {enabled: false},
          listeners: [{name: internal, port: 9092},
            {name: external, port: 9094, type: nodeport, nodePort: {bootstrapPort: 32092, firstBrokerPort: 32100}}],
          topicDefaults: {partitions: 12, replicas: 2, minInSyncReplicas: 2}, config: {log.retention.hours: 168, log.segment.bytes: 536870912}}",
    );
}
