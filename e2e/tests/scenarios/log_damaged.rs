//! A broker is killed, and the ends of its logs are damaged before it starts: what others have it takes from them.

use anyhow::Context as _;
use e2e::{Acknowledged, BrokerVolume, Nodes, Place, Stage, leader_of_most};
use kube::api::DeleteParams;

pub(crate) async fn damage_leader(stage: &mut Stage, nodes: &Nodes) -> anyhow::Result<i32> {
    let broker = leader_of_most(stage, |_| true).await?;
    let volume = BrokerVolume::of(&stage.place, broker).await?;
    // Nobody starts it anew meanwhile.
    nodes.stop_kubelet(&volume.node).await?;
    let life = stage.kill(broker).await?;
    let damaged = volume.damage_logs().await;
    nodes.start_kubelet(&volume.node).await?;
    damaged?;
    stage.load.more(20).await.context("others lead")?;
    life.is_over().await.context("it starts over damaged logs")?;
    stage.until_whole(3).await.context("it has what the others have")?;
    Ok(broker)
}

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let broker = damage_leader(&mut stage, &nodes).await?;
    // What it took is what is read when it leads.
    for other in (0..3).filter(|id| *id != broker) {
        let life = stage.delete_pod(other, &DeleteParams::default()).await?;
        stage.load.more(20).await?;
        life.is_over().await?;
        stage.until_whole(3).await?;
    }
    stage.end().await
}
