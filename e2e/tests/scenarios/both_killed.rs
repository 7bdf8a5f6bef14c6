//! The operator at work and the broker that leads most are killed together, at whatever step of a decision that is: the next operator
//! decides what is left of it, once, and nothing that was acknowledged is lost.

use anyhow::Context as _;
use e2e::{Acknowledged, AtWork, Nodes, Place, Stage, leader_of_most, operator, until_gone};
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, api::DeleteParams};

const TIMES: usize = 3;

pub(crate) async fn kill(stage: &mut Stage) -> anyhow::Result<()> {
    let client = stage.place.client.clone();
    let (at_work, epoch) = (AtWork::find(&client).await?, stage.epoch().await?);
    let pods = at_work.place.api::<Pod>();
    let uid = pods.get(&at_work.pod).await.context("find the operator")?.uid().unwrap_or_default();
    let broker = leader_of_most(stage, |_| true).await?;
    let (life, _) = tokio::try_join!(stage.kill(broker), at_work.signal("KILL"))?;
    stage.until_taken_over(epoch).await?;
    stage.load.more(20).await.with_context(|| format!("broker {broker} and its operator were killed"))?;
    life.is_over().await?;
    // A pod whose program ends often is started again later and later.
    pods.delete(&at_work.pod, &DeleteParams::default()).await.context("replace the operator's pod")?;
    until_gone::<Pod>(&at_work.place, &at_work.pod, &uid).await?;
    operator::until_ready(&client, 2).await?;
    stage.until_whole(3).await.map(drop)
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    for _ in 0..TIMES {
        kill(&mut stage).await?;
    }
    stage.end().await
}
