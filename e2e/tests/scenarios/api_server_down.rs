//! The API server is down for longer than any lease or session: produce and consume go on, no broker is restarted for it.

use anyhow::{Context as _, ensure};
use e2e::{Acknowledged, BROKERS, Nodes, Place, Stage, UNTOUCHED_MS, pod_name, restarts};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;

async fn all_restarts(place: &Place) -> anyhow::Result<i32> {
    let pods = place.api::<Pod>().list(&ListParams::default().labels(BROKERS)).await.context("list brokers")?;
    Ok(pods.items.iter().map(restarts).sum())
}

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let client = stage.place.client.clone();
    let (epoch, before) = (stage.epoch().await?, all_restarts(&stage.place).await?);
    nodes.stop_api_server(&client).await?;
    stage.load.mark().await?;
    stage.load.through(20).await?;
    let gap = stage.load.longest_gap().await?;
    nodes.start_api_server(&client).await?;
    ensure!(gap < UNTOUCHED_MS, "without an API server a partition waited for {gap} ms");
    stage.until_taken_over(epoch).await?;
    let broker = stage.kill(1).await?;
    stage.load.more(20).await.with_context(|| format!("{} is killed once it is back", pod_name(1)))?;
    broker.is_over().await?;
    stage.until_whole(3).await?;
    let after = all_restarts(&stage.place).await?;
    ensure!(after == before + 1, "brokers restarted {} times, once for a reason", after - before);
    stage.end().await
}
