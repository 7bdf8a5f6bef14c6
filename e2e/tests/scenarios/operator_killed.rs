//! The operator at work is killed, then told to stop: brokers and clients go on, another one decides.

use anyhow::{Context as _, ensure};
use custom_resources::Topic;
use e2e::{Acknowledged, AtWork, Life, Nodes, Place, Stage, UNTOUCHED_MS};
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Time};
use kube::api::DeleteParams;

/// Since when a topic is ready, as its resource tells.
async fn ready_since(stage: &Stage) -> anyhow::Result<Option<Time>> {
    let topic = stage.place.api::<Topic>().get("load-librdkafka").await.context("find a topic")?;
    let mut conditions = topic.status.into_iter().flat_map(|status| status.conditions);
    let ready = conditions.find(|condition| condition.type_ == "Ready" && condition.status == "True");
    Ok(ready.map(|condition| condition.last_transition_time))
}

/// The epoch rises while no partition waits, and no topic is said not to be ready; and what is decided next is decided by the new one.
async fn is_replaced(stage: &mut Stage, before: Option<i64>) -> anyhow::Result<()> {
    let ready = ready_since(stage).await?;
    ensure!(ready.is_some(), "a topic is not ready");
    stage.until_taken_over(before).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "without an operator a partition waited for {gap} ms");
    let broker = stage.kill(0).await?;
    stage.load.more(20).await.context("a broker is killed right after")?;
    broker.is_over().await?;
    stage.until_whole(3).await?;
    let now = ready_since(stage).await?;
    ensure!(now == ready, "a topic that was ready since {ready:?} is since {now:?}");
    Ok(())
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
