//! A broker finds a volume that says it is of another broker: it refuses to start, touches nothing and says why. The others go on.

use anyhow::Context as _;
use e2e::{Acknowledged, BrokerVolume, Life, Nodes, Place, Stage, pod_name, restarts, until, until_so};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, LogParams};

const BROKER: i32 = 1;
const OTHER: i32 = 7;

async fn is_refused(stage: &mut Stage) -> anyhow::Result<()> {
    stage.delete_pod(BROKER, &DeleteParams::default()).await?;
    let has_ended = |pod: &Pod| pod.metadata.deletion_timestamp.is_none() && restarts(pod) > 0;
    until::<Pod>(&stage.place, &pod_name(BROKER), "it ends by itself", has_ended).await?;
    // The kubelet removes an ended container once the next one has ended: what it said may be gone just then.
    let name = pod_name(BROKER);
    let says_why = || async {
        let previous = LogParams { previous: true, ..LogParams::default() };
        let told = stage.place.api::<Pod>().logs(&name, &previous).await;
        told.is_ok_and(|told| told.contains(&format!("broker {OTHER}")))
    };
    until_so("it says whose the volume is", says_why).await?;
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
