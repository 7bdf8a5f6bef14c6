//! What is asked of the operator once: an annotation of the Cluster, answered in its status.

use super::refused;
use crate::{access::Access, output};
use anyhow::{Context as _, bail};
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
use serde_json::json;
use std::{process::ExitCode, time::Duration};

/// An operator that works answers within a second; one that takes over needs five.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Asks, and waits for the answer. `what` begins the id, which is another one each time.
pub(super) async fn ask(access: &Access, cluster: &str, what: &str, asked: Request) -> anyhow::Result<ExitCode> {
    let id = format!("{what}-{}", Timestamp::now());
    let request = serde_json::to_string(&Request { id: id.clone(), ..asked })?;
    let clusters: Api<Cluster> = Api::namespaced(access.client.clone(), &access.namespace);
    let parameters = PatchParams { field_manager: Some("kubectl-weir".to_owned()), ..PatchParams::default() };
    let patch = json!({ "metadata": { "annotations": { REQUEST_ANNOTATION: request } } });
    let patched = clusters.patch(cluster, &parameters, &Patch::Merge(patch)).await;
    let patched = patched.with_context(|| format!("annotate Cluster {cluster}"))?;
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
        "the API server ended the watch before the request was answered; kubectl weir status tells whether it was done"
    )
}
