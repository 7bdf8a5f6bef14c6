//! Writing the answer.

use super::{
    evaluate::Read,
    followers::Reader,
    gather::{Records, Unreadable, checked, pieces},
};
use crate::api::{RequestContext, Response, error_counts, produce::leader_endpoints, topic_words::known_leader};
use kafka_protocol::{ResponseError as Code, messages::ApiKey};
use model::{Offset, PartitionIndex};
use protocol::{
    fetch_response::{
        AbortedTransaction, FetchPartitionResult, FetchResponse, FetchTopicResult, LeaderHint, NodeEndpoint,
    },
    topic_reference::TopicReference,
};

pub(super) async fn respond(context: &RequestContext, reader: Reader, reads: Vec<Read>, session_id: i32) -> Response {
    let pool = context.broker.partitions.disk_pool();
    let mut topics: Vec<FetchTopicResult<Records>> = Vec::new();
    let mut hinted = false;
    for mut read in reads {
        let records = checked(&mut read, pool).await;
        let result = partition_result(context, reader, &read, records);
        hinted |= result.current_leader.is_some();
        match topics.last_mut() {
            Some(last) if last.topic == read.topic && last.topic_id == read.topic_id => last.partitions.push(result),
            _ => topics.push(FetchTopicResult {
                topic: read.topic.clone(),
                topic_id: read.topic_id,
                partitions: vec![result],
            }),
        }
    }
    let node_endpoints = if hinted { leader_endpoints(context) } else { Vec::new() };
    write(context, topics, 0, session_id, node_endpoints).await
}

/// The request as a whole is refused.
pub(super) async fn respond_error(context: &RequestContext, code: Code) -> Response {
    write(context, Vec::new(), code.code(), 0, Vec::new()).await
}

async fn write(
    context: &RequestContext,
    topics: Vec<FetchTopicResult<Records>>,
    error_code: i16,
    session_id: i32,
    node_endpoints: Vec<NodeEndpoint>,
) -> Response {
    error_counts::count(ApiKey::Fetch, context, |each| {
        each(error_code);
        topics.iter().flat_map(|topic| &topic.partitions).for_each(|partition| each(partition.error_code));
    });
    let response = FetchResponse { throttle_time_ms: 0, error_code, session_id, topics, node_endpoints };
    let parts = response.into_pieces(context.version, context.correlation_id);
    let memory = context.broker.fetch_sessions.memory();
    match pieces(parts, context.broker.partitions.disk_pool(), memory).await {
        Ok(pieces) => Response::Pieces(pieces),
        Err(error) => {
            // The lengths are in the header already; only a new request can be answered differently.
            tracing::error!(%error, "records planned for a fetch cannot be read");
            Response::Close
        }
    }
}

fn partition_result(
    context: &RequestContext,
    reader: Reader,
    read: &Read,
    records: Result<Records, Unreadable>,
) -> FetchPartitionResult<Records> {
    let (code, records) = match records {
        Ok(records) => (read.code, records),
        Err(error) => (unreadable(read, &error), Records::None),
    };
    count(reader, read, code, &records);
    let lost = code != 0 && read.code == 0;
    let position = |offset: Offset| if lost { Offset::NONE } else { offset };
    let aborted = read.aborted.as_ref().map(|aborted| {
        let entry = |one: &partition_log::AbortedTransaction| AbortedTransaction {
            producer_id: one.producer_id,
            first_offset: one.first_offset,
        };
        aborted.iter().map(entry).collect()
    });
    FetchPartitionResult {
        index: read.index,
        error_code: code,
        high_watermark: position(read.high_watermark),
        last_stable_offset: position(read.last_stable),
        log_start_offset: position(read.log_start),
        diverging_epoch: read.diverging,
        current_leader: leader_hint(context, read, code),
        aborted_transactions: aborted,
        preferred_read_replica: read.preferred,
        records,
    }
}

fn unreadable(read: &Read, error: &Unreadable) -> i16 {
    let (topic, partition) = (&read.topic, read.index);
    match error {
        Unreadable::Corrupt(corrupt) => {
            tracing::error!(%topic, partition, %corrupt, "stored batch is damaged and not served");
            Code::CorruptMessage.code()
        }
        Unreadable::Io(error) => {
            tracing::error!(%topic, partition, %error, "stored batches cannot be read");
            Code::KafkaStorageError.code()
        }
    }
}

/// KIP-951: whoever asked the wrong broker, or with an old epoch, is told who leads.
fn leader_hint(context: &RequestContext, read: &Read, code: i16) -> Option<LeaderHint> {
    let hints = [Code::NotLeaderOrFollower.code(), Code::FencedLeaderEpoch.code()];
    if !hints.contains(&code) {
        return None;
    }
    match &read.partition {
        Some(partition) => Some(LeaderHint { leader_id: partition.leader()?, leader_epoch: partition.leader_epoch() }),
        None => known_leader(context, TopicReference::Id(read.topic_id), PartitionIndex(read.index))
            .or_else(|| known_leader(context, TopicReference::Name(&read.topic), PartitionIndex(read.index))),
    }
}

/// What followers are sent is counted apart from what consumers are.
fn count(reader: Reader, read: &Read, code: i16, records: &Records) {
    use protocol::fetch_response::RecordsLength;
    if let Some(partition) = &read.partition {
        let metrics = &partition.topic().metrics;
        metrics.fetch_requests.add(1);
        if !reader.is_follower() {
            metrics.bytes_out.add(records.length() as u64);
        }
        if code != 0 {
            metrics.failed_fetch_requests.add(1);
        }
    }
}
