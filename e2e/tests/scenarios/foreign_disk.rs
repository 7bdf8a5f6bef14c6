//! A broker finds a volume that says it is of another broker: it refuses to start, touches nothing and says why. The others go on.

use anyhow::{Context as _, ensure};
use e2e::{Acknowledged, BrokerVolume, Life, Nodes, Place, Stage, pod_name, restarts, until};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, LogParams};

const BROKER: i32 = 1;
const OTHER: i32 = 7;

async fn is_refused(stage: &mut Stage) -> anyhow::Result<()> {
    stage.delete_pod(BROKER, &DeleteParams::default()).await?;
    let has_ended = |pod: &Pod| pod.metadata.deletion_timestamp.is_none() && restarts(pod) > 0;
    until::<Pod>(&stage.place, &pod_name(BROKER), "it ends by itself", has_ended).await?;
    let previous = LogParams { previous: true, ..LogParams::default() };
    let told = stage.place.api::<Pod>().logs(&pod_name(BROKER), &previous).await.context("read why it ended")?;
    ensure!(told.contains(&format!("broker {OTHER}")), "it does not say whose the volume is: {told}");
    stage.load.more(20).await.context("two brokers serve")
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let volume = BrokerVolume::of(&place, BROKER).await?;
    volume.renumber(OTHER).await?;
    let refused = is_refused(&mut stage).await;
    let life = Life::of(&place, &pod_name(BROKER)).await?;
    volume.renumber(BROKER).await?;
    refused?;
    life.is_over().await.context("the volume is its own again")?;
    stage.until_whole(3).await?;
    stage.end().await
}
