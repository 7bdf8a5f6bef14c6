//! OffsetFetch: one group up to v7, many from v8 (KIP-709).

use super::{RequestContext, error_codes, group_words};
use group_coordinator::{
    GroupError,
    reply::{FetchedOffset, FetchedTopic},
    request::FetchOffsets,
};
use kafka_protocol::messages::{
    GroupId as WireGroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName as WireTopicName,
    offset_fetch_response::{
        OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
        OffsetFetchResponseTopic, OffsetFetchResponseTopics,
    },
};
use model::{LeaderEpoch, Offset, PartitionIndex, TopicName};

/// From here on an error of the whole group has a place of its own.
const WITH_GROUP_ERROR: i16 = 2;
const WITH_LEADER_EPOCH: i16 = 5;
const FIRST_BATCHED: i16 = 8;

type Topics = Option<Vec<(TopicName, Vec<PartitionIndex>)>>;

pub(crate) async fn handle(context: &RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let require_stable = request.require_stable;
    if context.version < FIRST_BATCHED {
        let asked = request.topics.as_ref();
        let topics: Topics = asked.map(|topics| topics.iter().map(|t| topic(&t.name, &t.partition_indexes)).collect());
        let fetched = fetch(context, &request.group_id, topics.clone(), require_stable).await;
        return single(context.version, topics.unwrap_or_default(), fetched);
    }
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        let asked = group.topics.as_ref();
        let topics: Topics = asked.map(|topics| topics.iter().map(|t| topic(&t.name, &t.partition_indexes)).collect());
        let fetched = fetch(context, &group.group_id, topics, require_stable).await;
        groups.push(batched(group.group_id, fetched));
    }
    OffsetFetchResponse::default().with_groups(groups)
}

fn topic(name: &WireTopicName, partitions: &[i32]) -> (TopicName, Vec<PartitionIndex>) {
    (TopicName::from(name.as_str()), partitions.iter().copied().map(PartitionIndex).collect())
}

async fn fetch(
    context: &RequestContext,
    group: &WireGroupId,
    partitions: Topics,
    require_stable: bool,
) -> Result<Vec<FetchedTopic>, GroupError> {
    let request = FetchOffsets { group: group_words::group(group), partitions, require_stable };
    context.broker.groups.fetch_offsets(request).await
}

fn single(
    version: i16,
    asked: Vec<(TopicName, Vec<PartitionIndex>)>,
    fetched: Result<Vec<FetchedTopic>, GroupError>,
) -> OffsetFetchResponse {
    let topic = |topic: FetchedTopic| {
        let partitions = topic.partitions.into_iter().map(|offset| single_partition(version, &offset)).collect();
        let name = WireTopicName(group_words::wire_text(&topic.topic));
        OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions)
    };
    match fetched {
        Ok(topics) => OffsetFetchResponse::default().with_topics(topics.into_iter().map(topic).collect()),
        Err(error) if version >= WITH_GROUP_ERROR => {
            OffsetFetchResponse::default().with_error_code(error_codes::group(error))
        }
        Err(error) => {
            let refused = asked.into_iter().map(|(name, partitions)| FetchedTopic {
                topic: name,
                partitions: partitions.into_iter().map(|partition| refused_partition(partition, error)).collect(),
            });
            OffsetFetchResponse::default().with_topics(refused.map(topic).collect())
        }
    }
}

fn refused_partition(partition: PartitionIndex, error: GroupError) -> FetchedOffset {
    FetchedOffset {
        partition,
        offset: Offset::NONE,
        leader_epoch: LeaderEpoch::UNKNOWN,
        metadata: "".into(),
        error: Some(error),
    }
}

fn single_partition(version: i16, fetched: &FetchedOffset) -> OffsetFetchResponsePartition {
    let epoch = if version >= WITH_LEADER_EPOCH { fetched.leader_epoch } else { LeaderEpoch::UNKNOWN };
    OffsetFetchResponsePartition::default()
        .with_partition_index(fetched.partition.0)
        .with_committed_offset(fetched.offset.0)
        .with_committed_leader_epoch(epoch.0)
        .with_metadata(Some(group_words::wire_text(&fetched.metadata)))
        .with_error_code(fetched.error.map_or(0, error_codes::group))
}

fn batched(group: WireGroupId, fetched: Result<Vec<FetchedTopic>, GroupError>) -> OffsetFetchResponseGroup {
    let answer = OffsetFetchResponseGroup::default().with_group_id(group);
    match fetched {
        Ok(topics) => answer.with_topics(topics.into_iter().map(batched_topic).collect()),
        Err(error) => answer.with_error_code(error_codes::group(error)),
    }
}

fn batched_topic(topic: FetchedTopic) -> OffsetFetchResponseTopics {
    let partition = |fetched: FetchedOffset| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(fetched.partition.0)
            .with_committed_offset(fetched.offset.0)
            .with_committed_leader_epoch(fetched.leader_epoch.0)
            .with_metadata(Some(group_words::wire_text(&fetched.metadata)))
            .with_error_code(fetched.error.map_or(0, error_codes::group))
    };
    OffsetFetchResponseTopics::default()
        .with_name(WireTopicName(group_words::wire_text(&topic.topic)))
        .with_partitions(topic.partitions.into_iter().map(partition).collect())
}
