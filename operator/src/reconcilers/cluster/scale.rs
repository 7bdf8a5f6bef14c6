//! How many pods there are to be, and what moves because there are more or fewer.
//!
//! A pod goes only when no replica is on its broker: until then the StatefulSet stays as large as it is. Scaling back up
//! cancels: what moved stays where it is, and what is on its way is called back. A broker that is added takes over its share of what there is. Which brokers were
//! added is reported before there are any, so that an operator that takes over goes on. Scaling back down cancels: what is on
//! its way to a broker that is to go is called back.

mod filling;

use super::{
    offline::{in_the_way, is_offline},
    unused_volumes::holds_replicas,
};
use crate::{reconcilers::replicas::Places, valid_cluster::ValidCluster};
use controller::{ClusterImage, Leaving, PartitionImage};
use custom_resources::{cluster::OnScaleUp, cluster_status::ScalingStatus};
use model::{BrokerId, TopicPartition};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scale {
    /// Of the StatefulSet.
    pub replicas: i32,
    /// Why these are more than the spec says.
    pub held: Option<String>,
    /// Replicas to move off brokers that are to go, or onto those that were added.
    pub moves: Vec<(TopicPartition, Vec<BrokerId>)>,
    /// Moves to call back: they lead to brokers that are to go, or away from brokers that stay after all.
    pub cancels: Vec<TopicPartition>,
    /// Brokers that are gone for good.
    pub forgotten: Vec<BrokerId>,
    /// What moves, for people and for the operator that comes next.
    pub progress: Option<ScalingStatus>,
}

/// What a spec says of it, and what was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub replicas: i32,
    /// Brokers that are given nothing: all that are not wanted, and more while their pods are not wanted for sure.
    pub leaving: Leaving,
    pub on_scale_up: OnScaleUp,
    /// Partitions on the move at once.
    pub moves_at_once: usize,
    /// Brokers that were added and do not have their share yet.
    pub filling: Vec<i32>,
    /// Brokers that were to go.
    pub draining: Vec<i32>,
}

impl Wanted {
    pub fn by(cluster: &ValidCluster, leaving: Leaving) -> Self {
        let rebalance = &cluster.spec.rebalance;
        Self {
            replicas: cluster.spec.replicas,
            leaving,
            on_scale_up: rebalance.on_scale_up,
            moves_at_once: usize::try_from(rebalance.max_concurrent_moves).unwrap_or(usize::MAX),
            filling: cluster.known_filling.clone(),
            draining: cluster.known_draining.clone(),
        }
    }

    /// What is to be reported while nothing can be decided: who was to go is known from there alone.
    fn still(&self, onto: &[i32]) -> Option<ScalingStatus> {
        let progress = ScalingStatus { onto: onto.to_vec(), draining: self.draining.clone(), replicas_remaining: 0 };
        (progress != ScalingStatus::default()).then_some(progress)
    }
}

/// `current`: pods that the StatefulSet is to have now; `None` where there is none yet.
pub fn decide(spec: &Wanted, current: Option<i32>, image: Option<&ClusterImage>) -> Scale {
    let wanted = spec.replicas;
    let current = current.unwrap_or(wanted);
    let (grows, shrinks) = (wanted > current, wanted < current);
    let mut onto: Vec<i32> = spec.filling.iter().copied().filter(|id| *id < wanted).collect();
    if spec.on_scale_up == OnScaleUp::Leave {
        onto.clear();
    } else if grows {
        onto.extend((current..wanted).filter(|id| !spec.filling.contains(id)));
        if (current..wanted).any(|id| !spec.filling.contains(&id)) {
            // First it is reported that they are new. What was seen of the set may be old: pods that serve, or hold replicas, stay.
            let progress = spec.still(&onto);
            let replicas = image.map_or(current, |image| current.max(there(image, wanted)));
            return Scale { replicas, progress, ..Scale::default() };
        }
    }
    let filling = (!onto.is_empty()).then(|| ScalingStatus { onto: onto.clone(), ..ScalingStatus::default() });
    let Some(image) = image else {
        let held = shrinks.then(|| "the controller of the cluster does not decide".to_owned());
        return Scale { replicas: current.max(wanted), held, progress: spec.still(&onto), ..Scale::default() };
    };
    let forgotten = forgotten(image, current.min(wanted));
    let all = || image.topics.iter().flat_map(|topic| &topic.partitions);
    let remaining: usize = all().map(|partition| partition.replicas.iter().filter(|id| id.0 >= wanted).count()).sum();
    // Also after the pod went: a topic whose deletion was undone may have replicas there.
    if remaining > 0 {
        let replicas = current.max(wanted).max(there(image, i32::MAX));
        return Scale { forgotten, ..drain(image, spec, replicas, remaining) };
    }
    let staying = Staying::after_all(image, spec);
    let Some(filling) = filling else {
        return Scale {
            replicas: wanted,
            forgotten,
            progress: staying.progress(),
            cancels: staying.cancels,
            ..Scale::default()
        };
    };
    let new: Vec<_> = onto.iter().copied().map(BrokerId).collect();
    let filling::Filling { moves, remaining } =
        filling::decide(image, spec, &new, spec.moves_at_once.saturating_sub(moving(image)));
    let filling = (remaining > 0).then(|| ScalingStatus { replicas_remaining: count(remaining), ..filling });
    let progress = filling.map(|filling| ScalingStatus { draining: staying.draining(), ..filling });
    let progress = progress.or_else(|| staying.progress());
    Scale { replicas: wanted, moves, forgotten, progress, cancels: staying.cancels, ..Scale::default() }
}

