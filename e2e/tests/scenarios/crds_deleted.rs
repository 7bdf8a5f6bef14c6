//! Somebody deletes the definitions of all kinds, and every Cluster and Topic with them. Once they are installed and applied again, the
//! volumes that stayed make the same cluster of them.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic, topic::ADOPT_ANNOTATION};
use e2e::{
    Acknowledged, BROKERS, CLUSTER, LIMIT, Orders, Place, Stage, cluster_id, topic, topic_id, until_so, until_topic,
    until_whole,
};
use k8s_openapi::{
    api::core::v1::Pod, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
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
        definitions.create(&PostParams::default(), definition).await.with_context(|| format!("install {name}"))?;
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

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let stage = Stage::begin(place.clone()).await?;
    let orders = Orders::write(&place).await?;
    let acknowledged = stage.end().await?;
    let before = until_whole(&place, 3).await?;
    let topic = until_topic(&place, Orders::TOPIC, Orders::PARTITIONS).await?;

    let definitions = Api::all(place.client.clone());
    let ours = installed(&definitions).await?;
    delete(&definitions, &ours).await?;
    let brokers = ListParams::default().labels(BROKERS);
    let are_gone = || async { place.api::<Pod>().list(&brokers).await.is_ok_and(|pods| pods.items.is_empty()) };
    until_so("the brokers are gone with their Cluster", are_gone).await?;
    install(&definitions, &ours).await?;
    until_applied(&place).await?;

    let after = until_whole(&place, 3).await?;
    let ids = [&before, &after].map(cluster_id);
    ensure!(ids[0] == ids[1], "the cluster is another: {ids:?}");
    let again = until_topic(&place, Orders::TOPIC, Orders::PARTITIONS).await?;
    ensure!(topic_id(&topic) == topic_id(&again), "the topic is another: {:?}", topic_id(&again));
    orders.are_found_again(&place).await?;
    Ok(acknowledged)
}
