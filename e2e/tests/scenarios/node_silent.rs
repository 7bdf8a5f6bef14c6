//! A node falls silent: its broker is fenced after its session, long before Kubernetes gives up the node, and is let in again when the
//! node is back. So it is where the operator at work falls silent with it: then another one takes over first.

use anyhow::{Context as _, ensure};
use custom_resources::Cluster;
use e2e::{
    Acknowledged, AtWork, GIVES_UP_MS, LEASE_MS, Nodes, Place, SESSION_TIMEOUT_MS, Stage, is_fenced, leader_of_most,
    nodes::node_of, pod_name, until,
};
use k8s_openapi::api::core::v1::Pod;
use std::collections::BTreeMap;

async fn node(place: &Place, pod: &str) -> anyhow::Result<String> {
    node_of(&place.api::<Pod>().get(pod).await.with_context(|| format!("find {pod}"))?)
}

async fn falls_silent(
    stage: &mut Stage,
    nodes: &Nodes,
    with_the_operator: bool,
    allowed_ms: u64,
) -> anyhow::Result<()> {
    let operator = AtWork::find(&stage.place.client).await?;
    let operators = node(&operator.place, &operator.pod).await?;
    let mut at = BTreeMap::new();
    for broker in 0..3 {
        at.insert(broker, node(&stage.place, &pod_name(broker)).await?);
    }
    let may_be = |broker| at.get(&broker).is_some_and(|node| (*node == operators) == with_the_operator);
    let broker = leader_of_most(stage, may_be).await?;
    let node = at.remove(&broker).context("the broker is on a node")?;
    stage.load.mark().await?;
    nodes.pause(&node).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    until(&stage.place, "events", "the broker is fenced", |cluster: &Cluster| is_fenced(cluster, broker)).await?;
    nodes.unpause(&node).await?;
    ensure!(gap < allowed_ms, "node {node} was silent, and a partition waited for {gap} ms");
    stage.until_whole(3).await.context("the node is back").map(drop)
}

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let allowed = SESSION_TIMEOUT_MS + GIVES_UP_MS + SESSION_TIMEOUT_MS;
    falls_silent(&mut stage, &nodes, false, allowed).await.context("a broker alone")?;
    falls_silent(&mut stage, &nodes, true, LEASE_MS + allowed).await.context("with the operator at work")?;
    stage.end().await
}
