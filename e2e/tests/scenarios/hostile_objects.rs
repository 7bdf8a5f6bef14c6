//! Objects that nobody can act on: refused by the API server, or said to be wrong in their own status. They stop nothing else.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic};
use e2e::{Acknowledged, Place, Stage, topic, topic_with, until, until_topic, until_topic_says};
use kube::api::{Patch, PatchParams};
use serde_json::json;

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    for (name, spec) in [
        ("traversal", "topicName: ../../etc/passwd"),
        ("dots", "topicName: '..'"),
        ("internal", "topicName: __consumer_offsets"),
        ("many-partitions", "partitions: 1000000"),
        ("no-partitions", "partitions: 0"),
        ("many-replicas", "replicas: 32767"),
        ("odd-key", "config: {'../key': 'a'}"),
    ] {
        let applied = place.apply::<Topic>(&topic_with(name, spec)).await;
        ensure!(applied.is_err(), "the API server took {spec}");
    }

    place.apply::<Topic>(&topic_with("negative", "config: {segment.bytes: '-1'}")).await?;
    place.apply::<Topic>(&topic_with("unknown-key", "config: {no.such.key: '1'}")).await?;
    place.apply::<Topic>(&topic_with("too-many-replicas", "replicas: 100")).await?;
    until_topic_says(&place, "negative", "InvalidConfig").await?;
    until_topic_says(&place, "unknown-key", "InvalidConfig").await?;
    until_topic_says(&place, "too-many-replicas", "NotEnoughBrokers").await?;

    let lie = Patch::Merge(json!({"status": {"readyReplicas": 77, "selector": "none=such"}}));
    let clusters = place.api::<Cluster>();
    clusters.patch_status("events", &PatchParams::default(), &lie).await.context("write a lie into the status")?;
    let is_true_again = |cluster: &Cluster| {
        let status = cluster.status.as_ref();
        status.is_some_and(|status| status.ready_replicas == 3 && status.selector.as_deref() != Some("none=such"))
    };
    until(&place, "events", "the status is put right", is_true_again).await?;

    place.apply::<Topic>(&topic("sound", 2)).await?;
    until_topic(&place, "sound", 2).await.context("a sound topic beside them")?;
    stage.load.more(20).await?;
    stage.end().await
}
