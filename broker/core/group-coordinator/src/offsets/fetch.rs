//! OffsetFetch.

use super::{CommittedOffset, store::OffsetStore};
use crate::{
    errors::GroupError,
    reply::{FetchedOffset, FetchedTopic},
    request::FetchOffsets,
};
use model::{GroupId, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

/// A group that is not known has no offsets, which is no error.
pub(crate) fn fetch(store: &OffsetStore, request: &FetchOffsets) -> Vec<FetchedTopic> {
    match &request.topics {
        Some(topics) => topics
            .iter()
            .map(|asked| {
                let (topic, id) = (&asked.topic, asked.topic_id);
                let partitions = asked.partitions.iter().map(|partition| one(store, request, topic, id, *partition));
                FetchedTopic { topic: topic.clone(), partitions: partitions.collect() }
            })
            .collect(),
        None => all(store, request),
    }
}

fn all(store: &OffsetStore, request: &FetchOffsets) -> Vec<FetchedTopic> {
    let topics = store.of_group(&request.group).into_iter().flatten();
    topics
        .map(|(topic, partitions)| {
            let partitions = partitions.keys().map(|partition| one(store, request, topic, None, *partition));
            FetchedTopic { topic: topic.clone(), partitions: partitions.collect() }
        })
        .collect()
}

fn one(
    store: &OffsetStore,
    request: &FetchOffsets,
    topic: &TopicName,
    topic_id: Option<TopicId>,
    partition: PartitionIndex,
) -> FetchedOffset {
    let group: &GroupId = &request.group;
    if request.require_stable && store.is_pending(group, topic, partition) {
        return answer(partition, None, Some(GroupError::UnstableOffsetCommit));
    }
    let committed = store.get(group, topic, partition);
    answer(partition, committed.filter(|committed| is_of(committed, topic_id)), None)
}

/// Offsets committed by brokers that kept no ids are of whatever topic has the name.
fn is_of(committed: &CommittedOffset, topic_id: Option<TopicId>) -> bool {
    topic_id.is_none_or(|id| committed.topic_id.is_zero() || committed.topic_id == id)
}

fn answer(partition: PartitionIndex, committed: Option<&CommittedOffset>, error: Option<GroupError>) -> FetchedOffset {
    match committed {
        Some(committed) => FetchedOffset {
            partition,
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.clone(),
            error,
        },
        None => FetchedOffset {
            partition,
            offset: Offset::NONE,
            leader_epoch: LeaderEpoch::UNKNOWN,
            metadata: "".into(),
            error,
        },
    }
}
