//! OffsetCommit.

use super::{RequestContext, error_codes, group_words};
use controller::{ClusterImage, TopicImage};
use group_coordinator::{
    CommitRefusal, Generation, GroupError, Reply, Request,
    request::{CommitOffsets, OffsetToCommit},
};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        OffsetCommitRequest, OffsetCommitResponse,
        offset_commit_request::OffsetCommitRequestPartition,
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    },
};
use model::{LeaderEpoch, Offset, PartitionIndex};

/// Up to here a request may ask for a retention of its own.
const LAST_WITH_RETENTION: i16 = 4;
/// From here on a client knows GROUP_ID_NOT_FOUND.
const WITH_GROUP_NOT_FOUND: i16 = 9;

pub(crate) async fn handle(context: &RequestContext, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let image = context.broker.metadata.current();
    let partitions = known_partitions(&image, &request);
    let result = if partitions.is_empty() { Ok(Vec::new()) } else { commit(context, &request, partitions).await };
    response(&image, request, result)
}

async fn commit(
    context: &RequestContext,
    request: &OffsetCommitRequest,
    partitions: Vec<OffsetToCommit>,
) -> Result<Vec<Result<(), CommitRefusal>>, GroupError> {
    let request = Request::CommitOffsets(CommitOffsets {
        group: group_words::group(&request.group_id),
        generation: Generation(request.generation_id_or_member_epoch),
        member: group_words::member(&request.member_id),
        instance: group_words::instance(request.group_instance_id.as_ref()),
        retention_ms: (context.version <= LAST_WITH_RETENTION).then_some(request.retention_time_ms),
        partitions,
        group_not_found_is_known: context.version >= WITH_GROUP_NOT_FOUND,
    });
    match context.broker.groups.request(request).await {
        Reply::CommitOffsets(result) => result,
        _ => Err(GroupError::UnknownServerError),
    }
}

/// Only what exists is committed; [`response`] walks the request the same way.
fn known_partitions(image: &ClusterImage, request: &OffsetCommitRequest) -> Vec<OffsetToCommit> {
    let mut known = Vec::new();
    for topic in &request.topics {
        let Some(existing) = image.topic(topic.name.as_str()) else { continue };
        let partitions = topic.partitions.iter().filter(|partition| exists(existing, partition));
        known.extend(partitions.map(|partition| OffsetToCommit {
            topic: existing.name.clone(),
            topic_id: existing.id,
            partition: PartitionIndex(partition.partition_index),
            offset: Offset(partition.committed_offset),
            leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
            metadata: partition.committed_metadata.as_ref().map_or_else(|| "".into(), group_words::text),
        }));
    }
    known
}

fn exists(topic: &TopicImage, partition: &OffsetCommitRequestPartition) -> bool {
    topic.partition(PartitionIndex(partition.partition_index)).is_some()
}

fn response(
    image: &ClusterImage,
    request: OffsetCommitRequest,
    result: Result<Vec<Result<(), CommitRefusal>>, GroupError>,
) -> OffsetCommitResponse {
    let refusal = result.as_ref().err().map(|error| error_codes::group(*error));
    let mut results = result.unwrap_or_default().into_iter();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let existing = image.topic(topic.name.as_str());
        let partition = |partition: &OffsetCommitRequestPartition| {
            let is_known = existing.is_some_and(|existing| exists(existing, partition));
            let code = match (is_known, refusal) {
                (false, _) => Code::UnknownTopicOrPartition.code(),
                (true, Some(refusal)) => refusal,
                (true, None) => results.next().map_or(0, code),
            };
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        };
        let partitions = topic.partitions.iter().map(partition).collect();
        topics.push(OffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions));
    }
    OffsetCommitResponse::default().with_topics(topics)
}

fn code(result: Result<(), CommitRefusal>) -> i16 {
    result.map_or_else(error_codes::commit_refusal, |()| 0)
}
