//! Somebody deletes the operator's lease: whoever is at work makes it again, and nobody decides beside it.

use anyhow::{Context as _, ensure};
use e2e::{Acknowledged, AtWork, Place, Stage, UNTOUCHED_MS, operator, until};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{ResourceExt as _, api::DeleteParams};

async fn is_made_again(at_work: &AtWork) -> anyhow::Result<()> {
    let leases = at_work.place.api::<Lease>();
    let before = leases.get(operator::OPERATOR).await.context("find the lease")?.uid();
    leases.delete(operator::OPERATOR, &DeleteParams::default()).await.context("delete the lease")?;
    let is_held = |lease: &Lease| {
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref());
        lease.uid() != before && holder == Some(&at_work.pod)
    };
    until(&at_work.place, operator::OPERATOR, "its holder makes the lease again", is_held).await.map(drop)
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place).await?;
    let client = stage.place.client.clone();
    operator::until_ready(&client, operator::OPERATORS).await.context("another one stands by")?;
    let (at_work, epoch) = (AtWork::find(&client).await?, stage.epoch().await?);
    stage.load.mark().await?;
    is_made_again(&at_work).await?;
    operator::renewals(&client, 10).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "the lease was deleted, and a partition waited for {gap} ms");
    let (now, epoch_now) = (AtWork::find(&client).await?, stage.epoch().await?);
    ensure!((&now.pod, epoch_now) == (&at_work.pod, epoch), "{} decides, of epoch {epoch_now:?}", now.pod);
    stage.end().await
}
