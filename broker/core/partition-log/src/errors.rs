//! Errors of the disk under a log, and damage found on it.

use model::Offset;
use std::io;
use thiserror::Error;

/// The disk failed. The log is as it was before the call, or [`StorageError::Poisoned`] until its file can be cut back; what is
/// said of a call itself comes before this.
#[derive(Debug, Error)]
pub enum StorageError {
    #[error("{action}")]
    Io { action: &'static str, source: io::Error },
    /// A failed write left bytes that could not be cut off again. The next append tries once more.
    #[error("the log waits for its disk: the remains of a failed write could not be removed")]
    Poisoned { source: io::Error },
    /// Bytes that were good once are not any more.
    #[error(transparent)]
    Corrupt(#[from] CorruptBatch),
    /// What the leader sent is not a sequence of batches (follower appends only).
    #[error("malformed batch: {reason}")]
    Malformed { reason: String },
    /// The caller's offset does not fit the log (follower appends only).
    #[error("offset {found} where {expected} or later was expected")]
    UnexpectedOffset { expected: Offset, found: Offset },
}

impl StorageError {
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } | Self::Poisoned { source } if source.kind() == io::ErrorKind::StorageFull)
    }
}

/// Adds the action to an I/O error.
pub(crate) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, StorageError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, action: &'static str) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Io { action, source })
    }
}

/// A batch on disk whose bytes are not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("corrupt batch in segment {segment} at byte {position}: {reason}")]
pub struct CorruptBatch {
    /// Base offset of the segment.
    pub segment: Offset,
    pub position: u64,
    pub reason: String,
}

/// Why a log cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{action} of {folder}")]
    Io { folder: String, action: &'static str, source: io::Error },
    /// Damage that cannot be stepped over without dropping acknowledged records; a person must decide.
    #[error("{folder} is damaged: {damage}; good batches follow at byte {good_again}")]
    Damaged { folder: String, damage: CorruptBatch, good_again: u64 },
    #[error("{folder} holds the log of another topic: id {found}, expected {expected}")]
    ForeignTopic { folder: String, found: String, expected: String },
    #[error("{folder} is not needed any more")]
    GivenUp { folder: String },
    #[error("{folder}: {what}")]
    Invalid { folder: String, what: String },
}
