//! The durable half of the offsets: a map that only records change.

use super::CommittedOffset;
use crate::records::Record;
use model::{GroupId, PartitionIndex, ProducerId, TopicId, TopicName};
use std::collections::BTreeMap;

pub(crate) type TopicOffsets = BTreeMap<TopicName, BTreeMap<PartitionIndex, CommittedOffset>>;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OffsetStore {
    committed: BTreeMap<GroupId, TopicOffsets>,
    /// How many committed offsets each topic has, over all groups.
    topics: BTreeMap<(TopicName, TopicId), usize>,
    /// Commits inside open transactions: invisible until the marker of their producer comes (KIP-98).
    pending: BTreeMap<GroupId, BTreeMap<ProducerId, PendingOffsets>>,
}

type PendingOffsets = BTreeMap<(TopicName, PartitionIndex), Pending>;

#[derive(Debug, Clone, PartialEq)]
struct Pending {
    value: CommittedOffset,
    /// A commit outside of the transaction came later in the log; it stands whatever becomes of the transaction.
    is_superseded: bool,
}

impl OffsetStore {
    pub(crate) fn groups(&self) -> impl Iterator<Item = &GroupId> {
        self.committed.keys()
    }

    /// Every topic that some group has an offset for, by name and the id it had then.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &(TopicName, TopicId)> {
        self.topics.keys()
    }

    pub(crate) fn len(&self) -> usize {
        self.topics.values().sum()
    }

    pub(crate) fn of_group(&self, group: &GroupId) -> Option<&TopicOffsets> {
        self.committed.get(group)
    }

    pub(crate) fn get(&self, group: &GroupId, topic: &str, partition: PartitionIndex) -> Option<&CommittedOffset> {
        self.committed.get(group)?.get(topic)?.get(&partition)
    }

    pub(crate) fn put(
        &mut self,
        group: &GroupId,
        topic: &TopicName,
        partition: PartitionIndex,
        value: CommittedOffset,
    ) {
        for offsets in self.pending.get_mut(group).into_iter().flat_map(BTreeMap::values_mut) {
            if let Some(pending) = offsets.get_mut(&(topic.clone(), partition)) {
                pending.is_superseded = true;
            }
        }
        self.commit(group, topic, partition, value);
    }

    fn commit(&mut self, group: &GroupId, topic: &TopicName, partition: PartitionIndex, value: CommittedOffset) {
        *self.topics.entry((topic.clone(), value.topic_id)).or_default() += 1;
        let topics = self.committed.entry(group.clone()).or_default();
        let replaced = match topics.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, value),
            None => topics.entry(topic.clone()).or_default().insert(partition, value),
        };
        if let Some(replaced) = replaced {
            self.forget(topic, replaced.topic_id);
        }
    }

    fn forget(&mut self, topic: &TopicName, id: TopicId) {
        let key = (topic.clone(), id);
        if let Some(count) = self.topics.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.topics.remove(&key);
            }
        }
    }

    pub(crate) fn remove(&mut self, group: &GroupId, topic: &TopicName, partition: PartitionIndex) {
        let Some(topics) = self.committed.get_mut(group) else { return };
        let Some(partitions) = topics.get_mut(topic) else { return };
        let Some(removed) = partitions.remove(&partition) else { return };
        if partitions.is_empty() {
            topics.remove(topic);
        }
        if topics.is_empty() {
            self.committed.remove(group);
        }
        self.forget(topic, removed.topic_id);
    }

    pub(crate) fn has_pending(&self, group: &GroupId) -> bool {
        self.pending.contains_key(group)
    }

    pub(crate) fn is_pending(&self, group: &GroupId, topic: &TopicName, partition: PartitionIndex) -> bool {
        let Some(producers) = self.pending.get(group) else { return false };
        let key = (topic.clone(), partition);
        producers.values().any(|offsets| offsets.contains_key(&key))
    }

    /// A record of an open transaction. Groups are never recorded inside one.
    pub(crate) fn put_pending(&mut self, producer: ProducerId, record: &Record) {
        if let Record::Offset { group, topic, partition, value: Some(value) } = record {
            let offsets = self.pending.entry(group.clone()).or_default().entry(producer).or_default();
            let pending = Pending { value: value.clone(), is_superseded: false };
            offsets.insert((topic.clone(), *partition), pending);
        }
    }

    /// The transaction ended: its commits count now, or never did.
    pub(crate) fn end_transaction(&mut self, producer: ProducerId, committed: bool) {
        let mut ended = Vec::new();
        for (group, producers) in &mut self.pending {
            ended.extend(producers.remove(&producer).map(|offsets| (group.clone(), offsets)));
        }
        self.pending.retain(|_, producers| !producers.is_empty());
        for (group, offsets) in ended.into_iter().filter(|_| committed) {
            for ((topic, partition), pending) in offsets {
                if !pending.is_superseded {
                    self.commit(&group, &topic, partition, pending.value);
                }
            }
        }
    }
}
