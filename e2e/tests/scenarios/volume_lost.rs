//! A broker's volume is lost: it begins anew as the same broker and copies everything.

use anyhow::Context as _;
use e2e::{Acknowledged, Place, Stage, until_gone};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{ResourceExt as _, api::DeleteParams};

const VOLUME: &str = "data-events-1";

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let claims = place.api::<PersistentVolumeClaim>();
    let uid = claims.get(VOLUME).await.context("find the volume")?.uid().context("the volume has a UID")?;
    claims.delete(VOLUME, &DeleteParams::background()).await.context("delete the volume")?;
    let life = stage.delete_pod(1, &DeleteParams::default()).await?;
    until_gone::<PersistentVolumeClaim>(&place, VOLUME, &uid).await?;
    stage.load.more(20).await.context("two brokers serve")?;
    life.is_over().await?;
    stage.until_whole(3).await.context("the broker has copied everything")?;
    // What was copied is what is read when it leads.
    let other = stage.delete_pod(2, &DeleteParams::default()).await?;
    stage.load.more(20).await?;
    other.is_over().await?;
    stage.end().await
}
