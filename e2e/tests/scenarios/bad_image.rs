//! A roll to an image that is nowhere stops at the first broker, and goes on from there once the spec is mended.

use anyhow::{Context as _, ensure};
use custom_resources::Cluster;
use e2e::{Acknowledged, BROKERS, Place, Stage, is_true, until};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use serde_json::{Value, json};

const NOWHERE: &str = "weir-broker:nowhere";

async fn with_image(place: &Place, image: &str) -> anyhow::Result<usize> {
    let brokers = ListParams::default().labels(BROKERS);
    let pods = place.api::<Pod>().list(&brokers).await.context("list brokers")?;
    let images = pods.items.iter().filter_map(|pod| pod.spec.as_ref()?.containers.first()?.image.as_deref());
    Ok(images.filter(|found| *found == image).count())
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    stage.change(json!({"image": NOWHERE})).await?;
    let stopped = |cluster: &Cluster| {
        let status = cluster.status.as_ref();
        status.is_some_and(|status| {
            status.ready_replicas == 2 && status.updated_replicas == 1 && is_true(&status.conditions, "Available")
        })
    };
    until(&place, "events", "one broker is without an image, and two serve", stopped).await?;
    stage.load.through(10).await.context("two brokers serve")?;
    let restarted = with_image(&place, NOWHERE).await?;
    ensure!(restarted == 1, "{restarted} brokers were given an image that is nowhere");

    stage.change(json!({"image": Value::Null})).await?;
    stage.until_whole(3).await.context("the spec is mended")?;
    ensure!(with_image(&place, NOWHERE).await? == 0, "a broker was left behind");
    stage.end().await
}
