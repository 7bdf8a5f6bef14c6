//! OffsetFetch.

use super::{CommittedOffset, store::OffsetStore};
use crate::{
    errors::GroupError,
    reply::{FetchedOffset, FetchedTopic},
    request::FetchOffsets,
};
use model::{GroupId, LeaderEpoch, Offset, PartitionIndex, TopicName};

/// A group that is not known has no offsets, which is no error.
pub(crate) fn fetch(store: &OffsetStore, request: &FetchOffsets) -> Vec<FetchedTopic> {
    match &request.partitions {
        Some(topics) => topics
            .iter()
            .map(|(topic, partitions)| {
                let partitions = partitions.iter().map(|partition| one(store, request, topic, *partition));
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
            let partitions = partitions.keys().map(|partition| one(store, request, topic, *partition));
            FetchedTopic { topic: topic.clone(), partitions: partitions.collect() }
        })
        .collect()
}

fn one(store: &OffsetStore, request: &FetchOffsets, topic: &TopicName, partition: PartitionIndex) -> FetchedOffset {
    let group: &GroupId = &request.group;
    if request.require_stable && store.is_pending(group, topic, partition) {
        return answer(partition, None, Some(GroupError::UnstableOffsetCommit));
    }
    answer(partition, store.get(group, topic, partition), None)
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
