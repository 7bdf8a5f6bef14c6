//! Topics whose resource was deleted and that stay until a person says that this was meant, or not. They are reported in the
//! status of their Cluster, from where an operator that takes over knows of them; a status that is lost only leaves them be. So it is
//! with those for which a status has no room, and it is said of them.

use super::{ownership::owner, valid_topic::ValidTopic};
use crate::{control_plane::Allowed, valid_cluster::ClusterKey};
use controller::ClusterImage;
use custom_resources::{
    Topic,
    cluster_status::{HeldDeletions, HeldTopic, MOST_HELD_TOPICS},
};
use kube::runtime::reflector::Store;
use model::TopicId;
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// Names may be of 249 bytes, and a status is to be small.
const LIST_BYTES: usize = 64 << 10;
/// Its id, and what JSON has around it.
const AROUND_NAME: usize = 64;

/// Short enough to be written by hand. Nobody gains by two sets of topics with one digest.
const DIGEST_BYTES: usize = 8;

/// Of all clusters of this operator. Cheap to clone.
#[derive(Clone)]
pub struct Held(Arc<Inner>);

struct Inner {
    topics: Arc<[Store<Topic>]>,
    by_cluster: Mutex<BTreeMap<ClusterKey, OfCluster>>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

/// What is held of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfCluster {
    /// Why the first of them were.
    pub reason: String,
    pub topics: BTreeMap<TopicId, String>,
    /// What the operator before reported is among them.
    is_restored: bool,
}

impl Held {
    pub fn new(topics: Vec<Store<Topic>>) -> Self {
        Self(Arc::new(Inner { topics: topics.into(), by_cluster: Mutex::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterKey, OfCluster>> {
        self.0.by_cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::reconcilers) fn hold(
        &self,
        cluster: &ClusterKey,
        reason: &str,
        topics: impl IntoIterator<Item = (TopicId, String)>,
    ) {
        let mut all = self.lock();
        let held = all.entry(cluster.clone()).or_default();
        if held.topics.is_empty() {
            reason.clone_into(&mut held.reason);
        }
        held.topics.extend(topics);
    }

    pub(super) fn is_held(&self, cluster: &ClusterKey, id: TopicId) -> bool {
        self.lock().get(cluster).is_some_and(|held| held.topics.contains_key(&id))
    }

    /// Whether any are: while they wait for a person, others do too.
    pub(in crate::reconcilers) fn any(&self, cluster: &ClusterKey) -> bool {
        self.lock().get(cluster).is_some_and(|held| !held.topics.is_empty())
    }

    /// What is held now. `reported`: by the operator before, which counts where this one knows of nothing yet.
    pub fn of(
        &self,
        cluster: &ClusterKey,
        reported: Option<&HeldDeletions>,
        allowed: &Allowed,
        image: &ClusterImage,
    ) -> OfCluster {
        let mut all = self.lock();
        let held = all.entry(cluster.clone()).or_default();
        if !std::mem::replace(&mut held.is_restored, true)
            && let Some(reported) = reported
        {
            held.restore(reported);
        }
        if held.topics.is_empty() {
            return OfCluster::default();
        }
        let resources = self.resources(cluster);
        held.topics.retain(|id, _| is_still_held(image, *id, &resources, allowed));
        held.clone()
    }

    /// A person has decided about these; what was held meanwhile waits on.
    pub fn decided(&self, cluster: &ClusterKey, topics: &BTreeMap<TopicId, String>) {
        let mut all = self.lock();
        let held = all.entry(cluster.clone()).or_default();
        held.is_restored = true;
        held.topics.retain(|id, _| !topics.contains_key(id));
    }

    fn resources(&self, cluster: &ClusterKey) -> Vec<ValidTopic> {
        let all = self.0.topics.iter().flat_map(Store::state);
        all.filter_map(|topic| ValidTopic::new(&topic).ok()).filter(|topic| topic.cluster == *cluster).collect()
    }
}

/// Until the topic is gone, or another resource has it.
fn is_still_held(image: &ClusterImage, id: TopicId, resources: &[ValidTopic], allowed: &Allowed) -> bool {
    image.topic_by_id(id).is_some_and(|there| owner(there, resources, allowed).is_none())
}

impl OfCluster {
    fn restore(&mut self, reported: &HeldDeletions) {
        let topic = |topic: &HeldTopic| Some((TopicId(Uuid::parse_str(&topic.id).ok()?), topic.name.clone()));
        self.topics.extend(reported.list.iter().filter_map(topic));
        if self.reason.is_empty() {
            self.reason.clone_from(&reported.reason);
        }
        let unnamed = usize::try_from(reported.topics).unwrap_or(0).saturating_sub(reported.list.len());
        if unnamed > 0 {
            let told =
                format!("; {unnamed} more were held by the operator before, and stay: which is not known any more");
            self.reason.push_str(&told);
        }
    }

    /// Of which topics they are.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for id in self.topics.keys() {
            digest.update(id.0.as_bytes());
        }
        digest.finalize()[..DIGEST_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// `None`: there are none.
    pub fn report(&self) -> Option<HeldDeletions> {
        let topic = |(id, name): (&TopicId, &String)| HeldTopic { id: id.0.to_string(), name: name.clone() };
        let topics = i32::try_from(self.topics.len()).unwrap_or(i32::MAX);
        let mut room = LIST_BYTES;
        let has_room = |(_, name): &(&TopicId, &String)| {
            room = room.saturating_sub(name.len() + AROUND_NAME);
            room > 0
        };
        let list = self.topics.iter().take(MOST_HELD_TOPICS).take_while(has_room).map(topic).collect();
        (topics > 0).then(|| HeldDeletions { reason: self.reason.clone(), topics, digest: self.digest(), list })
    }
}

#[cfg(test)]
mod tests;
