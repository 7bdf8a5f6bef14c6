//! OffsetFetch: one group up to v7, many from v8 (KIP-709), topics by id from v10 (KIP-848).

use super::{RequestContext, Response, error_codes, group_words, row};
use bytes::Bytes;
use controller::ClusterImage;
use group_coordinator::{
    GroupError,
    reply::{FetchedOffset, FetchedTopic},
    request::{FetchOffsets, TopicToFetch},
};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        ApiKey, OffsetFetchResponse, TopicName as WireTopicName,
        offset_fetch_response::{
            OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
            OffsetFetchResponseTopic, OffsetFetchResponseTopics,
        },
    },
};
use model::{GroupId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use protocol::{
    offset_fetch_request::{AskedGroup, AskedTopic, OffsetFetchRequest},
    topic_reference::TopicReference,
};

/// From here on an error of the whole group has a place of its own.
const WITH_GROUP_ERROR: i16 = 2;
const WITH_LEADER_EPOCH: i16 = 5;
const FIRST_BATCHED: i16 = 8;
const FIRST_BY_ID: i16 = 10;

pub(crate) async fn handle(context: RequestContext, body: Bytes) -> Response {
    let request = OffsetFetchRequest::read(&body, context.version);
    let Some(request) = row::read(ApiKey::OffsetFetch, &context, request) else { return Response::Close };
    row::encode(ApiKey::OffsetFetch, &context, &answer(&context, &request).await)
}

async fn answer(context: &RequestContext, request: &OffsetFetchRequest<'_>) -> OffsetFetchResponse {
    let image = context.broker.metadata.current();
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in &request.groups {
        let fetched = fetch(context, &image, group, request.require_stable).await;
        if context.version < FIRST_BATCHED {
            return single(context.version, group, fetched);
        }
        groups.push(batched(context.version, &image, group, fetched));
    }
    OffsetFetchResponse::default().with_groups(groups)
}

/// What the coordinator knows of the topics that exist, as far as they are asked for by id.
async fn fetch(
    context: &RequestContext,
    image: &ClusterImage,
    group: &AskedGroup<'_>,
    require_stable: bool,
) -> Result<Vec<FetchedTopic>, GroupError> {
    let topic = |asked: &AskedTopic<'_>| {
        let (topic, topic_id) = match asked.topic {
            TopicReference::Name(name) => (name.into(), None),
            TopicReference::Id(id) => (image.topic_by_id(id)?.name.clone(), Some(id)),
        };
        Some(TopicToFetch { topic, topic_id, partitions: asked.partitions.clone() })
    };
    let topics = group.topics.as_ref().map(|topics| topics.iter().filter_map(topic).collect());
    let request = FetchOffsets { group: GroupId::from(group.group_id), topics, require_stable };
    context.broker.groups.fetch_offsets(request).await
}

fn single(version: i16, asked: &AskedGroup<'_>, fetched: Result<Vec<FetchedTopic>, GroupError>) -> OffsetFetchResponse {
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
            let asked = asked.topics.iter().flatten();
            let refused = asked.filter_map(|asked| match asked.topic {
                TopicReference::Name(name) => Some(FetchedTopic {
                    topic: name.into(),
                    partitions: asked.partitions.iter().map(|partition| refused_partition(*partition, error)).collect(),
                }),
                TopicReference::Id(_) => None,
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

fn batched(
    version: i16,
    image: &ClusterImage,
    asked: &AskedGroup<'_>,
    fetched: Result<Vec<FetchedTopic>, GroupError>,
) -> OffsetFetchResponseGroup {
    let answer = OffsetFetchResponseGroup::default().with_group_id(group_words::wire_group(&asked.group_id.into()));
    let topics = match fetched {
        Ok(topics) => topics,
        Err(error) => return answer.with_error_code(error_codes::group(error)),
    };
    let topics = topics.into_iter();
    if version < FIRST_BY_ID {
        let named = |topic: FetchedTopic| {
            let name = WireTopicName(group_words::wire_text(&topic.topic));
            batched_topic(topic).with_name(name)
        };
        return answer.with_topics(topics.map(named).collect());
    }
    // Offsets may outlive their topic for a while; then there is no id to tell them by.
    let known = topics.filter_map(|topic| {
        let id = image.topic(&topic.topic)?.id;
        Some(batched_topic(topic).with_topic_id(id.0))
    });
    let unknown = asked.topics.iter().flatten().filter_map(|asked| match asked.topic {
        TopicReference::Id(id) if image.topic_by_id(id).is_none() => Some(unknown_topic(id, &asked.partitions)),
        _ => None,
    });
    answer.with_topics(known.chain(unknown).collect())
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
    OffsetFetchResponseTopics::default().with_partitions(topic.partitions.into_iter().map(partition).collect())
}

fn unknown_topic(id: TopicId, partitions: &[PartitionIndex]) -> OffsetFetchResponseTopics {
    let partition = |partition: &PartitionIndex| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(partition.0)
            .with_committed_offset(Offset::NONE.0)
            .with_error_code(Code::UnknownTopicId.code())
    };
    OffsetFetchResponseTopics::default().with_topic_id(id.0).with_partitions(partitions.iter().map(partition).collect())
}

#[cfg(test)]
mod tests;
