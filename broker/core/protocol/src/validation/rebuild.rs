//! Packs a batch anew: the topic asks for another codec, or the offsets of uncompressed records are not 0, 1, 2, …

use super::{ProduceError, ProduceRules, TopicCompression};
use crate::{
    compression::Compression,
    record_batch::{BatchBuilder, BatchOptions, BatchView},
};
use bytes::Bytes;

/// Everything the batch says about its producer survives; only records, offsets inside and codec are written again.
pub(super) fn rebuild(batch: &BatchView<'_>, codec: Compression, rules: &ProduceRules) -> Result<Bytes, ProduceError> {
    let level = match rules.compression {
        TopicCompression::Producer => None,
        TopicCompression::Fixed { level, .. } => level,
    };
    let like = BatchOptions::like(&batch.header).map_err(ProduceError::Malformed)?;
    let mut builder = BatchBuilder::new(BatchOptions { compression: codec, compression_level: level, ..like });
    let mut scratch = Vec::new();
    for record in batch.records(&mut scratch, rules.decompressed_limit).map_err(ProduceError::inside)? {
        builder.push_copy(&record.map_err(ProduceError::Malformed)?);
    }
    builder.build().map_err(ProduceError::Malformed)
}
