//! A broker that leads stands still past its session: others lead. When it goes on it finds
//! that out before anything that it had in hand counts.

use anyhow::Context as _;
use e2e::{Acknowledged, Nodes, Place, Stage, leader_of_most, nodes::signal, pod_name};

pub(crate) async fn freeze_leader(stage: &mut Stage) -> anyhow::Result<()> {
    let broker = leader_of_most(stage, |_| true).await?;
    signal(&stage.place, &pod_name(broker), "weir-broker", "STOP").await?;
    let others = stage.load.more(20).await;
    // Also where that failed: the next scenario needs it no more, but people who look do.
    signal(&stage.place, &pod_name(broker), "weir-broker", "CONT").await?;
    others.with_context(|| format!("broker {broker} stands still, others lead"))?;
    stage.until_whole(3).await.with_context(|| format!("broker {broker} goes on")).map(drop)
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    for _ in 0..2 {
        freeze_leader(&mut stage).await?;
    }
    stage.end().await
}
