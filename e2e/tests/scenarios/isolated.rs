//! A broker that leads is cut off from the operator and its peers, and clients still reach it: it acknowledges nothing that the others
//! lack, and they lead.

use anyhow::Context as _;
use custom_resources::cluster::ports;
use e2e::{Acknowledged, Nodes, Place, Stage, leader_of_most, nodes, pod_name};

pub(crate) async fn isolate_leader(stage: &mut Stage, nodes: &Nodes) -> anyhow::Result<()> {
    let broker = leader_of_most(stage, |_| true).await?;
    nodes::cut(&stage.place, &pod_name(broker), &[ports::CONTROL_PLANE, ports::REPLICATION]).await?;
    stage.load.more(20).await.with_context(|| format!("broker {broker} is cut off, others lead"))?;
    nodes.mend_links().await?;
    stage.until_whole(3).await.context("the links are mended").map(drop)
}

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    for _ in 0..2 {
        isolate_leader(&mut stage, &nodes).await?;
    }
    stage.end().await
}
