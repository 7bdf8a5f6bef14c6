//! A broker's volume is lost: it begins anew as the same broker and copies everything.

use anyhow::Context as _;
use e2e::{Acknowledged, Place, Stage};
use kube::api::DeleteParams;

pub(crate) async fn lose(stage: &mut Stage) -> anyhow::Result<()> {
    let life = stage.lose_volume(1).await?;
    stage.load.more(20).await.context("two brokers serve")?;
    life.is_over().await?;
    stage.until_whole(3).await.context("the broker has copied everything").map(drop)
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    lose(&mut stage).await?;
    // What was copied is what is read when it leads.
    let other = stage.delete_pod(2, &DeleteParams::default()).await?;
    stage.load.more(20).await?;
    other.is_over().await?;
    stage.end().await
}
