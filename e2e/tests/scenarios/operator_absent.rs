//! No operator runs: produce and consume go on, and what happens to brokers meanwhile is put right once there is one.

use anyhow::{Context as _, ensure};
use e2e::{Acknowledged, Nodes, Place, Stage, UNTOUCHED_MS, operator};

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let client = stage.place.client.clone();
    let epoch = stage.epoch().await?;
    operator::scale(&client, 0).await?;
    stage.load.mark().await?;
    stage.load.through(15).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "without an operator a partition waited for {gap} ms");
    // Nobody elects a leader for what it led.
    stage.kill(2).await?;
    operator::scale(&client, operator::OPERATORS).await?;
    stage.until_taken_over(epoch).await?;
    stage.load.more(20).await.context("there is an operator again")?;
    stage.end().await
}
