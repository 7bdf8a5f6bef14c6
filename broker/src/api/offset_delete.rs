//! OffsetDelete (KIP-496).

use super::{RequestContext, error_codes, group_words};
use controller::ClusterImage;
use group_coordinator::{GroupError, Reply, Request, request::DeleteOffsets};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        OffsetDeleteRequest, OffsetDeleteResponse, TopicName as WireTopicName,
        offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
    },
};
use model::{PartitionIndex, TopicName};

pub(crate) async fn handle(context: &RequestContext, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    // Offsets may be committed under the empty name, but Kafka deletes only the whole group.
    if request.group_id.is_empty() {
        return OffsetDeleteResponse::default().with_error_code(Code::InvalidGroupId.code());
    }
    let image = context.broker.metadata.current();
    let partitions = known_partitions(&image, &request);
    let delete = DeleteOffsets { group: group_words::group(&request.group_id), partitions };
    let result = match context.broker.groups.request(Request::DeleteOffsets(delete)).await {
        Reply::DeleteOffsets(result) => result,
        _ => Err(GroupError::UnknownServerError),
    };
    match result {
        Ok(results) => response(&image, request, results),
        Err(error) => OffsetDeleteResponse::default().with_error_code(error_codes::group(error)),
    }
}

fn exists(image: &ClusterImage, topic: &WireTopicName, partition: i32) -> bool {
    image.topic(topic.as_str()).is_some_and(|topic| topic.partition(PartitionIndex(partition)).is_some())
}

/// Only what exists is deleted; [`response`] walks the request the same way.
fn known_partitions(image: &ClusterImage, request: &OffsetDeleteRequest) -> Vec<(TopicName, PartitionIndex)> {
    let all = request.topics.iter().flat_map(|topic| topic.partitions.iter().map(|p| (&topic.name, p.partition_index)));
    let known = all.filter(|(topic, partition)| exists(image, topic, *partition));
    known.map(|(topic, partition)| (TopicName::from(topic.as_str()), PartitionIndex(partition))).collect()
}

fn response(
    image: &ClusterImage,
    request: OffsetDeleteRequest,
    results: Vec<Result<(), GroupError>>,
) -> OffsetDeleteResponse {
    let mut results = results.into_iter();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let index = partition.partition_index;
            let code = if exists(image, &topic.name, index) {
                results.next().map_or(0, |result| result.map_or_else(error_codes::group, |()| 0))
            } else {
                Code::UnknownTopicOrPartition.code()
            };
            partitions.push(OffsetDeleteResponsePartition::default().with_partition_index(index).with_error_code(code));
        }
        topics.push(OffsetDeleteResponseTopic::default().with_name(topic.name).with_partitions(partitions));
    }
    OffsetDeleteResponse::default().with_topics(topics)
}
