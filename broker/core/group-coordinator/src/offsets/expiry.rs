//! When offsets go: with time (KIP-211, KIP-496), with their topic, with their group.

use super::{CommittedOffset, store::OffsetStore};
use crate::{
    config::GroupConfig,
    decision::{Decision, Fact, ReplyTo},
    errors::GroupError,
    group::{ClassicGroup, GroupState},
    records::Record,
    reply::Reply,
};
use model::{GroupId, TopicId, TopicName, WallTime};
use std::collections::BTreeMap;

/// From when on the retention of a group's offsets counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// The group became empty; known only for groups recorded since value version 2.
    Empty(WallTime),
    Commit,
    /// The group's offsets do not expire now.
    Never,
}

fn since(group: &ClassicGroup) -> Since {
    match (&group.protocol_type, group.state) {
        // A simple group: nobody can tell whether its consumers are there.
        (None, _) => Since::Commit,
        (Some(_), GroupState::Empty) => group.state_since.map_or(Since::Commit, Since::Empty),
        (Some(_), GroupState::Stable) if group.uses_consumer_protocol() && group.subscribed_topics.is_some() => {
            Since::Commit
        }
        _ => Since::Never,
    }
}

fn is_expired(committed: &CommittedOffset, since: Since, config: &GroupConfig, now: WallTime) -> bool {
    if since == Since::Never {
        return false;
    }
    if let Some(expire) = committed.expire_timestamp {
        return now >= expire;
    }
    let start = if let Since::Empty(when) = since { when } else { committed.commit_timestamp };
    let age_ms = now.as_ms().saturating_sub(start.as_ms());
    u128::try_from(age_ms).is_ok_and(|age_ms| age_ms >= config.offsets_retention.as_millis())
}

/// One look at every group. An empty group without offsets goes too.
pub(crate) fn decide_expiry(
    config: &GroupConfig,
    groups: &BTreeMap<GroupId, ClassicGroup>,
    store: &OffsetStore,
    now: WallTime,
) -> Decision {
    let mut decision = Decision::default();
    for (id, group) in groups {
        let since = since(group);
        let mut expired = 0;
        let mut all_expired = !store.has_pending(id);
        for (topic, partitions) in store.of_group(id).into_iter().flatten() {
            let is_in_use = group.is_subscribed_to(topic);
            for (partition, committed) in partitions {
                let is_free = !is_in_use && !store.is_pending(id, topic, *partition);
                if is_free && is_expired(committed, since, config, now) {
                    expired += 1;
                    decision.records.push(Record::Offset {
                        group: id.clone(),
                        topic: topic.clone(),
                        partition: *partition,
                        value: None,
                    });
                } else {
                    all_expired = false;
                }
            }
        }
        if expired > 0 {
            decision.facts.push(Fact::OffsetsExpired { group: id.clone(), count: expired });
        }
        if all_expired && group.is_empty() && group.pending_members.is_empty() {
            remove_group(&mut decision, id);
        }
    }
    decision
}

/// Offsets of a topic of the same name and another id belong to its next life, and stay.
pub(crate) fn decide_topics_deleted(store: &OffsetStore, topics: &[(TopicName, TopicId)]) -> Decision {
    let mut decision = Decision::default();
    for group in store.groups() {
        let before = decision.records.len();
        for (topic, id) in topics {
            let partitions = store.of_group(group).and_then(|offsets| offsets.get(topic)).into_iter().flatten();
            let gone = partitions.filter(|(_, committed)| committed.topic_id == *id);
            decision.records.extend(gone.map(|(partition, _)| Record::Offset {
                group: group.clone(),
                topic: topic.clone(),
                partition: *partition,
                value: None,
            }));
        }
        let count = decision.records.len() - before;
        if count > 0 {
            decision.facts.push(Fact::OffsetsDeleted { group: group.clone(), count });
        }
    }
    decision
}

/// `known` is the group if there is one.
pub(crate) fn decide_delete_group(
    store: &OffsetStore,
    known: Option<&ClassicGroup>,
    to: ReplyTo,
    id: &GroupId,
) -> Decision {
    let refusal = match known {
        None => Some(GroupError::GroupIdNotFound),
        Some(group) if !group.is_empty() => Some(GroupError::NonEmptyGroup),
        Some(_) => None,
    };
    if let Some(error) = refusal {
        return Decision::reply(to, Reply::DeleteGroup(Err(error)));
    }
    let mut decision = Decision::reply(to, Reply::DeleteGroup(Ok(())));
    for (topic, partitions) in store.of_group(id).into_iter().flatten() {
        decision.records.extend(partitions.keys().map(|partition| Record::Offset {
            group: id.clone(),
            topic: topic.clone(),
            partition: *partition,
            value: None,
        }));
    }
    remove_group(&mut decision, id);
    decision
}

/// The tombstone comes last: whoever reads only the first part of it still has the group.
fn remove_group(decision: &mut Decision, id: &GroupId) {
    decision.records.push(Record::Group { group: id.clone(), value: None });
    decision.groups.push((id.clone(), None));
    decision.facts.push(Fact::GroupRemoved { group: id.clone() });
}
