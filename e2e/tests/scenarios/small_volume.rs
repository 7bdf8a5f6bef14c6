//! A broker whose volume is small and full: how such scenarios begin, and how they leave the volume.

use anyhow::Context as _;
use e2e::{Acknowledged, BrokerVolume, Stage};
use kube::api::DeleteParams;

const BROKER: i32 = 1;
/// Room for what the load writes, and little more.
const SMALL: &str = "256m";

async fn begins_anew_and_fills(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    // A volume of its own size, which is empty: it begins anew.
    let life = stage.delete_pod(BROKER, &DeleteParams::default()).await?;
    life.is_over().await.context("it starts on a small volume")?;
    stage.until_whole(3).await?;
    volume.fill().await
}

/// What comes once the volume is full ends with the cluster whole.
pub(crate) async fn once_full(
    mut stage: Stage,
    through: impl AsyncFnOnce(&mut Stage, &BrokerVolume) -> anyhow::Result<()>,
) -> anyhow::Result<Acknowledged> {
    let volume = BrokerVolume::of(&stage.place, BROKER).await?;
    volume.shrink_to(SMALL).await?;
    let gone_through = async {
        begins_anew_and_fills(&mut stage, &volume).await?;
        through(&mut stage, &volume).await
    };
    let ended = match gone_through.await {
        Ok(()) => stage.end().await,
        Err(error) => Err(error),
    };
    // The pod that has it keeps it, and what takes the volume away finds a plain folder.
    volume.unshrink().await?;
    ended
}
