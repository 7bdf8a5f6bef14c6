//! Records as batches ready to be appended.

use super::{Record, RecordError, encode};
use bytes::Bytes;
use model::WallTime;
use protocol::record_batch::{BatchBuilder, BatchOptions, RecordData};

/// Room for the lengths and deltas around a key and a value, at their longest.
const RECORD_OVERHEAD: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedBatch {
    pub bytes: Bytes,
    /// How many records are in it.
    pub records: usize,
}

/// `records` in as few batches as `max_batch_bytes` allows, uncompressed, stamped `now`. A single record that is larger
/// is refused. The order is kept, so that a crash in between leaves a beginning of the whole.
pub fn encode_batches(
    records: &[Record],
    now: WallTime,
    max_batch_bytes: usize,
) -> Result<Vec<EncodedBatch>, RecordError> {
    let mut batches = Vec::new();
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for record in records {
        let (key, value) = encode(record)?;
        let size = key.len() + value.as_ref().map_or(0, Vec::len) + RECORD_OVERHEAD;
        if !builder.is_empty() && builder.uncompressed_size() + size > max_batch_bytes {
            batches.push(finish(builder)?);
            builder = BatchBuilder::new(BatchOptions::default());
        }
        if builder.uncompressed_size() + size > max_batch_bytes {
            return Err(RecordError::TooLarge(size));
        }
        builder.push(&RecordData { timestamp: now, key: Some(&key), value: value.as_deref(), headers: &[] });
    }
    if !builder.is_empty() {
        batches.push(finish(builder)?);
    }
    Ok(batches)
}

fn finish(builder: BatchBuilder) -> Result<EncodedBatch, RecordError> {
    let (size, records) = (builder.uncompressed_size(), builder.record_count().unsigned_abs() as usize);
    let bytes = builder.build().map_err(|_| RecordError::TooLarge(size))?;
    Ok(EncodedBatch { bytes, records })
}
