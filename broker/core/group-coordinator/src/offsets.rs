//! Committed offsets: what is kept, and the rules of committing, reading, deleting and expiring.

pub(crate) mod commit;
pub(crate) mod expiry;
pub(crate) mod fetch;
pub(crate) mod store;
#[cfg(test)]
mod tests;

use model::{LeaderEpoch, Offset, TopicId, WallTime};
use std::sync::Arc;

/// What a group committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    pub metadata: Arc<str>,
    pub commit_timestamp: WallTime,
    /// Set only by old clients that ask for a retention of their own.
    pub expire_timestamp: Option<WallTime>,
    /// Zero where the record that carried it did not say.
    pub topic_id: TopicId,
}
