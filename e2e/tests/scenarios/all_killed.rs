//! All brokers are killed at once: what they acknowledged is there when they are back.

use e2e::{Acknowledged, Nodes, Place, Stage};

pub(crate) async fn kill(stage: &mut Stage) -> anyhow::Result<()> {
    let lives = futures_util::future::try_join_all((0..3).map(|broker| stage.kill(broker))).await?;
    for life in lives {
        life.is_over().await?;
    }
    stage.load.more(20).await
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    kill(&mut stage).await?;
    stage.end().await
}
