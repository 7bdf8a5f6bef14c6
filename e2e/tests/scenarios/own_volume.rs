//! A broker on a volume of its own, on which things are done that its node's disk would not outlive: how such scenarios begin, and how
//! they leave the volume.

use anyhow::Context as _;
use e2e::{Acknowledged, BrokerVolume, Medium, Stage};
use kube::api::DeleteParams;

pub(crate) const BROKER: i32 = 1;
/// Room for what the load writes, and little more.
const SMALL: Medium = Medium::Memory("256m");

/// What comes then ends with the cluster whole.
pub(crate) async fn once_there(
    mut stage: Stage,
    medium: Medium,
    through: impl AsyncFnOnce(&mut Stage, &BrokerVolume) -> anyhow::Result<()>,
) -> anyhow::Result<Acknowledged> {
    let volume = BrokerVolume::of(&stage.place, BROKER).await?;
    volume.cover(medium).await?;
    let gone_through = async {
        // It is empty: the broker begins anew.
        let life = stage.delete_pod(BROKER, &DeleteParams::default()).await?;
        life.is_over().await.context("it starts on a volume of its own")?;
        stage.until_whole(3).await?;
        through(&mut stage, &volume).await
    };
    let ended = match gone_through.await {
        Ok(()) => stage.end().await,
        Err(error) => Err(error),
    };
    // The pod that has it keeps it, and what takes the volume away finds a plain folder.
    volume.uncover().await?;
    ended
}

/// The volume is small, and full.
pub(crate) async fn once_full(
    stage: Stage,
    through: impl AsyncFnOnce(&mut Stage, &BrokerVolume) -> anyhow::Result<()>,
) -> anyhow::Result<Acknowledged> {
    let fills = async |stage: &mut Stage, volume: &BrokerVolume| {
        volume.fill().await?;
        through(stage, volume).await
    };
    once_there(stage, SMALL, fills).await
}
