//! The API server stands still again and again, for less than a lease lasts: produce and consume go on, and the operator decides as
//! before afterwards.

use anyhow::{Context as _, ensure};
use e2e::{Acknowledged, Nodes, Place, Stage, UNTOUCHED_MS};

/// Each of about two seconds, less than what an operator at work waits for its lease.
const PAUSES: u32 = 6;

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    stage.load.mark().await?;
    for _ in 0..PAUSES {
        nodes.pause_api_server().await?;
        stage.load.through(2).await?;
        nodes.unpause_api_server().await?;
        stage.load.through(1).await?;
    }
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "the API server was slow, and a partition waited for {gap} ms");
    let broker = stage.kill(1).await?;
    stage.load.more(20).await.context("a broker is killed afterwards")?;
    broker.is_over().await?;
    stage.until_whole(3).await?;
    stage.end().await
}
