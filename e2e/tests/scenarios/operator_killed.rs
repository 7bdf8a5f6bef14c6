//! The operator at work is killed, then told to stop: brokers and clients go on, another one decides.

use anyhow::{Context as _, ensure};
use e2e::{Acknowledged, AtWork, Life, Nodes, Place, Stage, UNTOUCHED_MS};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;

/// The epoch rises while no partition waits; and what is decided next is decided by the new one.
async fn is_replaced(stage: &mut Stage, before: Option<i64>) -> anyhow::Result<()> {
    stage.until_taken_over(before).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "without an operator a partition waited for {gap} ms");
    let broker = stage.kill(0).await?;
    stage.load.more(20).await.context("a broker is killed right after")?;
    broker.is_over().await?;
    stage.until_whole(3).await.map(drop)
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let client = stage.place.client.clone();

    let (operator, epoch) = (AtWork::find(&client).await?, stage.epoch().await?);
    let life = Life::of(&operator.place, &operator.pod).await?;
    stage.load.mark().await?;
    operator.signal("KILL").await?;
    is_replaced(&mut stage, epoch).await.context("after the operator was killed")?;
    life.is_over().await?;

    let (operator, epoch) = (AtWork::find(&client).await?, stage.epoch().await?);
    stage.load.mark().await?;
    operator.place.api::<Pod>().delete(&operator.pod, &DeleteParams::default()).await.context("delete its pod")?;
    is_replaced(&mut stage, epoch).await.context("after the operator was told to stop")?;
    stage.end().await
}
