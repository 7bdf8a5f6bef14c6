//! What goes into an append and what comes out.

use bytes::Bytes;
use model::{Offset, WallTime};
use protocol::record_batch::{BatchError, BatchHeader, HEADER_SIZE, with_log_append_time};
use protocol::validation::ValidBatch;

/// A batch that was validated (header, CRC, records as the topic demands) and waits for its offset.
#[derive(Debug, Clone)]
pub struct PreparedBatch {
    pub(crate) header: BatchHeader,
    pub(crate) bytes: Bytes,
}

impl PreparedBatch {
    /// `bytes` is exactly one batch whose checksum the caller has checked.
    pub fn new(bytes: Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::read(&bytes)?;
        let needed = header.size_in_bytes();
        if needed != bytes.len() {
            return Err(BatchError::Truncated { needed, available: bytes.len() });
        }
        Ok(Self { header, bytes })
    }

    /// Stamps the batch with the time of the append (`message.timestamp.type=LogAppendTime`).
    #[must_use]
    pub fn with_log_append_time(self, now: WallTime) -> Self {
        Self { header: with_log_append_time(&self.header, &self.bytes[HEADER_SIZE..], now), bytes: self.bytes }
    }

    /// A batch whose first 61 bytes are `header`, whatever `bytes` says there; the checksum in `header` fits.
    pub fn from_parts(header: BatchHeader, bytes: Bytes) -> Result<Self, BatchError> {
        let needed = header.size_in_bytes();
        if needed != bytes.len() {
            return Err(BatchError::Truncated { needed, available: bytes.len() });
        }
        Ok(Self { header, bytes })
    }

    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// What validation passed is prepared: its header is the truth, whatever the first 61 bytes say.
impl From<ValidBatch> for PreparedBatch {
    fn from(valid: ValidBatch) -> Self {
        Self { header: valid.header, bytes: valid.bytes }
    }
}

/// What became of one batch of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOutcome {
    /// `log_append_time` is what the batch was stamped with, [`WallTime::NONE`] if it was not.
    Appended {
        base_offset: Offset,
        last_offset: Offset,
        log_append_time: WallTime,
    },
    /// The batch is one of the producer's last five: a success with the offset it got then, which still waits for its acks level.
    Duplicate {
        base_offset: Offset,
        last_offset: Offset,
        timestamp: WallTime,
    },
    Refused(AppendError),
}

/// Why one batch was refused; the others of its group are not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("the producer's epoch is older than the one known")]
    InvalidProducerEpoch,
    #[error("the sequence does not follow the producer's last one")]
    OutOfOrderSequence,
    #[error("the marker comes from an older transaction coordinator")]
    TransactionCoordinatorFenced,
    #[error("a plain batch of a producer whose transaction is open here")]
    InvalidTransactionState,
    #[error("the batch is larger than max.message.bytes")]
    MessageTooLarge,
    #[error("the batch is larger than segment.bytes")]
    RecordListTooLarge,
}
