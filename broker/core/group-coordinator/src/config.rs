//! What the operator of a broker may set about groups, already validated.

use std::time::Duration;

/// Kafka's `group.*`, `offsets.*` and `offset.*` broker settings that decide something here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`
    pub min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`
    pub max_session_timeout: Duration,
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`
    pub max_group_size: usize,
    /// `offset.metadata.max.bytes`
    pub max_offset_metadata_bytes: usize,
    /// `offsets.retention.minutes`
    pub offsets_retention: Duration,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            min_session_timeout: Duration::from_secs(6),
            max_session_timeout: Duration::from_secs(30 * 60),
            initial_rebalance_delay: Duration::from_secs(3),
            max_group_size: i32::MAX as usize,
            max_offset_metadata_bytes: 4096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}
