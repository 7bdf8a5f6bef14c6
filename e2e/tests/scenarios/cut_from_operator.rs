//! A broker and the operator hear nothing of each other, or only one of them hears the other, while its peers and clients reach it: it is
//! fenced and stops to lead, and is let in again when the link is mended.

use anyhow::Context as _;
use custom_resources::{Cluster, cluster::ports, cluster_status::BrokerState};
use e2e::{Acknowledged, Nodes, Place, Stage, leader_of_most, nodes, pod_name, until};

async fn is_fenced_and_let_in(stage: &mut Stage, nodes: &Nodes, broker: i32) -> anyhow::Result<()> {
    let is_fenced = |cluster: &Cluster| {
        let brokers = cluster.status.as_ref().map(|status| &status.brokers);
        brokers.into_iter().flatten().any(|known| known.id == broker && known.state == BrokerState::Fenced)
    };
    until(&stage.place, "events", "the broker is fenced", is_fenced).await?;
    stage.load.more(20).await.context("others lead")?;
    nodes.mend_links().await?;
    stage.until_whole(3).await.context("the link is mended").map(drop)
}

pub(crate) async fn cut_leader(stage: &mut Stage, nodes: &Nodes) -> anyhow::Result<()> {
    let broker = leader_of_most(stage, |_| true).await?;
    nodes::cut(&stage.place, &pod_name(broker), &[ports::CONTROL_PLANE]).await?;
    is_fenced_and_let_in(stage, nodes, broker).await
}

pub(crate) async fn run(place: Place, nodes: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    cut_leader(&mut stage, &nodes).await?;

    let broker = leader_of_most(&mut stage, |_| true).await?;
    nodes::mute(&stage.place, &pod_name(broker), &[ports::CONTROL_PLANE]).await?;
    is_fenced_and_let_in(&mut stage, &nodes, broker).await.context("the operator did not hear the broker")?;

    let broker = leader_of_most(&mut stage, |_| true).await?;
    nodes::deafen(&stage.place, &pod_name(broker), &[ports::CONTROL_PLANE]).await?;
    is_fenced_and_let_in(&mut stage, &nodes, broker).await.context("the broker did not hear the operator")?;
    stage.end().await
}
