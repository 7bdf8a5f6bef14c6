//! OffsetCommit.

use super::{RequestContext, Response, error_codes, group_words, row, topic_words};
use bytes::Bytes;
use controller::{ClusterImage, TopicImage};
use group_coordinator::{
    CommitRefusal, Generation, GroupError, InstanceId, MemberId, Reply, Request,
    request::{CommitOffsets, OffsetToCommit},
};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        ApiKey, OffsetCommitResponse, TopicName as WireTopicName,
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    },
};
use model::GroupId;
use protocol::{
    offset_commit_request::{CommittedPartition, OffsetCommitRequest},
    topic_reference::TopicReference,
};

/// From here on a client knows GROUP_ID_NOT_FOUND.
const WITH_GROUP_NOT_FOUND: i16 = 9;

pub(crate) async fn handle(context: RequestContext, body: Bytes) -> Response {
    let request = OffsetCommitRequest::read(&body, context.version);
    let Some(request) = row::read(ApiKey::OffsetCommit, &context, request) else { return Response::Close };
    let image = context.broker.metadata.current();
    let partitions = known_partitions(&image, &request);
    let result = if partitions.is_empty() { Ok(Vec::new()) } else { commit(&context, &request, partitions).await };
    row::encode(ApiKey::OffsetCommit, &context, &response(&image, request, result))
}

async fn commit(
    context: &RequestContext,
    request: &OffsetCommitRequest<'_>,
    partitions: Vec<OffsetToCommit>,
) -> Result<Vec<Result<(), CommitRefusal>>, GroupError> {
    let request = Request::CommitOffsets(CommitOffsets {
        group: GroupId::from(request.group_id),
        generation: Generation(request.generation_id),
        member: MemberId::from(request.member_id),
        instance: request.group_instance_id.map(InstanceId::from),
        retention_ms: request.retention_time_ms,
        partitions,
        group_not_found_is_known: context.version >= WITH_GROUP_NOT_FOUND,
    });
    match context.broker.groups.request(request).await {
        Reply::CommitOffsets(result) => result,
        _ => Err(GroupError::UnknownServerError),
    }
}

/// Only what exists is committed; [`response`] walks the request the same way.
fn known_partitions(image: &ClusterImage, request: &OffsetCommitRequest<'_>) -> Vec<OffsetToCommit> {
    let mut known = Vec::new();
    for topic in &request.topics {
        let Some(existing) = topic_words::existing(image, topic.topic) else { continue };
        let partitions = topic.partitions.iter().filter(|partition| exists(existing, partition));
        known.extend(partitions.map(|partition| OffsetToCommit {
            topic: existing.name.clone(),
            topic_id: existing.id,
            partition: partition.index,
            offset: partition.offset,
            leader_epoch: partition.leader_epoch,
            metadata: partition.metadata.unwrap_or_default().into(),
        }));
    }
    known
}

fn exists(topic: &TopicImage, partition: &CommittedPartition<'_>) -> bool {
    topic.partition(partition.index).is_some()
}

fn response(
    image: &ClusterImage,
    request: OffsetCommitRequest<'_>,
    result: Result<Vec<Result<(), CommitRefusal>>, GroupError>,
) -> OffsetCommitResponse {
    let refusal = result.as_ref().err().map(|error| error_codes::group(*error));
    let mut results = result.unwrap_or_default().into_iter();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let existing = topic_words::existing(image, topic.topic);
        let partition = |partition: &CommittedPartition<'_>| {
            let is_known = existing.is_some_and(|existing| exists(existing, partition));
            let code = match (is_known, refusal) {
                (false, _) if existing.is_none() => topic_words::unknown(topic.topic).code(),
                (false, _) => Code::UnknownTopicOrPartition.code(),
                (true, Some(refusal)) => refusal,
                (true, None) => results.next().map_or(0, code),
            };
            OffsetCommitResponsePartition::default().with_partition_index(partition.index.0).with_error_code(code)
        };
        let partitions = topic.partitions.iter().map(partition).collect();
        let answer = OffsetCommitResponseTopic::default().with_partitions(partitions);
        topics.push(match topic.topic {
            TopicReference::Name(name) => answer.with_name(WireTopicName(group_words::wire_text(name))),
            TopicReference::Id(id) => answer.with_topic_id(id.0),
        });
    }
    OffsetCommitResponse::default().with_topics(topics)
}

fn code(result: Result<(), CommitRefusal>) -> i16 {
    result.map_or_else(error_codes::commit_refusal, |()| 0)
}
