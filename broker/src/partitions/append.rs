//! What an append asks and what it answers.

use model::{LeaderEpoch, Offset, WallTime};
use partition_log::PreparedBatch;
use std::{fmt, sync::Arc};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequiredAcks {
    None,
    Leader,
    /// Answered when the high watermark has passed the records.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// For a duplicate, the offset it got the first time.
    pub(crate) base_offset: Offset,
    /// The offset after the last record.
    pub(crate) next_offset: Offset,
    /// [`WallTime::NONE`] unless the topic uses LogAppendTime or the batch was a duplicate.
    pub(crate) log_append_time: WallTime,
    pub(crate) log_start: Offset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AppendError {
    #[error("not served here: {0}")]
    NotServed(#[from] replication::NotServed),
    #[error("too few in-sync replicas")]
    NotEnoughReplicas,
    #[error("too few in-sync replicas after the append")]
    NotEnoughReplicasAfterAppend,
    #[error(transparent)]
    Refused(#[from] partition_log::AppendError),
    #[error("not committed in time")]
    TimedOut,
    #[error("the disk failed")]
    Storage,
    #[error("the topic was deleted")]
    Deleted,
}

/// Gets the results of the partitions of one request, each once, in any order and from any thread. Called with the
/// partition's writer held: note the result and wake, nothing more.
pub(crate) trait AppendSink: Send + Sync {
    fn appended(&self, index: u32, result: Result<Appended, AppendError>);
}

/// One partition's share of a request: one batch.
pub(crate) struct AppendRequest {
    pub(crate) batch: PreparedBatch,
    pub(crate) acks: RequiredAcks,
    /// The one leadership in which it may be appended; [`LeaderEpoch::UNKNOWN`] where any will do.
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) sink: Arc<dyn AppendSink>,
    /// Comes back to the sink.
    pub(crate) index: u32,
}

impl fmt::Debug for AppendRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppendRequest").field("acks", &self.acks).field("index", &self.index).finish_non_exhaustive()
    }
}
