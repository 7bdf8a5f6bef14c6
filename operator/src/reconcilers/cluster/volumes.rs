//! Volumes that are to be larger. Kubernetes grows a volume in place when its claim asks for more and its storage class allows
//! it; nothing is ever made smaller, and one that somebody made larger is left so.
//!
//! In this order, each step once the one before is seen to be done:
//!
//! 1. the claims of the brokers ask for more;
//! 2. the StatefulSet is deleted without its pods and made again, for the template of its claims cannot be changed. Its pods,
//!    and the revision that they are of, are taken over;
//! 3. where Kubernetes says that a file system grows only when its pod starts, and it has not for a while, the broker restarts
//!    as in any roll.

use super::brokers::BrokerPod;
use crate::{reconcilers::difference::amount, resources::names, valid_cluster::ValidCluster};
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{PersistentVolumeClaim, PersistentVolumeClaimCondition},
    },
    apimachinery::pkg::api::resource::Quantity,
    jiff::{SignedDuration, Timestamp},
};
use model::BrokerId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Most drivers grow a file system that is in use, shortly after the volume. Those that do not have Kubernetes say the same.
const GROWS_IN_USE_WITHIN: SignedDuration = SignedDuration::from_mins(3);

const STORAGE: &str = "storage";

/// What is known of the volumes.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub claims: &'a [Arc<PersistentVolumeClaim>],
    /// Whether a storage class lets volumes grow, where that was asked.
    pub classes: &'a BTreeMap<String, bool>,
    pub now: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Volumes {
    /// What the template of claims says; `None`: what the spec does.
    pub template: Option<Quantity>,
    /// Claims that are to ask for what the spec says.
    pub grow: Vec<String>,
    /// The set has to be made again for its template.
    pub renew_set: bool,
    /// Brokers that have to restart for their file system to grow.
    pub restart: BTreeSet<BrokerId>,
    /// What is not as the spec says.
    pub state: State,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Good,
    Growing(String),
    Refused(String),
}

/// `replicas`: brokers that there are to be; volumes that brokers left behind stay as they are.
pub fn decide(
    cluster: &ValidCluster,
    set: Option<&StatefulSet>,
    pods: &[BrokerPod],
    replicas: i32,
    seen: Seen<'_>,
) -> Volumes {
    let size = &cluster.spec.storage.size;
    let template = set.and_then(template_of);
    let before = template.and_then(|size| amount(&size.0));
    let kept = Volumes { template: template.cloned(), ..Volumes::default() };
    // The API server takes no other text.
    let Some(wanted) = amount(&size.0) else { return kept };
    if before.is_some_and(|before| wanted < before) {
        let larger = template.map(|size| size.0.as_str()).unwrap_or_default();
        let reason = format!("storage.size is {}, and was {larger}: volumes cannot become smaller", size.0);
        return Volumes { state: State::Refused(reason), ..kept };
    }
    let mut claims: Vec<_> = of_brokers(cluster, replicas, seen.claims).collect();
    // A cache has no order, and what is reported must have one.
    claims.sort_by_key(|claim| broker(cluster, claim));
    let small: Vec<_> = claims.iter().filter(|claim| requested(claim).is_some_and(|has| has < wanted)).collect();
    if let Some(reason) = small.iter().find_map(|claim| why_not(claim, seen.classes)) {
        return Volumes { state: State::Refused(reason), ..kept };
    }
    let restart = claims.iter().filter_map(|claim| waits_for_restart(cluster, claim, pods, seen.now)).collect();
    let growing: Vec<_> = claims.iter().filter(|claim| is_growing(claim, wanted)).map(|claim| name(claim)).collect();
    let state = match growing.len() {
        0 => State::Good,
        some => State::Growing(format!("{some} volumes have yet to become {}: {}", size.0, growing.join(", "))),
    };
    let grow: Vec<_> = small.iter().map(|claim| name(claim).to_owned()).collect();
    let renew_set = grow.is_empty() && before.is_some_and(|before| before < wanted);
    Volumes { grow, renew_set, restart, state, ..kept }
}

/// Classes that have to be asked about before [`decide`] can.
pub fn classes_to_ask(cluster: &ValidCluster, claims: &[Arc<PersistentVolumeClaim>]) -> BTreeSet<String> {
    let wanted = amount(&cluster.spec.storage.size.0);
    let small = of_brokers(cluster, cluster.spec.replicas, claims).filter(|claim| requested(claim) < wanted);
    small.filter_map(|claim| claim.spec.as_ref()?.storage_class_name.clone()).collect()
}

fn of_brokers<'a>(
    cluster: &'a ValidCluster,
    replicas: i32,
    claims: &'a [Arc<PersistentVolumeClaim>],
) -> impl Iterator<Item = &'a PersistentVolumeClaim> {
    let of_one = move |claim: &&PersistentVolumeClaim| broker(cluster, claim).is_some_and(|id| id.0 < replicas);
    claims.iter().map(|claim| &**claim).filter(|claim| claim.metadata.deletion_timestamp.is_none()).filter(of_one)
}

fn broker(cluster: &ValidCluster, claim: &PersistentVolumeClaim) -> Option<BrokerId> {
    names::broker_of_claim(&cluster.key.name, name(claim)).map(BrokerId)
}

fn name(claim: &PersistentVolumeClaim) -> &str {
    claim.metadata.name.as_deref().unwrap_or_default()
}

fn template_of(set: &StatefulSet) -> Option<&Quantity> {
    let templates = set.spec.as_ref()?.volume_claim_templates.as_ref()?;
    templates.first()?.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?.get(STORAGE)
}

fn requested(claim: &PersistentVolumeClaim) -> Option<i128> {
    amount(&claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?.get(STORAGE)?.0)
}

/// Bound, and smaller than it is to be.
fn is_growing(claim: &PersistentVolumeClaim, wanted: i128) -> bool {
    let capacity = claim.status.as_ref().and_then(|status| amount(&status.capacity.as_ref()?.get(STORAGE)?.0));
    capacity.is_some_and(|capacity| capacity < wanted)
}

fn why_not(claim: &PersistentVolumeClaim, classes: &BTreeMap<String, bool>) -> Option<String> {
    let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    let of_claim = name(claim);
    match class.map(|class| (class, classes.get(class))) {
        Some((_, Some(true))) => None,
        Some((class, Some(false))) => {
            Some(format!("volume {of_claim} cannot grow: storage class {class} does not allow volume expansion"))
        }
        Some((class, None)) => Some(format!("volume {of_claim} cannot grow: there is no storage class {class}")),
        None => Some(format!("volume {of_claim} cannot grow: it is of no storage class")),
    }
}

/// The broker, if its file system waits for a start of its pod and there was none since.
fn waits_for_restart(
    cluster: &ValidCluster,
    claim: &PersistentVolumeClaim,
    pods: &[BrokerPod],
    now: Timestamp,
) -> Option<BrokerId> {
    let is_pending = |condition: &&PersistentVolumeClaimCondition| {
        condition.type_ == "FileSystemResizePending" && condition.status == "True"
    };
    let pending = claim.status.as_ref()?.conditions.as_ref()?.iter().find(is_pending)?;
    let since = pending.last_transition_time.as_ref()?.0;
    let broker = broker(cluster, claim)?;
    let pod = pods.iter().find(|pod| pod.broker == broker)?;
    let is_due = now.duration_since(since) >= GROWS_IN_USE_WITHIN && pod.created? < since;
    is_due.then_some(broker)
}

#[cfg(test)]
mod tests;
