//! A broker that leads stands still past its session, as one does whose disk takes no write: others lead. When it goes on it finds
//! that out before anything that it had in hand counts.

use anyhow::Context as _;
use e2e::{Acknowledged, Nodes, Place, Stage, leader_of_most, nodes::signal, pod_name};

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    for _ in 0..2 {
        let broker = leader_of_most(&mut stage, |_| true).await?;
        signal(&place, &pod_name(broker), "weir-broker", "STOP").await?;
        let others = stage.load.more(20).await;
        // Also where that failed: the next scenario needs it no more, but people who look do.
        signal(&place, &pod_name(broker), "weir-broker", "CONT").await?;
        others.with_context(|| format!("broker {broker} stands still, others lead"))?;
        stage.until_whole(3).await.with_context(|| format!("broker {broker} goes on"))?;
    }
    stage.end().await
}
