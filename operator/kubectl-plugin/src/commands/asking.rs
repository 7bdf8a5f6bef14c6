//! What is asked of the controller of a cluster: by an annotation of the Cluster, answered in its status.

use crate::{access::Access, output};
use anyhow::{Context as _, bail};
use custom_resources::{
    Cluster,
    request::{Ask, REQUEST_ANNOTATION, Request, RequestOutcome, RequestStatus},
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, WatchEvent, WatchParams},
};
use serde_json::json;
use std::time::Duration;

/// An operator that works answers within a second; one that takes over needs five.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Asked<'a> {
    pub(super) cluster: &'a Cluster,
    /// Of the command, for people who look at the annotation.
    pub(super) what: &'static str,
    pub(super) ask: Ask,
    pub(super) dry_run: bool,
}

/// Asks, waits, and says what was answered: whether it was done.
pub(super) async fn ask(access: &Access, asked: Asked<'_>) -> anyhow::Result<bool> {
    let name = asked.cluster.name_any();
    // Another one for each time it is asked: the same may be asked again later.
    let id = format!("{}-{}", asked.what, Timestamp::now());
    let request = Request { id: id.clone(), ask: asked.ask, dry_run: asked.dry_run };
    let clusters: Api<Cluster> = Api::namespaced(access.client.clone(), &access.namespace);
    let parameters = PatchParams { field_manager: Some("kubectl-weir".to_owned()), ..PatchParams::default() };
    let patch = json!({ "metadata": { "annotations": { REQUEST_ANNOTATION: serde_json::to_string(&request)? } } });
    let patched = clusters.patch(&name, &parameters, &Patch::Merge(patch)).await;
    let patched = patched.with_context(|| format!("annotate Cluster {name}"))?;
    let answer = tokio::time::timeout(ANSWER_LIMIT, answered(&clusters, patched, &id)).await;
    let Ok(answer) = answer else {
        bail!(
            "no operator answered within {} s; the request stays and is done once one decides: to take it back, \
             kubectl annotate clusters.weir.dev {name} {REQUEST_ANNOTATION}-",
            ANSWER_LIMIT.as_secs()
        )
    };
    let RequestStatus { outcome, message, .. } = answer?;
    let is_done = outcome == RequestOutcome::Done;
    output::note(&if is_done { message } else { format!("refused: {message}") });
    Ok(is_done)
}

async fn answered(clusters: &Api<Cluster>, patched: Cluster, id: &str) -> anyhow::Result<RequestStatus> {
    let since = patched.resource_version().unwrap_or_default();
    let before = patched.status.as_ref().and_then(|status| status.request.clone());
    let only = WatchParams::default().fields(&format!("metadata.name={}", patched.name_any()));
    let mut events = clusters.watch(&only, &since).await.context("watch the Cluster")?.boxed();
    while let Some(event) = events.try_next().await.context("watch the Cluster")? {
        if let WatchEvent::Modified(cluster) | WatchEvent::Added(cluster) = event
            && let Some(answer) = cluster.status.and_then(|status| status.request)
            && is_to(id, &answer, before.as_ref())
        {
            return Ok(answer);
        }
    }
    bail!(
        "the API server ended the watch before the request was answered; kubectl weir status tells whether it was done"
    )
}

/// One that an operator could not read, an older one say, it answers without an id.
fn is_to(id: &str, answer: &RequestStatus, before: Option<&RequestStatus>) -> bool {
    answer.id == id || answer.id.is_empty() && Some(answer) != before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_known_by_its_id_or_as_one_to_what_could_not_be_read() {
        let answer = |id: &str, message: &str| {
            let (id, message) = (id.to_owned(), message.to_owned());
            RequestStatus { id, outcome: RequestOutcome::Refused, message }
        };
        assert!(is_to("a", &answer("a", ""), None));
        assert!(!is_to("a", &answer("b", ""), None), "an answer to somebody else");
        let unread = answer("", "it cannot be read");
        assert!(is_to("a", &unread, Some(&answer("b", ""))));
        assert!(!is_to("a", &unread, Some(&unread)), "it was there before");
    }
}