fn drain(image: &ClusterImage, spec: &Wanted, replicas: i32, remaining: usize) -> Scale {
    let wanted = spec.replicas;
    let staying = usize::try_from(wanted).unwrap_or(0);
    let settled = |partition: &PartitionImage| partition.replicas.len() - partition.adding_replicas.len();
    let too_many = image.topics.iter().find_map(|topic| {
        let most = topic.partitions.iter().map(settled).max().filter(|most| *most > staying)?;
        Some((&topic.name, most))
    });
    let staying_after_all = Staying::after_all(image, spec);
    let mut cancels = cancels(image, wanted);
    cancels.extend(staying_after_all.cancels.iter().cloned());
    if let Some((name, most)) = too_many {
        let held = format!("topic {name} has {most} replicas, more than the {wanted} brokers that would be left");
        return Scale { replicas, held: Some(held), cancels, ..Scale::default() };
    }
    let mut held = format!("{remaining} replicas to move off the brokers that are to go");
    held.extend(in_the_way(image, |id| id.0 >= wanted));
    let going = image.brokers.keys().map(|id| id.0).filter(|id| *id >= wanted);
    let draining = staying_after_all.draining().into_iter().chain(going).collect();
    let progress = ScalingStatus { draining, replicas_remaining: count(remaining), ..ScalingStatus::default() };
    let moves = moves(image, spec);
    Scale { replicas, held: Some(held), moves, cancels, progress: Some(progress), ..Scale::default() }
}

/// Pods up to the last one below `end` that serves or has a replica.
fn there(image: &ClusterImage, end: i32) -> i32 {
    let partitions = image.topics.iter().flat_map(|topic| &topic.partitions);
    let holding = partitions.flat_map(|partition| &partition.replicas).map(|id| id.0);
    let serving = image.usable_brokers().map(|broker| broker.id.0);
    holding.chain(serving).filter(|id| *id < end).max().map_or(0, |last| last + 1)
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn moving(image: &ClusterImage) -> usize {
    let moves = |partition: &&PartitionImage| partition.is_being_reassigned() && !is_offline(partition);
    image.topics.iter().flat_map(|topic| &topic.partitions).filter(moves).count()
}

/// Brokers that were to go and are not to any more, while replicas are still on their way from them.
#[derive(Debug, Default)]
struct Staying {
    brokers: Vec<i32>,
    cancels: Vec<TopicPartition>,
}

impl Staying {
    fn after_all(image: &ClusterImage, spec: &Wanted) -> Self {
        let brokers: Vec<_> = spec.draining.iter().copied().filter(|id| *id < spec.replicas).collect();
        let leaves = |partition: &PartitionImage| partition.removing_replicas.iter().any(|id| brokers.contains(&id.0));
        let cancels = partitions_where(image, leaves);
        Self { brokers, cancels }
    }

    /// They are remembered until nothing is to be called back any more.
    fn draining(&self) -> Vec<i32> {
        if self.cancels.is_empty() { Vec::new() } else { self.brokers.clone() }
    }

    fn progress(&self) -> Option<ScalingStatus> {
        let (draining, replicas_remaining) = (self.draining(), count(self.cancels.len()));
        (!draining.is_empty()).then(|| ScalingStatus { draining, replicas_remaining, ..ScalingStatus::default() })
    }
}

fn partitions_where(image: &ClusterImage, holds: impl Fn(&PartitionImage) -> bool) -> Vec<TopicPartition> {
    let mut found = Vec::new();
    for topic in image.topics.iter() {
        let of_topic = topic.indexed_partitions().filter(|(_, partition)| holds(partition));
        found.extend(of_topic.map(|(partition, _)| TopicPartition { topic: topic.name.clone(), partition }));
    }
    found
}

/// Where only what was added is in sync the controller refuses, and the move ends before it begins the other way.
fn cancels(image: &ClusterImage, wanted: i32) -> Vec<TopicPartition> {
    partitions_where(image, |partition| partition.adding_replicas.iter().any(|id| id.0 >= wanted))
}

/// Registered, gone, and without replicas.
fn forgotten(image: &ClusterImage, brokers: i32) -> Vec<BrokerId> {
    let gone = image.brokers.values().filter(|broker| broker.id.0 >= brokers && broker.fenced);
    gone.map(|broker| broker.id).filter(|id| !holds_replicas(image, *id)).collect()
}

fn moves(image: &ClusterImage, spec: &Wanted) -> Vec<(TopicPartition, Vec<BrokerId>)> {
    let wanted = spec.replicas;
    let mut places = Places::new(image, spec.leaving);
    let mut moving = moving(image);
    let mut moves = Vec::new();
    for topic in image.topics.iter() {
        for (index, partition) in topic.indexed_partitions() {
            let leaves = partition.replicas.iter().any(|id| id.0 >= wanted);
            if !leaves || partition.is_being_reassigned() || is_offline(partition) {
                continue;
            }
            if moving >= spec.moves_at_once {
                return moves;
            }
            if let Some(replicas) = places.without(partition, |id| id.0 >= wanted) {
                moves.push((TopicPartition { topic: topic.name.clone(), partition: index }, replicas));
                moving += 1;
            }
        }
    }
    moves
}

#[cfg(test)]
mod tests;
