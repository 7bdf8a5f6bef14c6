//! All nodes are drained at once: brokers are evicted one at a time, each when the one before is in sync again.

use anyhow::{Context as _, bail};
use e2e::{Acknowledged, Life, Place, Stage, pod_name, until_several_are_down, until_so};
use futures_util::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::EvictParams;

/// Asks as `kubectl drain` does, until the disruption budget allows it.
async fn is_evicted(place: &Place, broker: i32) -> anyhow::Result<()> {
    let pod = pod_name(broker);
    let life = Life::of(place, &pod).await?;
    let pods = place.api::<Pod>();
    let allowed = || async { pods.evict(&pod, &EvictParams::default()).await.is_ok() };
    until_so("the broker may go", allowed).await?;
    life.is_over().await.context("it is back").map(drop)
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    tokio::select! {
        evicted = try_join_all((0..3).map(|broker| is_evicted(&place, broker))) => drop(evicted?),
        down = until_several_are_down(&place) => bail!("at one time these were down: {down:?}"),
    }
    stage.load.more(20).await?;
    stage.end().await
}
