//! Moving replicas: the targets are added, catch up and join the ISR ([`super::alter_partitions`] sees that), then the
//! rest leaves.

use super::Draft;
use crate::{
    errors::ReassignmentError,
    image::{ClusterImage, PartitionImage, TopicImage},
    leaving::Leaving,
    record::MetadataRecord,
    requests::{ReassignPartitions, Reply},
    succession::{Rules, TopicRules},
};
use model::{BrokerId, TopicPartition};
use std::collections::BTreeSet;

pub(super) fn decide(draft: &mut Draft, leaving: Leaving, request: &ReassignPartitions) -> Reply {
    let results = request.partitions.iter().map(|(partition, target)| {
        let result = match target {
            Some(target) => reassign(draft, leaving, partition, target, request.allow_replication_factor_change),
            None => cancel(draft, partition),
        };
        (partition.clone(), result)
    });
    Reply::PartitionsReassigned(results.collect())
}

fn find<'a>(
    draft: &'a Draft,
    partition: &TopicPartition,
) -> Result<(&'a TopicImage, &'a PartitionImage), ReassignmentError> {
    let topic = draft.image().topic(&partition.topic).ok_or(ReassignmentError::UnknownPartition)?;
    let current = topic.partition(partition.partition).ok_or(ReassignmentError::UnknownPartition)?;
    Ok((topic, current))
}

/// Replicas become target ∪ current, and the rest leaves once every target is in the ISR. Where the target adds nobody
/// that point is now.
fn reassign(
    draft: &mut Draft,
    leaving: Leaving,
    partition: &TopicPartition,
    target: &[BrokerId],
    allow_replication_factor_change: bool,
) -> Result<(), ReassignmentError> {
    let (topic, current) = find(draft, partition)?;
    check_target(draft, target)?;
    let settled = settled_replicas(current);
    if let Some(going) = target.iter().find(|id| leaving.includes(**id) && !settled.contains(id)) {
        let reason = format!("broker {going} of the target is about to go, and has no replica of the partition");
        return Err(ReassignmentError::InvalidAssignment(reason));
    }
    if !allow_replication_factor_change && target.len() != settled.len() {
        return Err(ReassignmentError::InvalidReplicationFactor(format!(
            "the partition has {} replica(s), the target {}",
            settled.len(),
            target.len()
        )));
    }
    let state = begun(draft.image(), topic, current, target)?;
    if state.same_but_epochs(current) {
        return Ok(());
    }
    let id = topic.id;
    draft.add(MetadataRecord::PartitionChanged { id, partition: partition.partition, state });
    Ok(())
}

/// The partition once the reassignment has begun.
pub(super) fn begun(
    image: &ClusterImage,
    topic: &TopicImage,
    current: &PartitionImage,
    target: &[BrokerId],
) -> Result<PartitionImage, ReassignmentError> {
    let settled = settled_replicas(current);
    let mut state = PartitionImage {
        adding_replicas: target.iter().copied().filter(|id| !settled.contains(id)).collect(),
        removing_replicas: settled.iter().copied().filter(|id| !target.contains(id)).collect(),
        ..current.clone()
    };
    let leaving = state.removing_replicas.iter().copied();
    state.replicas = target.iter().copied().chain(leaving).collect();
    if target.iter().all(|id| current.isr.contains(id)) {
        state.drop_removing_replicas();
    }
    let rules = Rules::of(image);
    let rules = rules.of_topic(topic);
    // Replicas that an earlier reassignment was adding may be in sync already, and leave with it.
    let isr = isr_among(&state.replicas, current, &rules)?;
    state.settle(current, isr, &rules);
    Ok(state)
}

/// Who stays in the ISR when only these replicas are left. Replicas that have what is committed may not leave while too few
/// of those that stay are in sync: the loss of one machine, before anybody knows of it, would be the loss of records.
fn isr_among(
    replicas: &[BrokerId],
    current: &PartitionImage,
    rules: &TopicRules<'_>,
) -> Result<Vec<BrokerId>, ReassignmentError> {
    if current.isr.is_empty() {
        let reason = "the disk of the only replica in sync was lost: have a leader elected uncleanly first";
        return Err(ReassignmentError::InvalidAssignment(reason.to_owned()));
    }
    let (isr, in_sync_leave): (Vec<BrokerId>, Vec<_>) = current.isr.iter().partition(|id| replicas.contains(id));
    if isr.is_empty() {
        let reason = "only replicas that would leave are in sync: without them data would be lost";
        return Err(ReassignmentError::InvalidAssignment(reason.to_owned()));
    }
    let eligible_leave = current.elr.iter().copied().filter(|id| !replicas.contains(id));
    let in_sync_leave = in_sync_leave.into_iter().filter(|_| !rules.are_enough(&isr, replicas));
    match eligible_leave.chain(in_sync_leave).next() {
        Some(needed) => Err(ReassignmentError::InvalidAssignment(format!(
            "broker {needed} would leave, and only {} of the {} replicas that stay are sure to have every record: wait \
             until min.insync.replicas of them are in sync, or name broker {needed} in the target",
            isr.len(),
            replicas.len()
        ))),
        None => Ok(isr),
    }
}

/// The replicas without a running reassignment.
fn settled_replicas(current: &PartitionImage) -> Vec<BrokerId> {
    current.replicas.iter().copied().filter(|id| !current.adding_replicas.contains(id)).collect()
}

fn check_target(draft: &Draft, target: &[BrokerId]) -> Result<(), ReassignmentError> {
    let refuse = |reason: String| Err(ReassignmentError::InvalidAssignment(reason));
    if target.is_empty() {
        return refuse("the target names no broker".to_owned());
    }
    if target.iter().collect::<BTreeSet<_>>().len() != target.len() {
        return refuse("the target names a broker twice".to_owned());
    }
    match target.iter().find(|id| !draft.image().brokers.contains_key(id)) {
        Some(unknown) => refuse(format!("broker {unknown} of the target is not registered")),
        None => Ok(()),
    }
}

fn cancel(draft: &mut Draft, partition: &TopicPartition) -> Result<(), ReassignmentError> {
    let (topic, current) = find(draft, partition)?;
    if current.adding_replicas.is_empty() && current.removing_replicas.is_empty() {
        return Err(ReassignmentError::NotInProgress);
    }
    let replicas = settled_replicas(current);
    let rules = Rules::of(draft.image());
    let rules = rules.of_topic(topic);
    let isr = isr_among(&replicas, current, &rules)?;
    let mut state =
        PartitionImage { replicas, adding_replicas: Vec::new(), removing_replicas: Vec::new(), ..current.clone() };
    state.settle(current, isr, &rules);
    let id = topic.id;
    draft.add(MetadataRecord::PartitionChanged { id, partition: partition.partition, state });
    Ok(())
}
