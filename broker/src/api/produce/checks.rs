//! Batches are checked where they arrive, before they are queued. What unpacks to more than a worker should spend on one
//! batch is checked aside, a few at a time.

use crate::{Broker, config::CompressedBatchValidation};
use bytes::Bytes;
use controller::topic_config::{CompressionType, TimestampType, TopicConfig};
use protocol::{
    compression::Compression,
    record_batch,
    validation::{Origin, ProduceError, ProduceRules, TopicCompression, ValidBatch, validate},
};
use tokio::sync::Semaphore;

/// What a worker unpacks itself: one to three milliseconds at the pace of the codecs.
const UNPACKED_INLINE: usize = 1 << 20;
/// What a batch may unpack to, unless its topic takes batches of that size unpacked. Kafka has no bound; no client's
/// defaults come near this one.
const UNPACKED_LIMIT: usize = 64 << 20;
/// The same for batches that are packed anew: each is in memory about four times meanwhile.
const REPACKED_LIMIT: usize = 16 << 20;

/// Batches checked aside at a time in this process. Each may hold in memory what its codec looks back on, which a sender
/// can stretch to the limit.
static LARGE_BATCHES: Semaphore = Semaphore::const_new(2);

pub(super) fn rules(topic: &TopicConfig, validation: CompressedBatchValidation) -> ProduceRules {
    let fixed = |codec, level| TopicCompression::Fixed { codec, level };
    let max_message_bytes = usize::try_from(topic.max_message_bytes).unwrap_or(usize::MAX);
    ProduceRules {
        compacted: topic.cleanup_policy.compact,
        compression: match topic.compression_type {
            CompressionType::Producer => TopicCompression::Producer,
            CompressionType::Uncompressed => fixed(Compression::None, None),
            CompressionType::Gzip => {
                fixed(Compression::Gzip, Some(topic.compression_gzip_level).filter(|level| *level >= 0))
            }
            CompressionType::Snappy => fixed(Compression::Snappy, None),
            CompressionType::Lz4 => fixed(Compression::Lz4, Some(topic.compression_lz4_level)),
            CompressionType::Zstd => fixed(Compression::Zstd, Some(topic.compression_zstd_level)),
        },
        timestamp_type: match topic.message_timestamp_type {
            TimestampType::CreateTime => record_batch::TimestampType::CreateTime,
            TimestampType::LogAppendTime => record_batch::TimestampType::LogAppendTime,
        },
        timestamp_before_max_ms: topic.message_timestamp_before_max_ms,
        timestamp_after_max_ms: topic.message_timestamp_after_max_ms,
        max_message_bytes,
        trust_checksum: validation == CompressedBatchValidation::Checksum,
        decompressed_limit: UNPACKED_LIMIT.max(max_message_bytes),
        recompressed_limit: REPACKED_LIMIT.max(max_message_bytes),
    }
}

/// `None` if the broker could not look.
pub(super) async fn check(
    broker: &Broker,
    rules: &ProduceRules,
    records: &Bytes,
) -> Option<Result<ValidBatch, ProduceError>> {
    let now = broker.clock.wall();
    let inline = ProduceRules { decompressed_limit: UNPACKED_INLINE, ..*rules };
    match validate(records, Origin::Client, &inline, now) {
        Err(ProduceError::UnpacksTooLarge { .. }) => {}
        settled => return Some(settled),
    }
    // From the start again: a half-unpacked batch that waits for its turn would hold what it has unpacked.
    let _turn = LARGE_BATCHES.acquire().await.ok()?;
    let (rules, records) = (*rules, records.clone());
    broker.partitions.disk_pool().run(move || validate(&records, Origin::Client, &rules, now)).await
}
