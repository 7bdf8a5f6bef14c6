//! A broker's disk takes no more writes, and its process, which waits for them, lives: others lead before long, and those that follow it
//! nowhere wait. Once the disk goes on so does the broker, without a restart.

use crate::own_volume::{BROKER, once_there};
use anyhow::{Context as _, ensure};
use e2e::{
    Acknowledged, BrokerVolume, GIVES_UP_MS, Medium, Nodes, Place, SESSION_TIMEOUT_MS, Stage, is_fenced,
    leader_of_most,
    plugin::{DONE, weir},
    until,
};

/// A write that waits is found so late, at most.
const FOUND_MS: u64 = 2000;

async fn stalls(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    let place = stage.place.clone();
    stage.load.mark().await?;
    volume.freeze().await?;
    let others = async {
        stage.load.more(20).await.context("others lead")?;
        until(&place, "events", "the broker is fenced", |cluster| is_fenced(cluster, BROKER)).await
    };
    let others = others.await;
    volume.thaw().await?;
    others?;
    let gap = stage.load.longest_gap().await?;
    let allowed = FOUND_MS + 2 * SESSION_TIMEOUT_MS + GIVES_UP_MS;
    ensure!(gap < allowed, "a disk took no writes, and a partition waited for {gap} ms");
    stage.until_whole(3).await.context("the disk takes writes again").map(drop)
}

async fn stalls_while_it_leads(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    let life = stage.life(BROKER).await?;
    for time in ["once", "once more"] {
        // It was away, and leads nothing.
        weir(&stage.place, "move-leaders events --preferred", DONE).await?;
        leader_of_most(stage, |broker| broker == BROKER).await?;
        stalls(stage, volume).await.context(time)?;
    }
    ensure!(life.goes_on().await?, "the broker was restarted");
    stage.load.more(20).await
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    once_there(Stage::begin(place).await?, Medium::Device("512M"), stalls_while_it_leads).await
}
