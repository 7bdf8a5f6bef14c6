//! What a person asks once: [`custom_resources::request`]. Each request is answered once, and nothing is done about one that
//! cannot be read.

mod brokers;

use control_plane::ControllerHandle;
use controller::{
    ClusterImage,
    requests::{RestoredTopic, TopicReference},
};
use custom_resources::{
    Cluster, ClusterStatus,
    request::{Ask, LONGEST_ID, REQUEST_ANNOTATION, Request, RequestOutcome, RequestStatus},
};
use kube::ResourceExt as _;
use model::TopicId;
use uuid::Uuid;

/// Characters of an answer, of up to four bytes each: 1024 bytes fit the status.
const LONGEST_MESSAGE: usize = 256;

/// What is to be done about the annotation of a cluster.
#[derive(Debug, PartialEq, Eq)]
pub enum Pending {
    Undelete {
        id: String,
        topic: TopicId,
    },
    /// Something about brokers.
    Brokers(Request),
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
        Ok(Request { id, ask: Ask::Undelete(topic), .. }) => match Uuid::parse_str(&topic) {
            Ok(topic) => Pending::Undelete { id, topic: TopicId(topic) },
            Err(error) => refused(&id, format!("undelete names a topic by its UUID: {error}")),
        },
        Ok(request) => Pending::Brokers(request),
    };
    let is_answered = match &pending {
        Pending::Undelete { id, .. } | Pending::Brokers(Request { id, .. }) => {
            answered.is_some_and(|answered| answered.id == *id)
        }
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
        Pending::Brokers(request) => {
            // One that cannot decide now says so in Ready, and is asked again.
            let told = brokers::answer(&request, controller?).await.ok()?;
            let outcome = if told.is_ok() { RequestOutcome::Done } else { RequestOutcome::Refused };
            return Some(status(&request.id, outcome, told.unwrap_or_else(|refusal| refusal)));
        }
        Pending::Undelete { id, topic } => (id, topic),
    };
    // It was done before, and the answer was lost.
    if let Some(there) = image?.topic_by_id(topic) {
        return Some(status(&id, RequestOutcome::Done, format!("topic {} is there", there.name)));
    }
    let name = image?.tombstones.get(&topic).map(|tombstone| tombstone.topic.name.to_string());
    let restored = controller?.restore_topics(vec![TopicReference::Id(topic)]).await.ok()?;
    let RestoredTopic { result, .. } = restored.into_iter().next()?;
    Some(match result {
        Ok(_) => status(&id, RequestOutcome::Done, format!("topic {} is there again", name.unwrap_or_default())),
        Err(error) => status(&id, RequestOutcome::Refused, error.to_string()),
    })
}

fn status(id: &str, outcome: RequestOutcome, message: String) -> RequestStatus {
    // Refusals quote what was written.
    let message = message.chars().take(LONGEST_MESSAGE).collect();
    RequestStatus { id: id.to_owned(), outcome, message }
}

#[cfg(test)]
mod tests;
