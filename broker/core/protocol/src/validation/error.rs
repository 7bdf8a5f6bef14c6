//! Why a batch is refused. The shell maps each to Kafka's code.

use crate::{compression::CompressionError, record_batch::BatchError};
use model::{Offset, Sequence, WallTime};
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProduceError {
    /// INVALID_RECORD
    #[error("there is no whole record batch")]
    NoBatch,
    /// INVALID_RECORD
    #[error("there is more than one record batch")]
    SeveralBatches,
    /// INVALID_RECORD
    #[error("record format {0} is not served, only record batches with magic 2")]
    OldMagic(i8),
    /// CORRUPT_MESSAGE
    #[error("batch is corrupt: {0}")]
    Corrupt(BatchError),
    /// INVALID_RECORD
    #[error("batch is malformed: {0}")]
    Malformed(BatchError),
    /// INVALID_RECORD
    #[error("base offset of a produced batch is {0}, it must be 0")]
    BaseOffset(Offset),
    /// INVALID_RECORD
    #[error("clients may not write control records")]
    Control,
    /// INVALID_RECORD
    #[error("clients may not write a delete horizon")]
    DeleteHorizon,
    /// INVALID_RECORD
    #[error("sequence {0} in a batch with a producer id")]
    Sequence(Sequence),
    /// MESSAGE_TOO_LARGE
    #[error("batch of {size} bytes is larger than max.message.bytes, {limit}")]
    TooLarge { size: usize, limit: usize },
    /// MESSAGE_TOO_LARGE
    #[error("batch unpacks to more than {limit} bytes")]
    UnpacksTooLarge { limit: usize },
    /// INVALID_TIMESTAMP if any issue is about time, else INVALID_RECORD. Never empty, at most 10,000.
    #[error("{}", describe(.0))]
    Records(Vec<RecordIssue>),
}

/// A record that makes its whole batch refused (KIP-467).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordIssue {
    pub index: i32,
    pub problem: RecordProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordProblem {
    #[error("compacted topic cannot accept a record without key")]
    MissingKey,
    #[error("timestamp {timestamp} is out of range, it should be within [{earliest}, {latest}]")]
    Timestamp { timestamp: WallTime, earliest: WallTime, latest: WallTime },
    #[error("producers may not set the timestamp type to LogAppendTime")]
    LogAppendTime,
}

impl ProduceError {
    /// The records to blame one by one, for clients that can be told.
    pub fn record_issues(&self) -> &[RecordIssue] {
        match self {
            Self::Records(issues) => issues,
            _ => &[],
        }
    }

    /// The batch is refused for its timestamps rather than for its records.
    pub fn is_about_time(&self) -> bool {
        self.record_issues().iter().any(|issue| issue.problem != RecordProblem::MissingKey)
    }

    pub(super) fn inside(error: BatchError) -> Self {
        match error {
            BatchError::Compression(CompressionError::TooLarge { limit }) => Self::UnpacksTooLarge { limit },
            other => Self::Malformed(other),
        }
    }
}

/// The first three, as Kafka shows them.
fn describe(issues: &[RecordIssue]) -> String {
    let shown: Vec<String> =
        issues.iter().take(3).map(|issue| format!("record {}: {}", issue.index, issue.problem)).collect();
    format!("{} of the records are refused: {}", issues.len(), shown.join("; "))
}
