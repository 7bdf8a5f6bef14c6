//! Every status is lost, as after a restore from a backup: the cluster is the same one, and topics are their resources' as before.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic};
use e2e::{Acknowledged, Place, Stage, UNTOUCHED_MS, cluster_id, topic, topic_id, until, until_topic};
use kube::{
    ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use std::collections::BTreeMap;

async fn ids(place: &Place) -> anyhow::Result<BTreeMap<String, Option<String>>> {
    let topics = place.api::<Topic>().list(&ListParams::default()).await.context("list topics")?;
    Ok(topics.iter().map(|topic| (topic.name_any(), topic_id(topic))).collect())
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    place.apply::<Topic>(&topic("orders", 6)).await?;
    until_topic(&place, "orders", 6).await?;
    let clusters = place.api::<Cluster>();
    let (before, topics) = (clusters.get("events").await?, ids(&place).await?);
    stage.load.mark().await?;
    let (nothing, parameters) = (Patch::Merge(json!({ "status": null })), PatchParams::default());
    clusters.patch_status("events", &parameters, &nothing).await.context("take the status of the cluster away")?;
    for name in topics.keys() {
        let taken = place.api::<Topic>().patch_status(name, &parameters, &nothing).await;
        taken.with_context(|| format!("take the status of {name} away"))?;
    }
    for (name, known) in &topics {
        let is_known = |topic: &Topic| topic_id(topic).is_some() && topic_id(topic) == *known;
        until(&place, name, &format!("it has topic {known:?} again"), is_known).await?;
    }
    let after = stage.until_whole(3).await?;
    ensure!(cluster_id(&after) == cluster_id(&before), "the cluster is another: {:?}", cluster_id(&after));
    stage.load.more(20).await?;
    let gap = stage.load.longest_gap().await?;
    ensure!(gap < UNTOUCHED_MS, "only status was lost, and a partition waited for {gap} ms");
    // Whose a topic is still counts.
    place.apply::<Topic>(&topic("orders", 8)).await?;
    until_topic(&place, "orders", 8).await?;
    stage.end().await
}
