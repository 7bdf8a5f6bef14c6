//! DeleteRecords (21): moves the start of a log.

use super::{RequestContext, error_codes, topic_words::not_held};
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
use protocol::topic_reference::TopicReference;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Stands for everything that is committed.
const UP_TO_HIGH_WATERMARK: i64 = -1;
/// What the wire carries beside an error.
const NO_LOW_WATERMARK: i64 = -1;

pub(crate) async fn handle(context: &RequestContext, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let topics = request.topics.into_iter().map(|topic| async move {
        let held = context.broker.partitions.topic(&topic.name);
        let partitions = join_all(topic.partitions.iter().map(|asked| delete(context, held.as_ref(), asked))).await;
        DeleteRecordsTopicResult::default().with_name(topic.name).with_partitions(partitions)
    });
    let topics = join_all(topics).await;
    // Once for all partitions: a start that moved must not move back after a crash.
    if context.broker.partitions.checkpoint().await.is_err() {
        return DeleteRecordsResponse::default().with_topics(topics.into_iter().map(not_kept).collect());
    }
    let everywhere = topics.into_iter().map(|topic| everywhere(context, topic, deadline));
    DeleteRecordsResponse::default().with_topics(join_all(everywhere).await)
}

/// Deleted is what no live replica has any more.
async fn everywhere(
    context: &RequestContext,
    mut topic: DeleteRecordsTopicResult,
    deadline: Instant,
) -> DeleteRecordsTopicResult {
    let name = topic.name.clone();
    let waits = topic.partitions.iter_mut().filter(|partition| partition.error_code == 0).map(|result| {
        let partition = context.broker.partitions.get(&name, PartitionIndex(result.partition_index));
        let metadata = context.broker.metadata.clone();
        async move {
            let is_alive = move |id| metadata.current().is_usable(id);
            let start = Offset(result.low_watermark);
            let Some(partition) = partition else { return };
            if !partition.starts_everywhere(start, is_alive, deadline).await {
                fail(result, Code::RequestTimedOut);
            }
        }
    });
    join_all(waits).await;
    topic
}

async fn delete(
    context: &RequestContext,
    topic: Option<&Arc<Topic>>,
    asked: &DeleteRecordsPartition,
) -> DeleteRecordsPartitionResult {
    let result = DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
    match low_watermark(context, topic, asked).await {
        Ok(low_watermark) => result.with_low_watermark(low_watermark.0),
        Err(code) => result.with_low_watermark(NO_LOW_WATERMARK).with_error_code(code),
    }
}

async fn low_watermark(
    context: &RequestContext,
    topic: Option<&Arc<Topic>>,
    asked: &DeleteRecordsPartition,
) -> Result<Offset, i16> {
    let topic = topic.ok_or(Code::UnknownTopicOrPartition.code())?;
    let index = PartitionIndex(asked.partition_index);
    let partition =
        topic.get(index).ok_or_else(|| not_held(&context.broker, TopicReference::Id(topic.id()), index).code())?;
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
    let kept = topic.partitions.iter_mut().filter(|partition| partition.error_code == 0);
    kept.for_each(|result| fail(result, Code::KafkaStorageError));
    topic
}

fn fail(result: &mut DeleteRecordsPartitionResult, code: Code) {
    result.error_code = code.code();
    result.low_watermark = NO_LOW_WATERMARK;
}

#[cfg(test)]
mod tests;
