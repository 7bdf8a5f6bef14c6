//! A broker's volume is full: its replicas fall behind and the others go on without them. With room again it catches up by itself.

use crate::own_volume::once_full;
use anyhow::Context as _;
use e2e::{Acknowledged, BrokerVolume, Nodes, Place, Stage, lacks_replicas, until};

async fn has_room_again(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    until(&stage.place, "events", "replicas on it are out of sync", lacks_replicas).await?;
    stage.load.more(20).await.context("the volume is full")?;
    volume.make_room().await?;
    stage.until_whole(3).await.context("there is room again")?;
    stage.load.more(20).await
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    once_full(Stage::begin(place).await?, has_room_again).await
}
