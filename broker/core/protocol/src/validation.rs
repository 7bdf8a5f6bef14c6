//! What a leader checks on a batch before it gets an offset.
//!
//! Records are walked, those of compressed batches as they come out of their codec. With
//! [`ProduceRules::trust_checksum`] a compressed batch is taken by header and checksum alone unless a rule needs what is
//! inside: a compacted topic (keys), a timestamp limit the header cannot settle, or another codec on the topic.

mod error;
mod rebuild;
#[cfg(test)]
mod tests;
mod walk;

pub use error::{ProduceError, RecordIssue, RecordProblem};

use crate::{
    compression::Compression,
    record_batch::{
        BatchError, BatchHeader, BatchView, HEADER_SIZE, LENGTH_START, LOG_OVERHEAD, MAGIC, TimestampType, with_crc,
        with_log_append_time,
    },
};
use bytes::Bytes;
use model::{Offset, WallTime};
use walk::Walk;

/// Who appends. Coordinators write control batches and batches without a client's restrictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Client,
    Coordinator,
}

/// `compression.type` of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicCompression {
    /// As the producer sent it.
    Producer,
    Fixed {
        codec: Compression,
        level: Option<i32>,
    },
}

/// The configuration of a topic, as far as it decides about a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProduceRules {
    /// `cleanup.policy` contains `compact`: every record needs a key.
    pub compacted: bool,
    pub compression: TopicCompression,
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms` and `.after.max.ms` (KIP-937).
    pub timestamp_before_max_ms: i64,
    pub timestamp_after_max_ms: i64,
    pub max_message_bytes: usize,
    /// Take compressed batches by header and checksum where no rule needs what is inside. A producer that lies there
    /// reaches consumers.
    pub trust_checksum: bool,
    /// What a compressed batch may unpack to.
    pub decompressed_limit: usize,
    /// The same where the batch is packed anew in the topic's codec, which holds all of it in memory several times.
    pub recompressed_limit: usize,
}

impl Default for ProduceRules {
    fn default() -> Self {
        Self {
            compacted: false,
            compression: TopicCompression::Producer,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            max_message_bytes: 1_048_588,
            trust_checksum: false,
            decompressed_limit: 64 << 20,
            recompressed_limit: 16 << 20,
        }
    }
}

/// A batch that may be appended. Write `header.encode()` (with base offset and leader epoch set) followed by
/// [`ValidBatch::body`]; the first 61 bytes of `bytes` may be out of date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidBatch {
    pub header: BatchHeader,
    /// The whole batch: a slice of what came in, or a new buffer where the batch had to be made anew.
    pub bytes: Bytes,
    /// Index in the batch of the first record with the max timestamp, where it was looked for.
    pub max_timestamp_delta: Option<i32>,
    /// Set where the topic stamps batches; the response reports it.
    pub log_append_time: Option<WallTime>,
    /// The batch was packed anew: another codec, or offsets of uncompressed records that had to be put right.
    pub rebuilt: bool,
}

impl ValidBatch {
    pub fn body(&self) -> Bytes {
        self.bytes.slice(HEADER_SIZE..)
    }
}

/// Checks what a producer sent for one partition.
pub fn validate(
    records: &Bytes,
    origin: Origin,
    rules: &ProduceRules,
    now: WallTime,
) -> Result<ValidBatch, ProduceError> {
    let bytes = only_batch(records)?;
    let batch = BatchView::read(&bytes).map_err(ProduceError::Corrupt)?;
    let header = batch.header;
    if origin == Origin::Client && header.base_offset != Offset::ZERO {
        return Err(ProduceError::BaseOffset(header.base_offset));
    }
    check_size(bytes.len(), rules)?;
    batch.check_crc().map_err(ProduceError::Corrupt)?;
    if origin == Origin::Coordinator {
        return Ok(stamped(header, bytes, None, rules, now));
    }
    check_header(&header)?;
    let codec = header.attributes.compression().map_err(ProduceError::Malformed)?;
    let target = match rules.compression {
        TopicCompression::Producer => codec,
        TopicCompression::Fixed { codec, .. } => codec,
    };
    if !must_walk(&header, rules, target != codec, now) {
        return Ok(stamped(header, bytes, None, rules, now));
    }
    let most = if target == codec { rules.decompressed_limit } else { rules.recompressed_limit };
    let rules = &ProduceRules { decompressed_limit: rules.decompressed_limit.min(most), ..*rules };
    let walked = Walk::over(&batch, rules, now)?;
    if target != codec || !walked.offsets_in_order {
        let rebuilt = rebuild::rebuild(&batch, target, rules)?;
        check_size(rebuilt.len(), rules)?;
        let header = BatchHeader::read(&rebuilt).map_err(ProduceError::Malformed)?;
        let valid = stamped(header, rebuilt, Some(&walked), rules, now);
        return Ok(ValidBatch { rebuilt: true, ..valid });
    }
    Ok(stamped(header, bytes, Some(&walked), rules, now))
}

/// The one batch of `records`. A cut batch counts as none and cut bytes behind one are dropped, as Kafka does it; only
/// bytes that cannot be a batch at all are corrupt.
fn only_batch(records: &Bytes) -> Result<Bytes, ProduceError> {
    let size = whole_batch(records)?.ok_or(ProduceError::NoBatch)?;
    if whole_batch(&records[size..])?.is_some() {
        return Err(ProduceError::SeveralBatches);
    }
    Ok(records.slice(..size))
}

/// Size of the batch at the start of `bytes`, if it is there whole.
fn whole_batch(bytes: &[u8]) -> Result<Option<usize>, ProduceError> {
    /// The least that any record format needs after its length.
    const LEAST_LENGTH: i32 = 14;
    const MAGIC_AT: usize = 16;
    let Some(length) = bytes.get(LENGTH_START..).and_then(|rest| rest.first_chunk()) else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    if length < LEAST_LENGTH {
        return Err(ProduceError::Corrupt(BatchError::Length(length)));
    }
    let Some(&magic) = bytes.get(MAGIC_AT) else { return Ok(None) };
    let magic = magic.cast_signed();
    if !(0..=MAGIC).contains(&magic) {
        return Err(ProduceError::Corrupt(BatchError::Magic(magic)));
    }
    let size = LOG_OVERHEAD + length as usize;
    if size > bytes.len() {
        return Ok(None);
    }
    if magic == MAGIC { Ok(Some(size)) } else { Err(ProduceError::OldMagic(magic)) }
}

fn check_size(size: usize, rules: &ProduceRules) -> Result<(), ProduceError> {
    let limit = rules.max_message_bytes;
    if size > limit { Err(ProduceError::TooLarge { size, limit }) } else { Ok(()) }
}

/// What only clients are held to.
fn check_header(header: &BatchHeader) -> Result<(), ProduceError> {
    let BatchHeader { last_offset_delta, record_count: count, .. } = *header;
    if last_offset_delta < 0 || count <= 0 || i64::from(count) != i64::from(last_offset_delta) + 1 {
        return Err(ProduceError::Malformed(BatchError::Count { count, last_offset_delta }));
    }
    if header.attributes.is_control() {
        return Err(ProduceError::Control);
    }
    if header.attributes.has_delete_horizon() {
        return Err(ProduceError::DeleteHorizon);
    }
    if header.has_producer_id() && header.base_sequence.0 < 0 {
        return Err(ProduceError::Sequence(header.base_sequence));
    }
    Ok(())
}

fn must_walk(header: &BatchHeader, rules: &ProduceRules, recompress: bool, now: WallTime) -> bool {
    if !rules.trust_checksum || !header.attributes.is_compressed() || rules.compacted || recompress {
        return true;
    }
    // Every record of a batch that claims to be stamped is to blame, one by one.
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        return true;
    }
    if rules.timestamp_type == TimestampType::LogAppendTime {
        return false;
    }
    // The header knows the latest timestamp, not the earliest. Where it is too late, walking finds the records.
    let too_late = header.max_timestamp.0.saturating_sub(now.0) > rules.timestamp_after_max_ms;
    too_late || rules.timestamp_before_max_ms != i64::MAX
}

/// The header as it goes to disk: time of append, or the max timestamp that was found where it was looked for.
fn stamped(
    header: BatchHeader,
    bytes: Bytes,
    walked: Option<&Walk>,
    rules: &ProduceRules,
    now: WallTime,
) -> ValidBatch {
    let body = &bytes[HEADER_SIZE..];
    if rules.timestamp_type == TimestampType::LogAppendTime {
        let header = with_log_append_time(&header, body, now);
        // All records have the same time: the first is the earliest of them.
        return ValidBatch { header, bytes, max_timestamp_delta: Some(0), log_append_time: Some(now), rebuilt: false };
    }
    let header = match walked {
        Some(walked) if walked.max_timestamp != header.max_timestamp => {
            with_crc(&BatchHeader { max_timestamp: walked.max_timestamp, ..header }, body)
        }
        _ => header,
    };
    let max_timestamp_delta = walked.map(|walked| walked.max_timestamp_delta);
    ValidBatch { header, bytes, max_timestamp_delta, log_append_time: None, rebuilt: false }
}
