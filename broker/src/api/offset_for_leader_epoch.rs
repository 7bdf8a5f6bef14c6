//! OffsetForLeaderEpoch (23): where a leader epoch ended (KIP-101, KIP-320).

use super::{RequestContext, error_codes, topic_words::not_held};
use futures_util::future::join_all;
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, TopicName,
        offset_for_leader_epoch_request::OffsetForLeaderPartition,
        offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
    },
};
use model::{LeaderEpoch, Offset, PartitionIndex};
use protocol::topic_reference::TopicReference;

pub(crate) async fn handle(
    context: &RequestContext,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| async move {
        let ends = topic.partitions.iter().map(|asked| answer(context, &topic.topic, asked));
        let partitions = join_all(ends).await;
        OffsetForLeaderTopicResult::default().with_topic(topic.topic).with_partitions(partitions)
    });
    OffsetForLeaderEpochResponse::default().with_topics(join_all(topics).await)
}

async fn answer(context: &RequestContext, topic: &TopicName, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let result = EpochEndOffset::default().with_partition(asked.partition);
    match end(context, topic, asked).await {
        Ok((epoch, end)) => result.with_leader_epoch(epoch.0).with_end_offset(end.0),
        Err(code) => result.with_error_code(code).with_leader_epoch(LeaderEpoch::UNKNOWN.0).with_end_offset(-1),
    }
}

async fn end(
    context: &RequestContext,
    topic: &TopicName,
    asked: &OffsetForLeaderPartition,
) -> Result<(LeaderEpoch, Offset), i16> {
    let index = PartitionIndex(asked.partition);
    let partition = context
        .broker
        .partitions
        .get(topic, index)
        .ok_or_else(|| not_held(&context.broker, TopicReference::Name(topic), index).code())?;
    partition.check(LeaderEpoch(asked.current_leader_epoch)).map_err(error_codes::unavailable)?;
    let epoch = LeaderEpoch(asked.leader_epoch);
    // The current epoch goes on, so its end is the end of the log; a closed log need not open for it.
    if epoch == partition.leader_epoch() {
        return Ok((epoch, partition.offsets().log_end));
    }
    if !partition.ensure_open().await {
        return Err(Code::KafkaStorageError.code());
    }
    let view = partition.view().ok_or(Code::KafkaStorageError.code())?;
    Ok(view.epoch_end_offset(epoch).unwrap_or((LeaderEpoch::UNKNOWN, Offset::NONE)))
}

#[cfg(test)]
mod tests;
