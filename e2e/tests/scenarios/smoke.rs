//! From `kubectl apply` to a cluster that heals, scales, is quiet, and comes back with its records.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic};
use e2e::{
    Acknowledged, BOOTSTRAP, CLUSTER, Nodes, Place, SESSION_TIMEOUT_MS, Stage, consume, operator, produce, topic,
    until_gone, until_so, until_topic, until_whole,
};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PersistentVolumeClaim};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};

/// Renewals of the operator's lease, one a second, in which a converged cluster must not make it write.
const QUIET_RENEWALS: usize = 15;

async fn clients_inside_come_in(place: &Place) -> anyhow::Result<Vec<String>> {
    place.apply::<Topic>(&topic("orders", 3)).await?;
    until_topic(place, "orders", 3).await?;
    let records: Vec<_> = (100..150).map(|number| format!("order-{number}")).collect();
    produce(place, BOOTSTRAP, "orders", &records).await.context("produce inside")?;
    Ok(records)
}

async fn are_there(place: &Place, records: &[String]) -> anyhow::Result<()> {
    let mut read = consume(place, BOOTSTRAP, "orders").await.context("consume inside")?;
    // What the client says beside the records is in its log, too.
    read.retain(|line| line.starts_with("order-"));
    read.sort();
    ensure!(read == records, "these were read: {read:?}");
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

async fn comes_back_with_its_records(place: &Place, records: &[String]) -> anyhow::Result<()> {
    let id = |cluster: &Cluster| cluster.status.as_ref().and_then(|status| status.cluster_id.clone());
    let before = id(&until_whole(place, 3).await?);
    let uid = place.api::<StatefulSet>().get("events").await?.uid().context("the set has a UID")?;
    place.api::<Cluster>().delete("events", &DeleteParams::foreground()).await.context("delete the cluster")?;
    until_gone::<StatefulSet>(place, "events", &uid).await?;
    let volumes = place.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    ensure!(volumes.items.len() == 4, "volumes stay, that of a broker that went too: {}", volumes.items.len());
    place.apply::<Cluster>(CLUSTER).await?;
    let after = id(&until_whole(place, 3).await?);
    ensure!(before == after, "the cluster is another: {before:?}, now {after:?}");
    // The Service is another one. Its address and its endpoints reach names and nodes a little later: clients come again.
    let is_found = || async { consume(place, BOOTSTRAP, "orders").await.is_ok() };
    until_so("clients inside find it again", is_found).await?;
    are_there(place, records).await.context("after the cluster was deleted and applied again")
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let records = clients_inside_come_in(&place).await?;
    are_there(&place, &records).await?;
    heals(&mut stage).await.context("lose a broker")?;
    scales(&mut stage).await?;
    operator::writes_nothing(&place.client, QUIET_RENEWALS).await.context("be quiet")?;
    let acknowledged = stage.end().await?;
    comes_back_with_its_records(&place, &records).await?;
    Ok(acknowledged)
}
