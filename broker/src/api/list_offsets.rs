//! ListOffsets (2): offsets for times, and the special ones.

use super::{RequestContext, error_codes, topic_words::not_held};
use crate::partitions::{PATIENCE_FOR_RECOVERY, Partition, ReadError};
use bytes::Bytes;
use futures_util::future::join_all;
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        ApiKey, ListOffsetsRequest, ListOffsetsResponse,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
    },
};
use model::{LeaderEpoch, Offset, PartitionIndex, WallTime};
use partition_log::TimestampedOffset;
use protocol::topic_reference::TopicReference;
use std::{collections::HashSet, sync::Arc};
use tokio::time::Instant;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// A replica that looks at a log for a person: it may see what is not committed.
const DEBUGGING_REPLICA: i32 = -2;

pub(crate) async fn handle(context: RequestContext, body: Bytes) -> super::Response {
    let Some(request) = super::row::decode::<ListOffsetsRequest>(&context, body) else {
        return super::Response::Close;
    };
    let asked = Asked {
        context: &context,
        read_committed: request.isolation_level == 1,
        debugging: request.replica_id.0 == DEBUGGING_REPLICA,
        twice: named_twice(&request),
    };
    let topics = join_all(request.topics.iter().map(|topic| asked.topic(topic))).await;
    let response = ListOffsetsResponse::default().with_topics(topics);
    super::row::encode(ApiKey::ListOffsets, &context, &response)
}

/// What holds for all partitions of a request.
struct Asked<'a> {
    context: &'a RequestContext,
    read_committed: bool,
    debugging: bool,
    twice: HashSet<(String, i32)>,
}

/// An offset and what is known of its record.
struct Found {
    timestamp: WallTime,
    offset: Offset,
    leader_epoch: LeaderEpoch,
}

const NOTHING: Found = Found { timestamp: WallTime::NONE, offset: Offset::NONE, leader_epoch: LeaderEpoch::UNKNOWN };

impl Asked<'_> {
    async fn topic(&self, topic: &ListOffsetsTopic) -> ListOffsetsTopicResponse {
        // A partition named twice is refused once.
        let mut refused = HashSet::new();
        let once = topic.partitions.iter().filter(|asked| {
            !self.is_named_twice(topic, asked.partition_index) || refused.insert(asked.partition_index)
        });
        let partitions = join_all(once.map(|asked| async {
            let found = self.partition(topic, asked).await;
            answer(self.context.version, asked.partition_index, found)
        }));
        ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.await)
    }

    fn is_named_twice(&self, topic: &ListOffsetsTopic, partition: i32) -> bool {
        !self.twice.is_empty() && self.twice.contains(&(topic.name.to_string(), partition))
    }

    async fn partition(&self, topic: &ListOffsetsTopic, asked: &ListOffsetsPartition) -> Result<Found, i16> {
        if self.is_named_twice(topic, asked.partition_index) {
            return Err(Code::InvalidRequest.code());
        }
        if !is_served(asked.timestamp, self.context.version) {
            return Err(Code::UnsupportedVersion.code());
        }
        let index = PartitionIndex(asked.partition_index);
        let partition = self.context.broker.partitions.get(&topic.name, index);
        let partition =
            partition.ok_or_else(|| not_held(&self.context.broker, TopicReference::Name(&topic.name), index).code())?;
        partition.recovered_by(Instant::now() + PATIENCE_FOR_RECOVERY).await;
        partition.check(LeaderEpoch(asked.current_leader_epoch)).map_err(error_codes::unavailable)?;
        self.find(&partition, asked.timestamp).await
    }

    async fn find(&self, partition: &Arc<Partition>, timestamp: i64) -> Result<Found, i16> {
        // Before the offsets: those may be of a moment when it was not known yet.
        let latest_is_known = self.debugging || partition.latest_is_known();
        let offsets = partition.offsets();
        let below = match (self.debugging, self.read_committed) {
            (true, _) => offsets.log_end,
            (false, true) => offsets.last_stable,
            (false, false) => offsets.high_watermark,
        };
        let position = |offset, leader_epoch| Found { timestamp: WallTime::NONE, offset, leader_epoch };
        match timestamp {
            LATEST if !latest_is_known => Err(self.not_available()),
            LATEST => Ok(position(below, partition.leader_epoch())),
            EARLIEST | EARLIEST_LOCAL => Ok(position(offsets.log_start, earliest_epoch(partition).await?)),
            // There is no tiered storage, so nothing is in it and nothing waits for it.
            LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(NOTHING),
            _ if offsets.log_start == offsets.log_end => Ok(NOTHING),
            timestamp => match search(partition, timestamp, below).await? {
                Some(TimestampedOffset { timestamp, offset, leader_epoch }) => {
                    Ok(Found { timestamp, offset, leader_epoch })
                }
                None if !latest_is_known => Err(self.not_available()),
                None => Ok(NOTHING),
            },
        }
    }

    /// A new leader whose high watermark may lie below what the old one told.
    fn not_available(&self) -> i16 {
        if self.context.version >= 5 { Code::OffsetNotAvailable.code() } else { Code::LeaderNotAvailable.code() }
    }
}

fn is_served(timestamp: i64, version: i16) -> bool {
    let least = match timestamp {
        0.. | LATEST | EARLIEST => 1,
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        _ => return false,
    };
    version >= least
}

fn named_twice(request: &ListOffsetsRequest) -> HashSet<(String, i32)> {
    let mut seen = HashSet::new();
    let mut twice = HashSet::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            if !seen.insert((topic.name.as_str(), partition.partition_index)) {
                twice.insert((topic.name.to_string(), partition.partition_index));
            }
        }
    }
    twice
}

/// Epoch of the first record. An empty log has none, and then it is the epoch whose records will be the first.
async fn earliest_epoch(partition: &Arc<Partition>) -> Result<LeaderEpoch, i16> {
    let offsets = partition.offsets();
    if offsets.log_start == offsets.log_end {
        return Ok(partition.leader_epoch());
    }
    if !partition.ensure_open().await {
        return Err(Code::KafkaStorageError.code());
    }
    let view = partition.view().ok_or(Code::KafkaStorageError.code())?;
    Ok(view.epoch_for_offset(offsets.log_start).unwrap_or(LeaderEpoch::UNKNOWN))
}

/// Reads indexes and batches, on the disk pool.
async fn search(partition: &Arc<Partition>, timestamp: i64, below: Offset) -> Result<Option<TimestampedOffset>, i16> {
    if !partition.ensure_open().await {
        return Err(Code::KafkaStorageError.code());
    }
    let searched = Arc::clone(partition);
    let found = partition.on_disk_pool(move || {
        let view = searched.view().ok_or(ReadError::Storage)?;
        let found = match timestamp {
            MAX_TIMESTAMP => view.max_timestamp(below),
            timestamp => view.offset_for_timestamp(WallTime(timestamp), below),
        };
        found.map_err(|error| searched.read_failed(&error))
    });
    found.await.unwrap_or(Err(ReadError::Storage)).map_err(error_codes::read)
}

fn answer(version: i16, index: i32, found: Result<Found, i16>) -> ListOffsetsPartitionResponse {
    let (found, code) = match found {
        Ok(found) => (found, 0),
        Err(code) => (NOTHING, code),
    };
    let response = ListOffsetsPartitionResponse::default()
        .with_partition_index(index)
        .with_error_code(code)
        .with_timestamp(found.timestamp.0)
        .with_offset(found.offset.0);
    if version >= 4 { response.with_leader_epoch(found.leader_epoch.0) } else { response }
}

#[cfg(test)]
mod tests;
