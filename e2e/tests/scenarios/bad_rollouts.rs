//! A roll to what cannot run stops at the first broker, and goes on from there once the spec is mended: an image that is nowhere, one of
//! another program, more cores than any node has.

use anyhow::{Context as _, ensure};
use custom_resources::Cluster;
use e2e::{Acknowledged, BROKERS, Place, Stage, is_ready, is_true, until};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use serde_json::{Value, json};

async fn that_are_down(place: &Place) -> anyhow::Result<usize> {
    let pods = place.api::<Pod>().list(&ListParams::default().labels(BROKERS)).await.context("list brokers")?;
    Ok(pods.items.iter().filter(|pod| !is_ready(pod)).count())
}

/// `field` of the spec is what cannot run, and then left out again.
async fn stops_at_the_first(stage: &mut Stage, field: &str, bad: Value) -> anyhow::Result<()> {
    let lives = stage.lives().await?;
    stage.change(json!({ field: bad })).await?;
    let stopped = |cluster: &Cluster| {
        let status = cluster.status.as_ref();
        status.is_some_and(|status| {
            status.ready_replicas == 2 && status.updated_replicas == 1 && is_true(&status.conditions, "Available")
        })
    };
    until(&stage.place, "events", "one broker cannot run, and two serve", stopped).await?;
    stage.load.through(10).await.context("two brokers serve")?;
    ensure!(that_are_down(&stage.place).await? == 1, "more than one broker is down");
    let mut touched = 0;
    for life in &lives {
        touched += usize::from(!life.goes_on().await.unwrap_or(false));
    }
    ensure!(touched == 1, "{touched} brokers were given what cannot run");

    stage.change(json!({ field: Value::Null })).await?;
    stage.until_whole(3).await.context("the spec is mended").map(drop)
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    stops_at_the_first(&mut stage, "image", json!("weir-broker:nowhere")).await.context("an image that is nowhere")?;
    stops_at_the_first(&mut stage, "image", json!("weir-operator:dev")).await.context("another program")?;
    let cores = json!({"requests": {"cpu": "1000"}});
    stops_at_the_first(&mut stage, "resources", cores).await.context("more cores than any node has")?;
    stage.end().await
}
