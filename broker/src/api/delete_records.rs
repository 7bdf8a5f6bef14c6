//! DeleteRecords (21): moves the start of a log.

use super::{RequestContext, error_codes};
use crate::partitions::{DeleteRecordsError, Topic};
use futures_util::future::join_all;
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        DeleteRecordsRequest, DeleteRecordsResponse,
        delete_records_request::DeleteRecordsPartition,
        delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
    },
};
use model::{LeaderEpoch, Offset, PartitionIndex};
use std::sync::Arc;

/// Stands for everything that is committed.
const UP_TO_HIGH_WATERMARK: i64 = -1;
/// What the wire carries beside an error.
const NO_LOW_WATERMARK: i64 = -1;

pub(crate) async fn handle(context: &RequestContext, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| async move {
        let held = context.broker.partitions.topic(&topic.name);
        let partitions = join_all(topic.partitions.iter().map(|asked| delete(held.as_ref(), asked))).await;
        DeleteRecordsTopicResult::default().with_name(topic.name).with_partitions(partitions)
    });
    let topics = join_all(topics).await;
    // Once for all partitions: a start that moved must not move back after a crash.
    let topics = match context.broker.partitions.checkpoint().await {
        Ok(()) => topics,
        Err(_) => topics.into_iter().map(not_kept).collect(),
    };
    DeleteRecordsResponse::default().with_topics(topics)
}

async fn delete(topic: Option<&Arc<Topic>>, asked: &DeleteRecordsPartition) -> DeleteRecordsPartitionResult {
    let result = DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
    match low_watermark(topic, asked).await {
        Ok(low_watermark) => result.with_low_watermark(low_watermark.0),
        Err(code) => result.with_low_watermark(NO_LOW_WATERMARK).with_error_code(code),
    }
}

async fn low_watermark(topic: Option<&Arc<Topic>>, asked: &DeleteRecordsPartition) -> Result<Offset, i16> {
    let topic = topic.ok_or(Code::UnknownTopicOrPartition.code())?;
    let partition = topic.get(PartitionIndex(asked.partition_index)).ok_or(Code::UnknownTopicOrPartition.code())?;
    if topic.is_internal() {
        return Err(Code::InvalidTopicException.code());
    }
    partition.check(LeaderEpoch::UNKNOWN).map_err(error_codes::unavailable)?;
    if !topic.settings().cleanup_policy.delete {
        return Err(Code::PolicyViolation.code());
    }
    let up_to = (asked.offset != UP_TO_HIGH_WATERMARK).then_some(Offset(asked.offset));
    partition.delete_records(up_to).await.map_err(|error| match error {
        DeleteRecordsError::OutOfRange => Code::OffsetOutOfRange.code(),
        DeleteRecordsError::Storage => Code::KafkaStorageError.code(),
    })
}

fn not_kept(mut topic: DeleteRecordsTopicResult) -> DeleteRecordsTopicResult {
    for partition in topic.partitions.iter_mut().filter(|partition| partition.error_code == 0) {
        partition.error_code = Code::KafkaStorageError.code();
        partition.low_watermark = NO_LOW_WATERMARK;
    }
    topic
}

#[cfg(test)]
mod tests;
