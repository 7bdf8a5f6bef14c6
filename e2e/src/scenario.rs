//! How every scenario begins, and what it looks at.

use crate::{Place, consume, produce, until};
use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, ClusterStatus, Topic};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::collections::BTreeSet;

/// Three brokers, with nothing said that has a default.
pub const CLUSTER: &str = "
apiVersion: weir.dev/v1alpha1
kind: Cluster
metadata: {name: events}
spec: {storage: {size: 1Gi}}
";

const TOPIC: &str = "
apiVersion: weir.dev/v1alpha1
kind: Topic
metadata: {name: orders}
spec: {clusterRef: {name: events}, partitions: 6}
";

pub const BOOTSTRAP: &str = "events-internal-bootstrap:9092";

/// Whether a condition holds.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}

fn is_whole(status: &ClusterStatus, brokers: i32) -> bool {
    let all = ["Ready", "Available", "FullyReplicated", "UpToDate", "Reconciled"];
    all.iter().all(|type_| is_true(&status.conditions, type_))
        && (status.replicas, status.ready_replicas) == (brokers, brokers)
}

/// Every broker serves, and nothing is wanting.
pub async fn until_whole(place: &Place, brokers: i32) -> anyhow::Result<Cluster> {
    let what = format!("the cluster has {brokers} brokers and nothing is amiss");
    until(place, "events", &what, |cluster: &Cluster| {
        let is_seen = |status: &ClusterStatus| status.observed_generation == cluster.metadata.generation;
        cluster.status.as_ref().is_some_and(|status| is_seen(status) && is_whole(status, brokers))
    })
    .await
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub struct History {
    sent: BTreeSet<String>,
}

impl History {
    /// Fifty records, acknowledged by all in-sync replicas.
    pub async fn send(&mut self, place: &Place, what: &str) -> anyhow::Result<()> {
        let records: Vec<_> = (0..50).map(|number| format!("{what}-{number}")).collect();
        produce(place, BOOTSTRAP, "orders", &records).await.with_context(|| format!("produce {what}"))?;
        self.sent.extend(records);
        Ok(())
    }

    /// Every acknowledged record is there, once.
    pub async fn check(&self, place: &Place) -> anyhow::Result<()> {
        let read = consume(place, BOOTSTRAP, "orders").await?;
        let received: BTreeSet<_> = read.iter().filter(|line| self.sent.contains(*line)).cloned().collect();
        let lost: Vec<_> = self.sent.difference(&received).collect();
        ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        ensure!(received.len() == self.sent.len(), "read twice");
        Ok(())
    }
}

/// The cluster and the topic, with the first records in it.
pub async fn begin(place: &Place) -> anyhow::Result<History> {
    let mut history = History::default();
    place.apply::<Cluster>(CLUSTER).await?;
    place.apply::<Topic>(TOPIC).await?;
    until_whole(place, 3).await?;
    let is_ready = |topic: &Topic| topic.status.as_ref().is_some_and(|status| is_true(&status.conditions, "Ready"));
    until(place, "orders", "the topic is ready", is_ready).await?;
    history.send(place, "first").await?;
    history.check(place).await?;
    Ok(history)
}
