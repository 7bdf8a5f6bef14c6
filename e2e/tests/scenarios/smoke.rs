//! From `kubectl apply` to a cluster that heals, scales, is quiet, and comes back with its records.

use anyhow::{Context as _, ensure};
use custom_resources::Cluster;
use e2e::{
    Acknowledged, CLUSTER, Nodes, Orders, Place, SESSION_TIMEOUT_MS, Stage, cluster_id, operator, until_gone,
    until_whole,
};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PersistentVolumeClaim};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};

/// Renewals of the operator's lease, one a second, in which a converged cluster must not make it write.
const QUIET_RENEWALS: usize = 15;

/// Topics that were applied with the cluster are led by all of its brokers.
async fn is_balanced(stage: &mut Stage) -> anyhow::Result<()> {
    let leaders = stage.load.leaders().await?;
    ensure!(leaders.len() == 3, "partitions that each broker leads: {leaders:?}");
    Ok(())
}

async fn heals(stage: &mut Stage) -> anyhow::Result<()> {
    stage.load.mark().await?;
    let life = stage.kill(1).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < SESSION_TIMEOUT_MS, "a broker was killed, and a partition waited for {gap} ms");
    life.is_over().await?;
    stage.until_whole(3).await.map(drop)
}

async fn scales(stage: &mut Stage) -> anyhow::Result<()> {
    for brokers in [4, 3] {
        stage.scale(brokers).await?;
        stage.until_whole(brokers).await?;
        stage.load.more(20).await.with_context(|| format!("with {brokers} brokers"))?;
    }
    Ok(())
}

async fn comes_back_with_its_records(place: &Place, orders: &Orders) -> anyhow::Result<()> {
    let before = cluster_id(&until_whole(place, 3).await?);
    let uid = place.api::<StatefulSet>().get("events").await?.uid().context("the set has a UID")?;
    place.api::<Cluster>().delete("events", &DeleteParams::foreground()).await.context("delete the cluster")?;
    until_gone::<StatefulSet>(place, "events", &uid).await?;
    let volumes = place.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    ensure!(volumes.items.len() == 4, "volumes stay, that of a broker that went too: {}", volumes.items.len());
    place.apply::<Cluster>(CLUSTER).await?;
    let after = cluster_id(&until_whole(place, 3).await?);
    ensure!(before == after, "the cluster is another: {before:?}, now {after:?}");
    orders.are_found_again(place).await.context("after the cluster was deleted and applied again")
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    is_balanced(&mut stage).await?;
    let orders = Orders::write(&place).await?;
    orders.are_there(&place).await?;
    heals(&mut stage).await.context("lose a broker")?;
    scales(&mut stage).await?;
    operator::writes_nothing(&place.client, QUIET_RENEWALS).await.context("be quiet")?;
    let acknowledged = stage.end().await?;
    comes_back_with_its_records(&place, &orders).await?;
    Ok(acknowledged)
}
