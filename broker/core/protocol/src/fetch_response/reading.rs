//! Fetch responses as a follower reads them: of the one version that brokers of a cluster use among each other.

use super::{EpochEndOffset, FetchPartitionResult, FetchResponse, FetchTopicResult};
use crate::wire::{Reader, WireError};
use bytes::Bytes;
use model::{LeaderEpoch, Offset, TopicId, TopicName};
use uuid::Uuid;

/// Topic ids and the follower's epoch are in it.
pub const FOLLOWER_VERSION: i16 = 17;

const DIVERGING_EPOCH: u32 = 0;

impl FetchResponse<Bytes> {
    /// What follows the length of the frame, in [`FOLLOWER_VERSION`]; with the correlation id. Records stay in the frame.
    /// What only consumers ask (aborted transactions, hints about leaders) is left out.
    pub fn read(frame: &Bytes) -> Result<(i32, Self), WireError> {
        let mut reader = Reader::new(frame);
        let correlation_id = reader.i32()?;
        reader.skip_tags(true)?;
        let throttle_time_ms = reader.i32()?;
        let error_code = reader.i16()?;
        let session_id = reader.i32()?;
        let topics = reader.elements(true, |reader| read_topic(reader, frame))?.unwrap_or_default();
        reader.skip_tags(true)?;
        Ok((correlation_id, Self { throttle_time_ms, error_code, session_id, topics, node_endpoints: Vec::new() }))
    }
}

fn read_topic(reader: &mut Reader<'_>, frame: &Bytes) -> Result<FetchTopicResult<Bytes>, WireError> {
    let topic_id = TopicId(Uuid::from_bytes(reader.uuid()?));
    let partitions = reader.elements(true, |reader| read_partition(reader, frame))?.unwrap_or_default();
    reader.skip_tags(true)?;
    Ok(FetchTopicResult { topic: TopicName::from(""), topic_id, partitions })
}

fn read_partition(reader: &mut Reader<'_>, frame: &Bytes) -> Result<FetchPartitionResult<Bytes>, WireError> {
    let index = reader.i32()?;
    let error_code = reader.i16()?;
    let high_watermark = Offset(reader.i64()?);
    let last_stable_offset = Offset(reader.i64()?);
    let log_start_offset = Offset(reader.i64()?);
    reader.elements(true, |reader| {
        reader.skip(16)?;
        reader.skip_tags(true)
    })?;
    let _preferred_read_replica = reader.i32()?;
    let records = reader.nullable_bytes(true)?.map_or_else(Bytes::new, |records| frame.slice_ref(records));
    Ok(FetchPartitionResult {
        index,
        error_code,
        high_watermark,
        last_stable_offset,
        log_start_offset,
        diverging_epoch: read_diverging_epoch(reader)?,
        current_leader: None,
        aborted_transactions: None,
        preferred_read_replica: None,
        records,
    })
}

fn read_diverging_epoch(reader: &mut Reader<'_>) -> Result<Option<EpochEndOffset>, WireError> {
    let mut diverging = None;
    for _ in 0..reader.unsigned_varint()? {
        let tag = reader.unsigned_varint()?;
        let size = reader.unsigned_varint()?;
        let mut content = Reader::new(reader.take(size as usize)?);
        if tag == DIVERGING_EPOCH {
            diverging = Some(EpochEndOffset { epoch: LeaderEpoch(content.i32()?), end_offset: Offset(content.i64()?) });
        }
    }
    Ok(diverging)
}
