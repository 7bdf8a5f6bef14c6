//! Committed offsets of a group, from outside the group.

use super::Admin;
use crate::client::{ClientError, Result, wire};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
};
use model::{GroupId, Offset, TopicPartition};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: Option<i32>,
    pub(crate) metadata: String,
}

impl Committed {
    pub(crate) fn at(offset: Offset) -> Self {
        Self { offset, leader_epoch: None, metadata: String::new() }
    }
}

impl Admin {
    /// Everything a group has committed.
    pub(crate) async fn committed_offsets(&self, group: &GroupId) -> Result<BTreeMap<TopicPartition, Committed>> {
        committed_offsets(&self.cluster, group, None).await
    }

    /// Sets offsets of a group without members.
    pub(crate) async fn alter_offsets(
        &self,
        group: &GroupId,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let committed = offsets.iter().map(|(partition, offset)| (partition.clone(), Committed::at(*offset))).collect();
        // Generation -1 and no member: the coordinator takes it only while nobody is in the group.
        let request = commit_request(group, -1, "", &committed);
        let answer = self
            .cluster
            .call_coordinator(group, &request, |answer| {
                let partition = answer.topics.first().and_then(|topic| topic.partitions.first());
                partition.and_then(|partition| ClientError::from_code(partition.error_code, None, ""))
            })
            .await?;
        for topic in answer.topics {
            for partition in topic.partitions {
                let name = TopicPartition::new(topic.name.as_str(), partition.partition_index);
                ClientError::check(partition.error_code, None, format!("group {group}, partition {name}"))?;
            }
        }
        Ok(())
    }

    /// Forgets offsets. The outer error concerns the whole group, the inner ones a partition each.
    pub(crate) async fn delete_offsets(
        &self,
        group: &GroupId,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Result<()>>> {
        let topics = wire::by_topic(partitions.iter().map(|partition| (partition.clone(), ())));
        let topics = topics.into_iter().map(|(topic, partitions)| {
            let partitions = partitions
                .into_iter()
                .map(|(index, ())| OffsetDeleteRequestPartition::default().with_partition_index(index));
            OffsetDeleteRequestTopic::default().with_name(wire::topic(&topic)).with_partitions(partitions.collect())
        });
        let request = OffsetDeleteRequest::default().with_group_id(wire::group(group)).with_topics(topics.collect());
        let answer = self
            .cluster
            .call_coordinator(group, &request, |answer| ClientError::from_code(answer.error_code, None, ""))
            .await?;
        ClientError::check(answer.error_code, None, format!("group {group}"))?;
        let outcomes = answer.topics.into_iter().flat_map(|topic| {
            topic.partitions.into_iter().map(move |partition| {
                let name = TopicPartition::new(topic.name.as_str(), partition.partition_index);
                let outcome = ClientError::check(partition.error_code, None, format!("partition {name}"));
                (name, outcome)
            })
        });
        Ok(outcomes.collect())
    }
}

/// Committed offsets of some partitions, or of all (`None`). Partitions without one are left out.
pub(crate) async fn committed_offsets(
    cluster: &crate::client::Cluster,
    group: &GroupId,
    partitions: Option<&[TopicPartition]>,
) -> Result<BTreeMap<TopicPartition, Committed>> {
    let topics = partitions.map(|partitions| {
        let topics = wire::by_topic(partitions.iter().map(|partition| (partition.clone(), ())));
        let topics = topics.into_iter().map(|(topic, partitions)| {
            let indexes = partitions.into_iter().map(|(index, ())| index).collect();
            OffsetFetchRequestTopics::default().with_name(wire::topic(&topic)).with_partition_indexes(indexes)
        });
        topics.collect()
    });
    let asked = OffsetFetchRequestGroup::default().with_group_id(wire::group(group)).with_topics(topics);
    let request = OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(partitions.is_some());
    let answer = cluster
        .call_coordinator(group, &request, |answer| {
            answer.groups.first().and_then(|group| ClientError::from_code(group.error_code, None, ""))
        })
        .await?;
    let mut committed = BTreeMap::new();
    for answered in answer.groups {
        ClientError::check(answered.error_code, None, format!("group {group}"))?;
        for topic in answered.topics {
            for partition in topic.partitions {
                let name = TopicPartition::new(topic.name.as_str(), partition.partition_index);
                ClientError::check(partition.error_code, None, format!("group {group}, partition {name}"))?;
                if partition.committed_offset >= 0 {
                    let epoch = (partition.committed_leader_epoch >= 0).then_some(partition.committed_leader_epoch);
                    let metadata = partition.metadata.map(|text| text.to_string()).unwrap_or_default();
                    committed.insert(
                        name,
                        Committed { offset: Offset(partition.committed_offset), leader_epoch: epoch, metadata },
                    );
                }
            }
        }
    }
    Ok(committed)
}

pub(crate) fn commit_request(
    group: &GroupId,
    generation: i32,
    member_id: &str,
    offsets: &BTreeMap<TopicPartition, Committed>,
) -> OffsetCommitRequest {
    let items = offsets.iter().map(|(partition, committed)| (partition.clone(), committed));
    let topics = wire::by_topic(items).into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(index, committed)| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(committed.offset.0)
                .with_committed_leader_epoch(committed.leader_epoch.unwrap_or(-1))
                .with_committed_metadata(Some(wire::text(&committed.metadata)))
        });
        OffsetCommitRequestTopic::default().with_name(wire::topic(&topic)).with_partitions(partitions.collect())
    });
    OffsetCommitRequest::default()
        .with_group_id(wire::group(group))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(wire::text(member_id))
        .with_topics(topics.collect())
}
