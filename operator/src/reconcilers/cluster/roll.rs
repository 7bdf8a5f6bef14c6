//! Which broker may restart next so that it runs what the spec says.
//!
//! One at a time. A broker b that serves may restart if
//!
//! ```text
//! no broker is down or about to stop
//! for every partition p with b ∈ ISR(p):   |ISR(p) \ {b}| ≥ min(m(p), |R(p)| − 1)
//! for every partition p with a leader:     every usable replica of p is in ISR(p)
//!
//! R(p) replicas of p      ISR(p) those in sync      m(p) its min.insync.replicas
//! ```
//!
//! The term |R| − 1 lets through topics that cannot lose a replica at all: with as many replicas as the minimum, or one,
//! no restart would ever be possible. The last line waits for the broker before to have caught up; what nobody leads nobody
//! catches up with.
//!
//! A broker that serves nothing, because it is fenced or was never registered, may restart at any time if it is outdated:
//! that is how a mended spec gets past a broken one. One that runs the newest revision and does not come up stops the roll.
//! There is no limit of time after which something is restarted anyway.

use super::{brokers::BrokerPod, offline::is_offline};
use controller::{ClusterImage, PartitionImage, TopicImage};
use custom_resources::cluster::UpdateType;
use model::{BrokerId, PartitionIndex};
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roll {
    /// Every pod is of the newest revision.
    Done,
    /// Which that is, Kubernetes has yet to say.
    NotKnown,
    /// Whoever deletes a pod decides.
    LeftToOthers {
        outdated: usize,
    },
    Restart {
        pod: BrokerPod,
        outdated: usize,
    },
    Waiting {
        outdated: usize,
        reason: String,
        is_blocked: bool,
    },
}

impl Roll {
    /// Nobody is restarted before everything else is as wanted.
    #[must_use]
    pub fn put_off(self) -> Self {
        match self {
            Self::Restart { outdated, .. } => {
                Self::Waiting { outdated, reason: "what a restart needs to be written".to_owned(), is_blocked: false }
            }
            other => other,
        }
    }
}

/// `restart`: brokers that have to for another reason than their revision.
pub fn decide(
    update: UpdateType,
    newest: &str,
    restart: &BTreeSet<BrokerId>,
    pods: &[BrokerPod],
    replicas: i32,
    image: Option<&ClusterImage>,
) -> Roll {
    let is_outdated = |pod: &BrokerPod| pod.revision.as_deref() != Some(newest) || restart.contains(&pod.broker);
    let outdated = pods.iter().filter(|pod| is_outdated(pod)).count();
    let waiting = |reason: String| Roll::Waiting { outdated, reason, is_blocked: false };
    if outdated == 0 {
        return Roll::Done;
    }
    if update == UpdateType::OnDelete {
        return Roll::LeftToOthers { outdated };
    }
    let Some(image) = image else { return waiting("the controller of the cluster to decide".to_owned()) };
    if let Some(going) = pods.iter().find(|pod| pod.is_going) {
        return waiting(format!("broker {} to be back", going.broker));
    }
    let serves_nothing = |pod: &BrokerPod| !pod.is_ready && image.brokers.get(&pod.broker).is_none_or(|b| b.fenced);
    if let Some(pod) = pods.iter().find(|pod| is_outdated(pod) && serves_nothing(pod)) {
        return Roll::Restart { pod: pod.clone(), outdated };
    }
    // Its broker may seem alive to the controller for a moment after the pod went.
    if let Some(missing) = (0..replicas).map(BrokerId).find(|id| pods.iter().all(|pod| pod.broker != *id)) {
        return waiting(format!("broker {missing} to have a pod"));
    }
    if let Some(pod) = pods.iter().find(|pod| !pod.is_ready) {
        return waiting(format!("broker {} to be ready", pod.broker));
    }
    if let Some(pod) = pods.iter().find(|pod| pod.is_settling) {
        return waiting(format!("broker {} to have been ready for minReadySeconds", pod.broker));
    }
    if let Some(held) = (0..replicas).map(BrokerId).find(|id| image.hold(*id).fenced) {
        return waiting(format!("broker {held}, which is fenced by hand (kubectl weir unfence {held})"));
    }
    if let Some(missing) = (0..replicas).map(BrokerId).find(|id| !image.is_usable(*id)) {
        return waiting(format!("broker {missing} to be let in by the controller"));
    }
    let behind = behind(image).count();
    if behind > 0 {
        return waiting(format!("{behind} replicas to be in sync"));
    }
    let mut candidates = pods.iter().filter(|pod| is_outdated(pod));
    if let Some(pod) = candidates.clone().find(|pod| blocking(image, pod.broker).is_none()) {
        return Roll::Restart { pod: pod.clone(), outdated };
    }
    let blocked = candidates.find_map(|pod| Some((pod.broker, blocking(image, pod.broker)?)));
    let reason = blocked.map_or_else(String::new, |(broker, partition)| {
        format!("partition {partition}, which would fall below its in-sync minimum without broker {broker}")
    });
    Roll::Waiting { outdated, reason, is_blocked: true }
}

/// The first partition that would fall below its minimum without the broker.
fn blocking(image: &ClusterImage, broker: BrokerId) -> Option<String> {
    let mut with_broker = partitions(image).filter(|(_, _, partition)| partition.isr.contains(&broker));
    let too_few = with_broker.find(|(topic, _, partition)| {
        let left = partition.isr.len() - 1;
        left < image.min_insync_replicas(topic).min(partition.replicas.len() - 1)
    });
    too_few.map(|(topic, index, _)| format!("{}-{index}", topic.name))
}

pub(super) fn partitions(image: &ClusterImage) -> impl Iterator<Item = (&TopicImage, PartitionIndex, &PartitionImage)> {
    image
        .topics
        .iter()
        .flat_map(|topic| topic.indexed_partitions().map(move |(index, partition)| (&**topic, index, partition)))
}

pub(super) fn led_partitions(image: &ClusterImage) -> impl Iterator<Item = &PartitionImage> {
    partitions(image).map(|(.., partition)| partition).filter(|partition| !is_offline(partition))
}

pub(super) fn all_usable(image: &ClusterImage, replicas: i32) -> bool {
    (0..replicas).all(|id| image.is_usable(BrokerId(id)))
}

/// Replicas of partitions with a leader that could be in sync.
pub(super) fn behind(image: &ClusterImage) -> impl Iterator<Item = BrokerId> {
    led_partitions(image).flat_map(|partition| usable_out_of_sync(image, partition))
}

/// Brokers that could be in sync with the leader.
pub(super) fn usable_out_of_sync(image: &ClusterImage, partition: &PartitionImage) -> impl Iterator<Item = BrokerId> {
    let replicas = partition.replicas.iter().copied();
    replicas.filter(|id| image.is_usable(*id) && !partition.isr.contains(id))
}

#[cfg(test)]
mod tests;
