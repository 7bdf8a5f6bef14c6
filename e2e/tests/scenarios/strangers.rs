//! A process that is no broker of the cluster wants to be one: with another token, or with the cluster's and an id that has no pod. It
//! is refused, and nobody feels it.

use anyhow::{Context as _, ensure};
use custom_resources::Cluster;
use e2e::{Acknowledged, Place, Stage, UNTOUCHED_MS, until_so};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Pod, Secret},
};
use kube::api::{DeleteParams, LogParams, PostParams};
use serde_json::{Value, json};

/// Of the StatefulSet's pods.
const TOKEN_OF_CLUSTER: &str = "events-session";
const TOKEN_OF_NOBODY: &str = "stranger";

/// A pod like a broker's, which shows this token, is called otherwise and has nothing on its disk.
fn stranger(name: &str, template: &StatefulSet, token: &str) -> anyhow::Result<Pod> {
    let template = template.spec.as_ref().map(|spec| &spec.template).context("the set has a template")?;
    let mut spec = serde_json::to_value(&template.spec)?;
    let volumes = spec["volumes"].as_array_mut().context("brokers have volumes")?;
    volumes.iter_mut().filter(|volume| volume["name"] == "session").for_each(|volume| {
        volume["secret"]["secretName"] = json!(token);
    });
    volumes.push(json!({ "name": "data", "emptyDir": {} }));
    // The one that a pod has which no StatefulSet made.
    let environment = spec["containers"][0]["env"].as_array_mut().context("brokers have variables")?;
    environment.retain(|variable| variable["name"] != "POD_INDEX");
    environment.push(json!({ "name": "POD_INDEX", "value": "7" }));
    let pod: Value = json!({ "metadata": { "name": name }, "spec": spec });
    serde_json::from_value(pod).context("make a stranger")
}

async fn is_refused(place: &Place, pod: &Pod, because: &str) -> anyhow::Result<()> {
    let pods = place.api::<Pod>();
    let name = pod.metadata.name.as_deref().context("it has a name")?;
    pods.create(&PostParams::default(), pod).await.context("start a stranger")?;
    let says_why = || async {
        let told = pods.logs(name, &LogParams::default()).await;
        told.is_ok_and(|told| told.contains(because))
    };
    until_so(&format!("{name} is told {because:?}"), says_why).await?;
    pods.delete(name, &DeleteParams::background()).await.context("end the stranger").map(drop)
}

async fn make_token(place: &Place) -> anyhow::Result<()> {
    let secret =
        json!({ "metadata": { "name": TOKEN_OF_NOBODY }, "stringData": { "token": "0123456789abcdef".repeat(4) } });
    let secret: Secret = serde_json::from_value(secret)?;
    place.api().create(&PostParams::default(), &secret).await.context("make a token")?;
    Ok(())
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    let template = place.api::<StatefulSet>().get("events").await.context("find the set")?;
    make_token(&place).await?;
    stage.load.mark().await?;
    is_refused(&place, &stranger("unknown", &template, TOKEN_OF_NOBODY)?, "the token is that of no cluster").await?;
    is_refused(&place, &stranger("without-place", &template, TOKEN_OF_CLUSTER)?, "the broker has no pod").await?;
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "strangers came, and a partition waited for {gap} ms");
    let cluster: Cluster = stage.until_whole(3).await?;
    let brokers: Vec<_> = cluster.status.iter().flat_map(|status| &status.brokers).map(|broker| broker.id).collect();
    ensure!(brokers == [0, 1, 2], "brokers are {brokers:?}");
    stage.end().await
}
