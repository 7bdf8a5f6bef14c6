//! The API server refuses whatever the operator asks (403), past its lease: produce and consume go on, no broker is restarted for it,
//! and once it is served again an operator decides.

use anyhow::{Context as _, ensure};
use e2e::{Acknowledged, Place, Stage, UNTOUCHED_MS, permissions};

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let client = stage.place.client.clone();
    let epoch = stage.epoch().await?;
    permissions::refuse_operator(&client).await?;
    stage.load.mark().await?;
    stage.load.through(20).await?;
    let gap = stage.load.longest_gap().await?;
    permissions::serve_operator(&client).await?;
    ensure!(gap < UNTOUCHED_MS, "the operator was refused everything, and a partition waited for {gap} ms");
    stage.until_taken_over(epoch).await.context("an operator has the lease again")?;
    let broker = stage.delete_pod(1, &kube::api::DeleteParams::default()).await?;
    stage.load.more(20).await.context("what is decided then")?;
    broker.is_over().await?;
    stage.until_whole(3).await?;
    stage.end().await
}
