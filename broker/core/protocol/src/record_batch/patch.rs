//! What a leader writes into a batch it received.

use super::{BatchHeader, CRC_START, TimestampType};
use crc_fast::{CrcAlgorithm::Crc32Iscsi, Digest};
use model::{LeaderEpoch, Offset, WallTime};

/// CRC-32C (Castagnoli), the checksum of batches.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(Crc32Iscsi, bytes) as u32
}

/// Writes the base offset of the batch at the start of `batch`. It lies outside the checksum.
///
/// # Panics
/// On fewer bytes than a header; callers hold a batch that was read.
pub fn set_base_offset(batch: &mut [u8], base_offset: Offset) {
    batch[..8].copy_from_slice(&base_offset.0.to_be_bytes());
}

/// Writes the leader epoch of the batch at the start of `batch`. It lies outside the checksum.
///
/// # Panics
/// On fewer bytes than a header; callers hold a batch that was read.
pub fn set_partition_leader_epoch(batch: &mut [u8], epoch: LeaderEpoch) {
    batch[12..16].copy_from_slice(&epoch.0.to_be_bytes());
}

/// The header of the batch once the broker stamped it: attribute bit, max timestamp, checksum. The deltas inside stay.
#[must_use]
pub fn with_log_append_time(header: &BatchHeader, body: &[u8], now: WallTime) -> BatchHeader {
    let attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
    with_crc(&BatchHeader { attributes, max_timestamp: now, ..*header }, body)
}

/// `header` with the checksum it needs in front of `body`.
///
/// One pass over the body: carrying a CRC over a length by matrix, as the library's `combine` does, costs more than the
/// pass for every batch below several MiB.
#[must_use]
pub fn with_crc(header: &BatchHeader, body: &[u8]) -> BatchHeader {
    let mut digest = Digest::new(Crc32Iscsi);
    digest.update(&header.encode()[CRC_START..]);
    digest.update(body);
    BatchHeader { crc: digest.finalize() as u32, ..*header }
}
