//! `kill -9` of each broker: others lead as soon as its connections break, and it comes back.

use anyhow::ensure;
use e2e::{Acknowledged, Nodes, Place, SESSION_TIMEOUT_MS, Stage, leader_of_most};

async fn kill(stage: &mut Stage, broker: i32) -> anyhow::Result<()> {
    stage.load.mark().await?;
    let life = stage.kill(broker).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < SESSION_TIMEOUT_MS, "broker {broker} was killed, and {gap} ms went by as if it had been silent");
    life.is_over().await?;
    stage.until_whole(3).await.map(drop)
}

pub(crate) async fn kill_leader(stage: &mut Stage) -> anyhow::Result<()> {
    let broker = leader_of_most(stage, |_| true).await?;
    kill(stage, broker).await
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    for broker in 0..3 {
        kill(&mut stage, broker).await?;
    }
    stage.end().await
}
