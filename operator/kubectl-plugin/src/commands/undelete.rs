//! `kubectl weir undelete`.

use super::refused;
use crate::{access::Access, arguments::Undelete, metadata, output};
use anyhow::{Context as _, bail};
use controller::ClusterImage;
use custom_resources::{
    Cluster,
    request::{REQUEST_ANNOTATION, Request, RequestOutcome},
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, WatchEvent, WatchParams},
};
use model::TopicId;
use serde_json::json;
use std::{process::ExitCode, time::Duration};

/// An operator that works answers within a second; one that takes over needs five.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn run(access: &Access, asked: Undelete) -> anyhow::Result<ExitCode> {
    let name = access.cluster(asked.named.cluster.as_deref()).await?.name_any();
    let image = metadata::read(access, &name).await?.image;
    let topic = match find(&image, &asked.topic) {
        Ok(topic) => topic,
        Err(why) => return Ok(refused(&why)),
    };
    // Another one for each time it is asked: a topic may be deleted again.
    let id = format!("undelete-{}", Timestamp::now());
    let request =
        serde_json::to_string(&Request { id: id.clone(), undelete: Some(topic.0.to_string()), ..Request::default() })?;
    let clusters: Api<Cluster> = Api::namespaced(access.client.clone(), &access.namespace);
    let parameters = PatchParams { field_manager: Some("kubectl-weir".to_owned()), ..PatchParams::default() };
    let patch = json!({ "metadata": { "annotations": { REQUEST_ANNOTATION: request } } });
    let patched = clusters.patch(&name, &parameters, &Patch::Merge(patch)).await;
    let patched = patched.with_context(|| format!("annotate Cluster {name}"))?;
    let answer = tokio::time::timeout(ANSWER_LIMIT, answered(&clusters, patched, &id)).await;
    let Ok(answer) = answer else {
        bail!(
            "no operator answered within {} s; the request stays and is done once one decides",
            ANSWER_LIMIT.as_secs()
        )
    };
    let (outcome, message) = answer?;
    if outcome == RequestOutcome::Refused {
        return Ok(refused(&message));
    }
    output::note(&message);
    Ok(ExitCode::SUCCESS)
}

async fn answered(clusters: &Api<Cluster>, patched: Cluster, id: &str) -> anyhow::Result<(RequestOutcome, String)> {
    let of = |cluster: Cluster| {
        let answer = cluster.status?.request.filter(|answer| answer.id == id)?;
        Some((answer.outcome, answer.message))
    };
    let since = patched.resource_version().unwrap_or_default();
    let only = WatchParams::default().fields(&format!("metadata.name={}", patched.name_any()));
    let mut events = clusters.watch(&only, &since).await.context("watch the Cluster")?.boxed();
    while let Some(event) = events.try_next().await.context("watch the Cluster")? {
        if let WatchEvent::Modified(cluster) | WatchEvent::Added(cluster) = event
            && let Some(answer) = of(cluster)
        {
            return Ok(answer);
        }
    }
    bail!(
        "the API server ended the watch before the request was answered; kubectl weir topics tells whether it was done"
    )
}

/// By id as `kubectl weir topics --deleted` shows it, or by name: the one deleted last.
fn find(image: &ClusterImage, wanted: &str) -> Result<TopicId, String> {
    if let Some(found) = image.tombstones.keys().find(|id| id.to_string() == wanted) {
        return Ok(*found);
    }
    let named = image.tombstones.values().filter(|tombstone| *tombstone.topic.name == *wanted);
    let newest = named.max_by_key(|tombstone| tombstone.deleted_at);
    newest
        .map(|tombstone| tombstone.topic.id)
        .ok_or_else(|| format!("there is no deleted topic {wanted} that can be brought back"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::image;
    use controller::{Tombstone, TopicImage};
    use model::MetadataVersion;
    use std::sync::Arc;
    use uuid::Uuid;

    #[test]
    fn newest_of_deleted_topics_is_found_by_name_and_each_by_its_id() {
        let mut image = image(1, &[], &[&[(&[0], &[0])]]);
        let there = Arc::clone(image.topic("topic-0").unwrap());
        let deleted = |number: u128, version: u64| {
            let id = TopicId(Uuid::from_u128(number));
            let topic = Arc::new(TopicImage { id, name: "orders".into(), ..TopicImage::clone(&there) });
            (id, Tombstone { topic, deleted_at: MetadataVersion(version) })
        };
        image.tombstones = Arc::new([deleted(10, 5), deleted(11, 8), deleted(12, 6)].into());
        let id = |number| TopicId(Uuid::from_u128(number));
        assert_eq!(find(&image, "orders"), Ok(id(11)));
        assert_eq!(find(&image, &id(12).to_string()), Ok(id(12)));
        assert!(find(&image, "topic-0").unwrap_err().contains("no deleted topic"));
    }
}
