//! A broker's volume is full: its replicas fall behind and the others go on without them. With room again it catches up by itself.

use anyhow::Context as _;
use custom_resources::Cluster;
use e2e::{Acknowledged, BrokerVolume, Nodes, Place, Stage, is_true, until};
use kube::api::DeleteParams;

const BROKER: i32 = 1;
/// Room for what the load writes, and little more.
const SMALL: &str = "256m";

fn lacks_replicas(cluster: &Cluster) -> bool {
    let status = cluster.status.as_ref();
    status.is_some_and(|status| !is_true(&status.conditions, "FullyReplicated"))
}

async fn is_full(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    // A volume of its own size, which is empty: it begins anew.
    let life = stage.delete_pod(BROKER, &DeleteParams::default()).await?;
    life.is_over().await.context("it starts on a small volume")?;
    stage.until_whole(3).await?;
    volume.fill().await?;
    until(&stage.place, "events", "replicas on it are out of sync", lacks_replicas).await?;
    stage.load.more(20).await.context("the volume is full")?;
    volume.make_room().await?;
    stage.until_whole(3).await.context("there is room again")?;
    stage.load.more(20).await
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let volume = BrokerVolume::of(&place, BROKER).await?;
    volume.shrink_to(SMALL).await?;
    let gone_through = is_full(&mut stage, &volume).await;
    let ended = match gone_through {
        Ok(()) => stage.end().await,
        Err(error) => Err(error),
    };
    // The pod that has it keeps it, and what takes the volume away finds a plain folder.
    volume.unshrink().await?;
    ended
}
