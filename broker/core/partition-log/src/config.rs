//! The settings of one partition's log, typed. Names and defaults are Kafka's; the shell converts and validates.

/// Settings of one log. A change takes effect with the next operation that reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`
    pub segment_bytes: u32,
    /// `segment.ms` minus this segment's jitter, which the shell draws.
    pub segment_ms: i64,
    /// `segment.index.bytes`
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`; entries lie at least [`crate::active_index::LEAST_INTERVAL`] apart.
    pub index_interval_bytes: u32,
    /// `max.message.bytes`: the largest batch a leader accepts.
    pub max_message_bytes: u32,
    /// `retention.ms`; negative = no limit.
    pub retention_ms: i64,
    /// `retention.bytes`; negative = no limit.
    pub retention_bytes: i64,
    /// `cleanup.policy` contains `delete`.
    pub cleanup_delete: bool,
    /// `cleanup.policy` contains `compact`.
    pub cleanup_compact: bool,
    /// `delete.retention.ms`: how long tombstones and markers outlive their first cleaning.
    pub delete_retention_ms: i64,
    /// `min.cleanable.dirty.ratio`, in thousandths.
    pub min_cleanable_dirty_permille: u32,
    /// `min.compaction.lag.ms`
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`
    pub max_compaction_lag_ms: i64,
    /// `producer.id.expiration.ms` (a broker setting).
    pub producer_id_expiration_ms: i64,
    /// Reserve space ahead of the log end, 64 KiB doubling to 32 MiB (Kafka's `preallocate` reserves a whole segment
    /// instead, which 10,000 idle partitions could not afford).
    pub preallocate: bool,
    /// Make a sealed segment's small files durable at once. Off, they become durable with the next checkpoint.
    pub durable_metadata: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            max_message_bytes: 1_048_588,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            cleanup_delete: true,
            cleanup_compact: false,
            delete_retention_ms: 24 * 3_600_000,
            min_cleanable_dirty_permille: 500,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            producer_id_expiration_ms: 24 * 3_600_000,
            preallocate: true,
            durable_metadata: false,
        }
    }
}
