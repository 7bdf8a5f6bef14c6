//! All nodes that run brokers are killed at once, kubelets and all, and come back: everything acknowledged is there. Their kernel goes on, so
//! this says nothing of what was not synced.

use anyhow::Context as _;
use e2e::{Acknowledged, Nodes, Place, Stage};

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let lives = stage.lives().await?;
    for node in nodes.kill_workers().await? {
        nodes.start(&node).await?;
    }
    for life in lives {
        life.is_over().await.context("its node is back")?;
    }
    stage.load.more(20).await?;
    stage.end().await
}
