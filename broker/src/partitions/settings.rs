//! From a topic's configuration to what its logs need.

use controller::topic_config::TopicConfig;
use partition_log::LogConfig;

/// What of the broker's own configuration reaches every log.
#[derive(Debug, Clone, Copy)]
pub(super) struct BrokerLogSettings {
    pub(super) producer_id_expiration_ms: i64,
}

/// `jitter` is a random fraction of `segment.jitter.ms` in thousandths: partitions made together do not roll together.
pub(super) fn log_config(topic: &TopicConfig, broker: BrokerLogSettings, jitter: i64) -> LogConfig {
    let jitter_ms = topic.segment_jitter_ms.min(topic.segment_ms) / 1000 * jitter;
    LogConfig {
        segment_bytes: topic.segment_bytes,
        segment_ms: topic.segment_ms - jitter_ms,
        segment_index_bytes: topic.segment_index_bytes,
        index_interval_bytes: topic.index_interval_bytes,
        max_message_bytes: topic.max_message_bytes,
        retention_ms: topic.retention_ms.unwrap_or(-1),
        retention_bytes: topic.retention_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        cleanup_delete: topic.cleanup_policy.delete,
        cleanup_compact: topic.cleanup_policy.compact,
        delete_retention_ms: topic.delete_retention_ms,
        // A ratio between 0 and 1, checked when it was set.
        min_cleanable_dirty_permille: (topic.min_cleanable_dirty_ratio * 1000.0) as u32,
        min_compaction_lag_ms: topic.min_compaction_lag_ms,
        max_compaction_lag_ms: topic.max_compaction_lag_ms,
        producer_id_expiration_ms: broker.producer_id_expiration_ms,
        preallocate: true,
        durable_metadata: topic.flush_messages != i64::MAX || topic.flush_ms != i64::MAX,
    }
}
