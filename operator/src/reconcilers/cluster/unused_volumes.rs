//! Volumes that brokers left behind when there were to be fewer, where the spec says that they go (`whenScaled: Delete`).
//!
//! The StatefulSet is never told to: it goes by the number of its pods alone, which somebody may have made smaller for a
//! moment, and knows nothing of topics whose deletion can be undone. A claim goes when
//!
//! ```text
//! its broker ≥ max(pods that the spec wants, pods that the set is to have, pods that it has), and has no pod, and
//! the controller gives that broker nothing, has forgotten it, and no replica of a topic or of a tombstone is there
//! ```
//!
//! and that was so [`UNUSED_FOR`] ago already, by a mark on the claim. A broker that is wanted again has the mark taken off
//! before it has a pod. A deletion names the revision that it looked at, so one that arrives late, of an operator that does not
//! decide any more, finds another.

use super::brokers::BrokerPod;
use crate::{resources::names, valid_cluster::ValidCluster};
use controller::{ClusterImage, Leaving};
use custom_resources::cluster::Retention;
use k8s_openapi::{
    api::core::v1::PersistentVolumeClaim,
    jiff::{SignedDuration, Timestamp},
};
use model::BrokerId;
use std::sync::Arc;

/// Since when nobody uses a volume.
pub const UNUSED_ANNOTATION: &str = "weir.dev/unused-since";

/// Watches are not so far behind, and a person who scaled by mistake has this long.
const UNUSED_FOR: SignedDuration = SignedDuration::from_secs(30);

/// A claim as it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub broker: BrokerId,
    pub name: String,
    pub uid: Option<String>,
    pub revision: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unused {
    /// To be marked with the time.
    pub mark: Vec<Claim>,
    /// Whose mark is to be taken off.
    pub unmark: Vec<Claim>,
    pub delete: Vec<Claim>,
    /// Some were marked not long ago.
    pub is_pending: bool,
}

/// What is known about brokers.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub claims: &'a [Arc<PersistentVolumeClaim>],
    pub pods: &'a [BrokerPod],
    /// Pods that the set has; `None`: there is no set, or it goes.
    pub current: Option<i32>,
    /// Pods that it is to have.
    pub replicas: i32,
    pub leaving: Leaving,
    pub image: Option<&'a ClusterImage>,
    pub now: Timestamp,
}

pub fn decide(cluster: &ValidCluster, seen: Seen<'_>) -> Unused {
    let mut unused = Unused::default();
    let is_there = |claim: &&Arc<PersistentVolumeClaim>| claim.metadata.deletion_timestamp.is_none();
    for object in seen.claims.iter().filter(is_there) {
        let Some(claim) = claim(cluster, object) else { continue };
        let mark = object.metadata.annotations.as_ref().and_then(|marks| marks.get(UNUSED_ANNOTATION));
        match is_used(cluster, claim.broker, seen) {
            Some(true) if mark.is_some() => unused.unmark.push(claim),
            Some(false) => match mark.and_then(|since| since.parse::<Timestamp>().ok()) {
                None => unused.mark.push(claim),
                Some(since) if seen.now.duration_since(since) >= UNUSED_FOR => unused.delete.push(claim),
                Some(_) => unused.is_pending = true,
            },
            _ => {}
        }
    }
    unused.is_pending |= !unused.mark.is_empty();
    for claims in [&mut unused.mark, &mut unused.unmark, &mut unused.delete] {
        // A cache has no order.
        claims.sort_by_key(|claim| claim.broker);
    }
    unused
}

fn claim(cluster: &ValidCluster, object: &PersistentVolumeClaim) -> Option<Claim> {
    let name = object.metadata.name.clone()?;
    let broker = names::broker_of_claim(&cluster.key.name, &name).map(BrokerId)?;
    Some(Claim { broker, name, uid: object.metadata.uid.clone(), revision: object.metadata.resource_version.clone() })
}

/// `None`: nobody can say.
fn is_used(cluster: &ValidCluster, broker: BrokerId, seen: Seen<'_>) -> Option<bool> {
    let stays = cluster.spec.storage.retention_policy.when_scaled == Retention::Retain;
    let wanted = cluster.spec.replicas.max(seen.replicas).max(seen.current.unwrap_or(0));
    if stays || broker.0 < wanted || seen.pods.iter().any(|pod| pod.broker == broker) {
        return Some(true);
    }
    let image = seen.image.filter(|_| seen.current.is_some())?;
    Some(!seen.leaving.includes(broker) || image.brokers.contains_key(&broker) || holds_replicas(image, broker))
}

/// Also of topics that were deleted and can be brought back.
pub(super) fn holds_replicas(image: &ClusterImage, broker: BrokerId) -> bool {
    let tombstones = image.tombstones.values().map(|tombstone| &tombstone.topic);
    let mut partitions = image.topics.iter().chain(tombstones).flat_map(|topic| &topic.partitions);
    partitions.any(|partition| partition.replicas.contains(&broker))
}

#[cfg(test)]
mod tests;
