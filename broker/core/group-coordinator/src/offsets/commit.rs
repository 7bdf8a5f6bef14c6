//! OffsetCommit and OffsetDelete.

use super::{CommittedOffset, store::OffsetStore};
use crate::{
    config::GroupConfig,
    decision::{Decision, Fact, Now, ReplyTo},
    errors::{CommitRefusal, GroupError},
    group::{ClassicGroup, GroupState, membership},
    ids::Generation,
    records::Record,
    reply::Reply,
    request::{CommitOffsets, DeleteOffsets, OffsetToCommit},
};
use model::{
    WallTime,
    mistakes::{Mistake, is_made},
};

/// `known` is the group if there is one.
pub(crate) fn decide_commit(
    config: &GroupConfig,
    known: Option<&ClassicGroup>,
    to: ReplyTo,
    request: CommitOffsets,
    now: Now,
) -> Decision {
    if let Err(error) = validate_commit(known, &request) {
        return Decision::reply(to, Reply::CommitOffsets(Err(error)));
    }
    let asked_retention = request.retention_ms.filter(|retention| *retention != -1);
    let expire_timestamp = asked_retention.map(|retention| now.wall.plus_ms(retention));
    let mut records = Vec::with_capacity(request.partitions.len());
    let mut results = Vec::with_capacity(request.partitions.len());
    for partition in request.partitions {
        if partition.metadata.len() > config.max_offset_metadata_bytes {
            results.push(Err(CommitRefusal::OffsetMetadataTooLarge));
            continue;
        }
        results.push(Ok(()));
        records.push(to_record(&request.group, partition, now.wall, expire_timestamp));
    }
    let mut decision = Decision::reply(to, Reply::CommitOffsets(Ok(results)));
    match known {
        // A commit shows that the member lives.
        Some(group) if matches!(group.state, GroupState::Stable | GroupState::PreparingRebalance) => {
            decision.timers.extend(membership::session_restart(group, &request.member));
        }
        Some(_) => {}
        // A consumer that assigns itself uses the group only to keep offsets: a "simple" group without a type.
        None if !records.is_empty() => {
            let group = ClassicGroup::new(request.group.clone(), now.wall);
            decision.groups.push((request.group.clone(), Some(group)));
        }
        None => {}
    }
    if !records.is_empty() {
        decision.facts.push(Fact::OffsetsCommitted { group: request.group, count: records.len() });
    }
    decision.records = records;
    decision
}

fn validate_commit(known: Option<&ClassicGroup>, request: &CommitOffsets) -> Result<(), GroupError> {
    let has_no_generation = request.generation < Generation(0);
    let Some(group) = known else {
        return match (has_no_generation, request.group_not_found_is_known) {
            (true, _) => Ok(()),
            (false, true) => Err(GroupError::GroupIdNotFound),
            (false, false) => Err(GroupError::IllegalGeneration),
        };
    };
    if has_no_generation && group.is_empty() {
        return Ok(());
    }
    if has_no_generation && request.member.is_unknown() && request.instance.is_none() {
        return Err(GroupError::UnknownMemberId);
    }
    if is_made(Mistake::CommitOfAnyone) {
        return Ok(());
    }
    group.validate_member(&request.member, request.instance.as_ref())?;
    if request.generation != group.generation {
        return Err(GroupError::IllegalGeneration);
    }
    if group.state == GroupState::CompletingRebalance {
        // The member knows the new generation but has no assignment in it yet, so it cannot own what it commits.
        return Err(GroupError::RebalanceInProgress);
    }
    Ok(())
}

fn to_record(
    group: &model::GroupId,
    partition: OffsetToCommit,
    now: WallTime,
    expire_timestamp: Option<WallTime>,
) -> Record {
    let value = CommittedOffset {
        offset: partition.offset,
        leader_epoch: partition.leader_epoch,
        metadata: partition.metadata,
        commit_timestamp: now,
        expire_timestamp,
        topic_id: partition.topic_id,
    };
    Record::Offset { group: group.clone(), topic: partition.topic, partition: partition.partition, value: Some(value) }
}

/// `known` is the group if there is one.
pub(crate) fn decide_delete(
    store: &OffsetStore,
    known: Option<&ClassicGroup>,
    to: ReplyTo,
    request: DeleteOffsets,
) -> Decision {
    let group = match validate_delete(known) {
        Ok(group) => group,
        Err(error) => return Decision::reply(to, Reply::DeleteOffsets(Err(error))),
    };
    let mut records = Vec::new();
    let mut results = Vec::with_capacity(request.partitions.len());
    for (topic, partition) in request.partitions {
        if group.is_subscribed_to(&topic) {
            results.push(Err(GroupError::GroupSubscribedToTopic));
            continue;
        }
        // Deleting what is not there is a success.
        if store.get(&request.group, &topic, partition).is_some() {
            records.push(Record::Offset { group: request.group.clone(), topic, partition, value: None });
        }
        results.push(Ok(()));
    }
    let mut decision = Decision::reply(to, Reply::DeleteOffsets(Ok(results)));
    if !records.is_empty() {
        decision.facts.push(Fact::OffsetsDeleted { group: request.group, count: records.len() });
    }
    decision.records = records;
    decision
}

/// Of groups with members only those whose subscriptions are understood can lose offsets.
fn validate_delete(known: Option<&ClassicGroup>) -> Result<&ClassicGroup, GroupError> {
    let group = known.ok_or(GroupError::GroupIdNotFound)?;
    if !group.is_empty() && !group.uses_consumer_protocol() {
        return Err(GroupError::NonEmptyGroup);
    }
    Ok(group)
}
