//! Topics of resources: whose they are, how many may go at once, and how soon a thousand are there.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, Topic, request::RequestOutcome};
use e2e::{Acknowledged, BOOTSTRAP, LIMIT, Place, Stage, is_true, refused, run as client, until, until_topic};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::events::v1::Event;
use kube::{
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use std::{collections::BTreeSet, pin::pin, time::Instant};

/// Of the scenario that makes very many.
const MANY: usize = 1000;
const AT_ONCE: usize = 16;

fn topic(name: &str, group: &str) -> anyhow::Result<Topic> {
    let topic = json!({
        "apiVersion": "weir.dev/v1alpha1", "kind": "Topic",
        "metadata": { "name": name, "labels": { "group": group } },
        "spec": { "clusterRef": { "name": "events" } },
    });
    serde_json::from_value(topic).context("make a topic")
}

/// Makes topics and waits until all are ready.
async fn make(place: &Place, group: &str, count: usize) -> anyhow::Result<()> {
    let topics = place.api::<Topic>();
    let create = |number: usize| {
        let topics = topics.clone();
        async move {
            let topic = topic(&format!("{group}-{number}"), group)?;
            topics.create(&PostParams::default(), &topic).await.context("create a topic").map(drop)
        }
    };
    stream::iter((0..count).map(create)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let of_group = watcher::Config::default().labels(&format!("group={group}"));
    let mut seen = pin!(watcher(place.api::<Topic>(), of_group).default_backoff().applied_objects());
    let ready = async {
        let mut ready = BTreeSet::new();
        while ready.len() < count {
            let topic = seen.next().await.context("the watch ended")??;
            if topic.status.is_some_and(|status| is_true(&status.conditions, "Ready")) {
                ready.insert(topic.metadata.name);
            }
        }
        Ok(())
    };
    tokio::time::timeout(LIMIT, ready).await.context("wait until all topics are ready")?
}

async fn is_the_resources(place: &Place) -> anyhow::Result<()> {
    let to: &[&str] = &["--bootstrap-server", BOOTSTRAP];
    let owner = format!("Topic {}/orders", place.namespace);
    let forbidden: [&[&str]; 2] = [&["topic", "alter", "orders", "--partitions", "9"], &["topic", "delete", "orders"]];
    for asked in forbidden {
        let told = refused(place, &[asked, to].concat()).await?;
        ensure!(told.contains(&owner), "{asked:?} does not name {owner}: {told}");
    }
    let free: &[&str] = &["topic", "alter", "orders", "--config", "max.message.bytes=2000000"];
    client(place, &[free, to].concat()).await?;
    let describe: &[&str] = &["topic", "describe", "orders"];
    let shown = client(place, &[describe, to].concat()).await?;
    ensure!(shown.contains("max.message.bytes"), "it was not changed, or put back: {shown}");
    Ok(())
}

async fn many_are_held(place: &Place) -> anyhow::Result<()> {
    make(place, "held", 8).await?;
    let of_group = ListParams::default().labels("group=held");
    place.api::<Topic>().delete_collection(&DeleteParams::background(), &of_group).await.context("delete many")?;
    let held = |cluster: &Cluster| cluster.status.as_ref().and_then(|status| status.held_deletions.clone());
    until(place, "events", "all are held", |cluster| held(cluster).is_some_and(|held| held.topics == 8)).await?;
    let read = held(&place.api::<Cluster>().get("events").await?).context("nothing is held any more")?;
    let request = json!({ "id": "held", "heldDeletions": "Delete", "heldDigest": read.digest }).to_string();
    let patch = json!({ "metadata": { "annotations": { "weir.dev/request": request } } });
    place.api::<Cluster>().patch("events", &PatchParams::default(), &Patch::Merge(patch)).await?;
    let is_done = |cluster: &Cluster| {
        let answer = cluster.status.as_ref().and_then(|status| status.request.as_ref());
        answer.is_some_and(|answer| answer.outcome == RequestOutcome::Done) && held(cluster).is_none()
    };
    until(place, "events", "they are deleted", is_done).await?;
    // Written once the status was; by now the one after it is.
    let events = place.api::<Event>().list(&ListParams::default()).await?.items;
    ensure!(events.iter().any(|event| event.reason.as_deref() == Some("DeletionHeld")), "no event tells it");
    let left = client(place, &["topic", "list", "held-.*", "--bootstrap-server", BOOTSTRAP]).await?;
    ensure!(!left.contains("held-"), "they are still there: {left}");
    Ok(())
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let stage = Stage::begin(place.clone()).await?;
    place.apply::<Topic>(&e2e::topic("orders", 6)).await?;
    until_topic(&place, "orders", 6).await?;
    is_the_resources(&place).await.context("a topic is its resource's")?;
    many_are_held(&place).await.context("many deletions")?;
    let began = Instant::now();
    make(&place, "many", MANY).await.context("make very many")?;
    eprintln!("{MANY} topics ready after {:.1} s", began.elapsed().as_secs_f64());
    stage.end().await
}
