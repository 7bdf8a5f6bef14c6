//! Objects of the cluster that people delete are made again. Brokers run on, but where their StatefulSet takes them along.

use anyhow::{Context as _, ensure};
use e2e::{Acknowledged, Life, Place, Stage, UNTOUCHED_MS, pod_name, until};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, Secret, Service, ServiceAccount},
        policy::v1::PodDisruptionBudget,
    },
};
use kube::{Resource, ResourceExt as _, api::DeleteParams};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

async fn is_made_again<K>(place: &Place, name: &str, deletion: &DeleteParams) -> anyhow::Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let before = place.api::<K>().get(name).await.with_context(|| format!("find {name}"))?.uid();
    place.api::<K>().delete(name, deletion).await.with_context(|| format!("delete {name}"))?;
    until::<K>(place, name, "it is made again", |object| object.uid() != before).await.map(drop)
}

async fn node_port(place: &Place, service: &str) -> anyhow::Result<Option<i32>> {
    let found = place.api::<Service>().get(service).await.with_context(|| format!("find {service}"))?;
    Ok(found.spec.and_then(|spec| spec.ports?.into_iter().next()?.node_port))
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let background = DeleteParams::background();
    stage.load.mark().await?;
    is_made_again::<StatefulSet>(&place, "events", &DeleteParams::orphan()).await?;
    is_made_again::<Service>(&place, "events-internal-bootstrap", &background).await?;
    is_made_again::<ConfigMap>(&place, "events-broker-config", &background).await?;
    is_made_again::<ServiceAccount>(&place, "events-broker", &background).await?;
    is_made_again::<PodDisruptionBudget>(&place, "events-brokers", &background).await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "objects were deleted, and a partition waited for {gap} ms");

    // Secrets are not watched, for the right to watch them would be one to read all: it is made again when a pod needs it.
    place.api::<Secret>().delete("events-session", &background).await.context("delete the secret")?;
    let life = stage.delete_pod(1, &DeleteParams::default()).await?;
    life.is_over().await.context("a broker is up again that needs the secret")?;
    stage.until_whole(3).await?;

    is_made_again::<Service>(&place, "events-brokers", &background).await?;
    stage.until_whole(3).await.context("after the service that names brokers was deleted")?;

    // Clients have the port of the one in their configuration, and brokers tell those of the others.
    for service in ["events-external-bootstrap", "events-external-1"] {
        let before = node_port(&place, service).await?;
        is_made_again::<Service>(&place, service, &background).await?;
        let after = node_port(&place, service).await?;
        ensure!(before == after, "{service} had port {before:?} of nodes and has {after:?}");
    }
    stage.load.more(20).await.context("after services for clients outside were deleted")?;

    let life = Life::of(&place, &pod_name(0)).await?;
    is_made_again::<StatefulSet>(&place, "events", &background).await?;
    life.is_over().await.context("the brokers went with their set and are back")?;
    stage.load.more(20).await?;
    stage.end().await
}
