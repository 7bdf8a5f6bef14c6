//! What a person asks once: [`custom_resources::request`]. Each request is answered once, and nothing is done about one that
//! cannot be read.

use control_plane::ControllerHandle;
use controller::{
    ClusterImage,
    requests::{RestoredTopic, TopicReference},
};
use custom_resources::{
    Cluster, ClusterStatus,
    request::{LONGEST_ID, REQUEST_ANNOTATION, Request, RequestOutcome, RequestStatus},
};
use kube::ResourceExt as _;
use model::TopicId;
use uuid::Uuid;

/// What is to be done about the annotation of a cluster.
#[derive(Debug, PartialEq, Eq)]
pub enum Pending {
    Undelete {
        id: String,
        topic: TopicId,
    },
    /// It says nothing that can be done.
    Answer(RequestStatus),
}

/// `None`: nothing is asked, or it was answered.
pub fn pending(cluster: &Cluster, answered: Option<&RequestStatus>) -> Option<Pending> {
    let text = cluster.annotations().get(REQUEST_ANNOTATION)?;
    let refused = |id: &str, message: String| Pending::Answer(status(id, RequestOutcome::Refused, message));
    let pending = match serde_json::from_str::<Request>(text) {
        Err(error) => refused("", format!("{REQUEST_ANNOTATION} cannot be read: {error}")),
        Ok(request) if request.id.is_empty() || request.id.len() > LONGEST_ID => {
            refused("", format!("the id of a request has between 1 and {LONGEST_ID} bytes"))
        }
        Ok(request) => match Uuid::parse_str(&request.undelete) {
            Ok(topic) => Pending::Undelete { id: request.id, topic: TopicId(topic) },
            Err(error) => refused(&request.id, format!("undelete names a topic by its UUID: {error}")),
        },
    };
    let is_answered = match &pending {
        Pending::Undelete { id, .. } => answered.is_some_and(|answered| answered.id == *id),
        Pending::Answer(answer) => answered == Some(answer),
    };
    (!is_answered).then_some(pending)
}

/// The answer to what is pending; `None` where nobody can decide yet.
pub(super) async fn answer(
    cluster: &Cluster,
    before: Option<&ClusterStatus>,
    controller: Option<&ControllerHandle>,
    image: Option<&ClusterImage>,
) -> Option<RequestStatus> {
    let (id, topic) = match pending(cluster, before.and_then(|status| status.request.as_ref()))? {
        Pending::Answer(answer) => return Some(answer),
        Pending::Undelete { id, topic } => (id, topic),
    };
    // It was done before, and the answer was lost.
    if let Some(there) = image?.topic_by_id(topic) {
        return Some(status(&id, RequestOutcome::Done, format!("topic {} is there", there.name)));
    }
    let name = image?.tombstones.get(&topic).map(|tombstone| tombstone.topic.name.to_string());
    // One that cannot decide now says so in Ready, and is asked again.
    let restored = controller?.restore_topics(vec![TopicReference::Id(topic)]).await.ok()?;
    let RestoredTopic { result, .. } = restored.into_iter().next()?;
    Some(match result {
        Ok(_) => status(&id, RequestOutcome::Done, format!("topic {} is there again", name.unwrap_or_default())),
        Err(error) => status(&id, RequestOutcome::Refused, error.to_string()),
    })
}

fn status(id: &str, outcome: RequestOutcome, message: String) -> RequestStatus {
    // Refusals quote what was written.
    let message = message.chars().take(256).collect();
    RequestStatus { id: id.to_owned(), outcome, message }
}

#[cfg(test)]
mod tests;
