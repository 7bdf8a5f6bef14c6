//! Somebody deletes the definitions of all kinds, and every Cluster and Topic with them. Once they are installed and applied again, the
//! volumes that stayed make the same cluster of them.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic, topic::ADOPT_ANNOTATION};
use e2e::{Acknowledged, BROKERS, CLUSTER, LIMIT, Orders, Place, Stage, topic, until_so};
use k8s_openapi::{
    api::core::v1::Pod, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams},
    runtime::wait::{
        await_condition,
        conditions::{is_crd_established, is_deleted},
    },
};
use tokio::time::timeout;

type Definitions = Api<CustomResourceDefinition>;

/// As they were installed, less what only counts for the objects that there were.
async fn installed(definitions: &Definitions) -> anyhow::Result<Vec<CustomResourceDefinition>> {
    let all = definitions.list(&ListParams::default()).await.context("list the definitions")?.items;
    let mut ours: Vec<_> = all.into_iter().filter(|definition| definition.spec.group == Cluster::group(&())).collect();
    for definition in &mut ours {
        definition.status = None;
        definition.metadata = ObjectMeta {
            name: definition.metadata.name.take(),
            labels: definition.metadata.labels.take(),
            annotations: definition.metadata.annotations.take(),
            ..ObjectMeta::default()
        };
    }
    ensure!(ours.len() == 4, "there are {} kinds", ours.len());
    Ok(ours)
}

async fn delete(definitions: &Definitions, ours: &[CustomResourceDefinition]) -> anyhow::Result<()> {
    for definition in ours {
        let name = definition.name_any();
        let uid = definitions.get(&name).await.with_context(|| format!("find {name}"))?.uid().unwrap_or_default();
        definitions.delete(&name, &DeleteParams::default()).await.with_context(|| format!("delete {name}"))?;
        let gone = await_condition(definitions.clone(), &name, is_deleted(&uid));
        timeout(LIMIT, gone).await.with_context(|| format!("{name} is still there"))??;
    }
    Ok(())
}

async fn install(definitions: &Definitions, ours: &[CustomResourceDefinition]) -> anyhow::Result<()> {
    for definition in ours {
        let name = definition.name_any();
        let parameters = PatchParams::apply("e2e").force();
        let installed = definitions.patch(&name, &parameters, &Patch::Apply(definition)).await;
        installed.with_context(|| format!("install {name}"))?;
        let served = await_condition(definitions.clone(), &name, is_crd_established());
        timeout(LIMIT, served).await.with_context(|| format!("{name} is not served"))??;
    }
    Ok(())
}

/// Names of what is not there are not found for a moment after it was installed.
async fn until_applied(place: &Place) -> anyhow::Result<()> {
    until_so("the cluster is applied", || async { place.apply::<Cluster>(CLUSTER).await.is_ok() }).await?;
    let mut orders: serde_json::Value = serde_yaml::from_str(&topic(Orders::TOPIC, Orders::PARTITIONS))?;
    orders["metadata"]["annotations"] = serde_json::json!({ ADOPT_ANNOTATION: "true" });
    let orders = orders.to_string();
    until_so("the topic is applied", || async { place.apply::<Topic>(&orders).await.is_ok() }).await
}

/// Clusters of others would go, too.
async fn are_no_others(place: &Place) -> anyhow::Result<()> {
    let all = Api::<Cluster>::all(place.client.clone()).list(&ListParams::default()).await.context("list clusters")?;
    let others: Vec<_> =
        all.iter().filter_map(ResourceExt::namespace).filter(|found| *found != place.namespace).collect();
    ensure!(others.is_empty(), "there are clusters in {others:?}");
    Ok(())
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    are_no_others(&place).await?;
    let stage = Stage::begin(place.clone()).await?;
    let orders = Orders::write(&place).await?;
    let acknowledged = stage.end().await?;

    let definitions = Api::all(place.client.clone());
    let ours = installed(&definitions).await?;
    let deleted = delete(&definitions, &ours).await;
    let brokers = ListParams::default().labels(BROKERS);
    let are_gone = || async { place.api::<Pod>().list(&brokers).await.is_ok_and(|pods| pods.items.is_empty()) };
    let gone = until_so("the brokers are gone with their Cluster", are_gone).await;
    // Whatever came of it, others need the definitions.
    install(&definitions, &ours).await?;
    deleted.and(gone)?;
    until_applied(&place).await?;
    orders.are_of_the_same_cluster(&place).await?;
    Ok(acknowledged)
}
