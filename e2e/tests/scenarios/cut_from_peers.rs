//! A broker is cut off from its peers alone, and the operator hears all: it cannot have anything acknowledged by all that are in sync,
//! and says so to those who wait, until it is reached again. Nobody takes its partitions from it, for it is alive.

use anyhow::Context as _;
use custom_resources::cluster::ports;
use e2e::{Acknowledged, Nodes, Place, Stage, lacks_replicas, leader_of_most, nodes, pod_name, until};

pub(crate) async fn cut_leader(stage: &mut Stage, nodes: &Nodes) -> anyhow::Result<()> {
    let broker = leader_of_most(stage, |_| true).await?;
    nodes::cut(&stage.place, &pod_name(broker), &[ports::REPLICATION]).await?;
    until(&stage.place, "events", "replicas are out of sync", lacks_replicas).await?;
    nodes.mend_links().await?;
    stage.load.more(20).await.with_context(|| format!("broker {broker} is reached again"))?;
    stage.until_whole(3).await.map(drop)
}

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    cut_leader(&mut stage, &nodes).await?;
    stage.end().await
}
