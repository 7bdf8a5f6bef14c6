//! Whose a topic is: one that clients made and a resource takes over, one that two resources name, one of another namespace, and one
//! that is deleted and brought back. Records stay through all of it.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic, request::RequestOutcome};
use e2e::{
    Acknowledged, BOOTSTRAP, Place, Stage, consume, in_own_namespace, is_topic_ready, produce, run as client, topic,
    topic_with, until, until_gone, until_topic_says,
};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

const RECORDS: usize = 20;

fn records(topic: &str) -> Vec<String> {
    (0..RECORDS).map(|number| format!("{topic}-{number:02}")).collect()
}

async fn are_there(place: &Place, topic: &str) -> anyhow::Result<()> {
    let mut read = consume(place, BOOTSTRAP, topic).await?;
    read.retain(|line| line.starts_with(&format!("{topic}-")));
    read.sort();
    ensure!(read == records(topic), "of {topic} these were read: {read:?}");
    Ok(())
}

async fn until_ready(place: &Place, name: &str) -> anyhow::Result<Topic> {
    until(place, name, "the topic is ready", is_topic_ready).await
}

async fn adopt(place: &Place, name: &str) -> anyhow::Result<Topic> {
    let patch = json!({ "metadata": { "annotations": { "weir.dev/adopt": "true" } } });
    let topics = place.api::<Topic>();
    topics.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.context("adopt the topic")?;
    until_ready(place, name).await
}

async fn is_taken_over_when_told(place: &Place) -> anyhow::Result<()> {
    client(place, &["topic", "create", "of-clients", "--partitions", "2", "--bootstrap-server", BOOTSTRAP]).await?;
    produce(place, BOOTSTRAP, "of-clients", &records("of-clients")).await?;
    place.apply::<Topic>(&topic("of-clients", 2)).await?;
    until_topic_says(place, "of-clients", "TopicExists").await?;
    adopt(place, "of-clients").await?;
    are_there(place, "of-clients").await
}

async fn is_the_older_ones(place: &Place) -> anyhow::Result<()> {
    place.apply::<Topic>(&topic_with("younger", "topicName: of-clients, partitions: 9")).await?;
    until_topic_says(place, "younger", "TopicNameConflict").await?;
    let uid = place.api::<Topic>().get("younger").await?.uid().unwrap_or_default();
    place.api::<Topic>().delete("younger", &DeleteParams::background()).await.context("delete the younger")?;
    until_gone::<Topic>(place, "younger", &uid).await?;
    are_there(place, "of-clients").await.context("the younger went")
}

async fn is_let_in_from_elsewhere(place: &Place, stage: &Stage) -> anyhow::Result<()> {
    in_own_namespace(&place.client, "guest", |guest| async move {
        let namespace = &place.namespace;
        let foreign = format!(
            "{{apiVersion: weir.dev/v1alpha1, kind: Topic, metadata: {{name: foreign}}, spec: {{clusterRef: {{name: events, namespace: {namespace}}}, partitions: 1}}}}"
        );
        guest.apply::<Topic>(&foreign).await?;
        until_topic_says(&guest, "foreign", "NamespaceNotAllowed").await?;
        stage.change(json!({ "allowedNamespaces": [guest.namespace] })).await?;
        until_ready(&guest, "foreign").await?;
        produce(place, BOOTSTRAP, "foreign", &records("foreign")).await?;
        are_there(place, "foreign").await
    })
    .await
}

async fn comes_back(place: &Place) -> anyhow::Result<()> {
    let topics = place.api::<Topic>();
    let found = topics.get("of-clients").await?;
    let id = found.status.as_ref().and_then(|status| status.topic_id.clone()).context("the topic has an id")?;
    topics.delete("of-clients", &DeleteParams::background()).await.context("delete the resource")?;
    until_gone::<Topic>(place, "of-clients", &found.uid().unwrap_or_default()).await?;
    let list = ["topic", "list", "--bootstrap-server", BOOTSTRAP];
    let is_gone = || async { client(place, &list).await.is_ok_and(|told| !told.contains("of-clients")) };
    e2e::until_so("the topic is gone", is_gone).await?;
    let request = json!({ "id": "bring-back", "undelete": id }).to_string();
    let patch = json!({ "metadata": { "annotations": { "weir.dev/request": request } } });
    place.api::<Cluster>().patch("events", &PatchParams::default(), &Patch::Merge(patch)).await?;
    let is_done = |cluster: &Cluster| {
        let answer = cluster.status.as_ref().and_then(|status| status.request.as_ref());
        answer.is_some_and(|answer| answer.id == "bring-back" && answer.outcome == RequestOutcome::Done)
    };
    until(place, "events", "the topic is brought back", is_done).await?;
    are_there(place, "of-clients").await?;
    place.apply::<Topic>(&topic("of-clients", 2)).await?;
    let again = adopt(place, "of-clients").await?;
    ensure!(again.status.and_then(|status| status.topic_id) == Some(id), "it is another topic");
    Ok(())
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let stage = Stage::begin(place.clone()).await?;
    is_taken_over_when_told(&place).await.context("a topic that clients made")?;
    is_the_older_ones(&place).await.context("two resources for one topic")?;
    comes_back(&place).await.context("a topic that is brought back")?;
    // Last: its namespace goes with it, and then deletions are held.
    is_let_in_from_elsewhere(&place, &stage).await.context("a resource of another namespace")?;
    stage.end().await
}
