//! A node falls silent: its broker is fenced after its session, long before Kubernetes gives up the node, and is let in again when the
//! node is back.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, cluster_status::BrokerState};
use e2e::{Acknowledged, GIVES_UP_MS, Nodes, Place, SESSION_TIMEOUT_MS, Stage, leader_of_most, nodes, pod_name, until};
use k8s_openapi::api::core::v1::Pod;

fn is_fenced(cluster: &Cluster, id: i32) -> bool {
    let brokers = cluster.status.as_ref().map(|status| &status.brokers);
    brokers.into_iter().flatten().any(|broker| broker.id == id && broker.state == BrokerState::Fenced)
}

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let broker = leader_of_most(&mut stage, |_| true).await?;
    let node = nodes::node_of(&place.api::<Pod>().get(&pod_name(broker)).await?)?;
    stage.load.mark().await?;
    nodes.pause(&node).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    until(&place, "events", "the broker is fenced", |cluster: &Cluster| is_fenced(cluster, broker)).await?;
    nodes.unpause(&node).await?;
    let allowed = SESSION_TIMEOUT_MS + GIVES_UP_MS + SESSION_TIMEOUT_MS;
    ensure!(gap < allowed, "node {node} was silent, and a partition waited for {gap} ms");
    stage.until_whole(3).await.context("the node is back")?;
    stage.end().await
}
