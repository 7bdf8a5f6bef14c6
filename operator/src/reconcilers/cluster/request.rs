//! What a person asks once: [`custom_resources::request`]. Each request is answered once, and nothing is done about one that
//! cannot be read.

mod brokers;

use crate::{
    control_plane::Allowed,
    reconcilers::topic::{delete, held::Held},
    valid_cluster::ClusterKey,
};
use control_plane::ControllerHandle;
use controller::{
    ClusterImage,
    requests::{RestoredTopic, TopicReference},
};
use custom_resources::{
    Cluster, ClusterStatus,
    request::{Ask, HeldDecision, LONGEST_ID, REQUEST_ANNOTATION, Request, RequestOutcome, RequestStatus},
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
    HeldDeletions {
        id: String,
        decision: HeldDecision,
        digest: String,
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
        Ok(Request { id, ask: Ask::HeldDeletions { decision, digest }, .. }) => {
            Pending::HeldDeletions { id, decision, digest }
        }
        Ok(request) => Pending::Brokers(request),
    };
    let is_answered = match &pending {
        Pending::Undelete { id, .. } | Pending::HeldDeletions { id, .. } | Pending::Brokers(Request { id, .. }) => {
            answered.is_some_and(|answered| answered.id == *id)
        }
        Pending::Answer(answer) => answered == Some(answer),
    };
    (!is_answered).then_some(pending)
}

/// What it takes to answer.
pub(super) struct Answering<'a> {
    pub(super) cluster: &'a ClusterKey,
    pub(super) controller: Option<&'a ControllerHandle>,
    pub(super) image: Option<&'a ClusterImage>,
    pub(super) held: &'a Held,
    pub(super) allowed: &'a Allowed,
}

impl Answering<'_> {
    /// The answer to what is pending; `None` where nobody can decide yet.
    pub(super) async fn answer(&self, cluster: &Cluster, before: Option<&ClusterStatus>) -> Option<RequestStatus> {
        match pending(cluster, before.and_then(|status| status.request.as_ref()))? {
            Pending::Answer(answer) => Some(answer),
            Pending::Brokers(request) => {
                // One that cannot decide now says so in Ready, and is asked again.
                let told = brokers::answer(&request, self.controller?).await.ok()?;
                let outcome = if told.is_ok() { RequestOutcome::Done } else { RequestOutcome::Refused };
                Some(status(&request.id, outcome, told.unwrap_or_else(|refusal| refusal)))
            }
            Pending::Undelete { id, topic } => self.undelete(&id, topic).await,
            Pending::HeldDeletions { id, decision, digest } => self.held(&id, decision, &digest, before).await,
        }
    }

    async fn undelete(&self, id: &str, topic: TopicId) -> Option<RequestStatus> {
        // It was done before, and the answer was lost.
        if let Some(there) = self.image?.topic_by_id(topic) {
            return Some(status(id, RequestOutcome::Done, format!("topic {} is there", there.name)));
        }
        let name = self.image?.tombstones.get(&topic).map(|tombstone| tombstone.topic.name.to_string());
        // One that cannot decide now says so in Ready, and is asked again.
        let restored = self.controller?.restore_topics(vec![TopicReference::Id(topic)]).await.ok()?;
        let RestoredTopic { result, .. } = restored.into_iter().next()?;
        Some(match result {
            Ok(_) => status(id, RequestOutcome::Done, format!("topic {} is there again", name.unwrap_or_default())),
            Err(error) => status(id, RequestOutcome::Refused, error.to_string()),
        })
    }

    async fn held(
        &self,
        id: &str,
        decision: HeldDecision,
        digest: &str,
        before: Option<&ClusterStatus>,
    ) -> Option<RequestStatus> {
        let reported = before.and_then(|status| status.held_deletions.as_ref());
        let held = self.held.of(self.cluster, reported, self.allowed, self.image?);
        let topics = &held.topics;
        if topics.is_empty() {
            return Some(status(id, RequestOutcome::Refused, "no topic is held".to_owned()));
        }
        let count = topics.len();
        if held.digest() != digest {
            let message =
                format!("{count} topics are held now, and not those of {digest}: read which ones, and decide anew");
            return Some(status(id, RequestOutcome::Refused, message));
        }
        let message = match decision {
            HeldDecision::Keep => format!("{count} topics stay, and are those of no resource"),
            HeldDecision::Delete => match delete(self.controller?, self.cluster, topics).await {
                Ok(()) => format!("{count} topics were deleted"),
                Err(error) => return Some(status(id, RequestOutcome::Refused, format!("{error:#}"))),
            },
        };
        self.held.decided(self.cluster, topics);
        Some(status(id, RequestOutcome::Done, message))
    }
}

fn status(id: &str, outcome: RequestOutcome, message: String) -> RequestStatus {
    // Refusals quote what was written.
    let message = message.chars().take(LONGEST_MESSAGE).collect();
    RequestStatus { id: id.to_owned(), outcome, message }
}

#[cfg(test)]
mod tests;
