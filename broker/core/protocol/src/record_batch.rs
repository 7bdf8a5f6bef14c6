//! Record batches, magic 2 (KIP-98): Kafka's unit on the wire and on disk.
//!
//! ```text
//! offset  0        8      12             16    17    21         23                27             35
//!         ┌────────┬──────┬──────────────┬─────┬─────┬──────────┬─────────────────┬──────────────┬──
//!         │ base   │length│ partition    │magic│ CRC │attributes│ last offset     │ base         │ …
//!         │ offset │      │ leader epoch │  2  │ 32C │          │ delta           │ timestamp    │
//!         └────────┴──────┴──────────────┴─────┴─────┴──────────┴─────────────────┴──────────────┴──
//!         35            43          51             53            57            61
//!         ┬─────────────┬───────────┬──────────────┬─────────────┬─────────────┬───────────────────┐
//!       … │ max         │ producer  │ producer     │ base        │ record      │ records, perhaps  │
//!         │ timestamp   │ id        │ epoch        │ sequence    │ count       │ compressed        │
//!         ┴─────────────┴───────────┴──────────────┴─────────────┴─────────────┴───────────────────┘
//! ```
//! `length` counts from byte 12. The CRC covers everything from `attributes` (byte 21) to the end, so a leader can
//! write base offset and epoch without touching it.

mod batches;
mod builder;
mod control;
mod header;
mod outline;
mod patch;
mod record;
#[cfg(test)]
mod tests;

pub use batches::{BatchView, Batches};
pub use builder::{BatchBuilder, BatchOptions, HeaderData, RecordData, build_batch, empty_batch};
pub use control::{ControlRecord, MarkerKind, control_batch};
pub use header::{Attributes, BatchHeader, CRC_START, HEADER_SIZE, LENGTH_START, LOG_OVERHEAD, MAGIC, TimestampType};
pub use outline::{Outlines, RecordOutline};
pub use patch::{crc32c, set_base_offset, set_partition_leader_epoch, with_crc, with_log_append_time};
pub use record::{Headers, Record, RecordHeader, Records};

use crate::{compression::CompressionError, wire::WireError};
use thiserror::Error;

/// Why bytes are not a good batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The batch goes on beyond the bytes there are: the torn tail of a log, or the cut end of a fetch.
    #[error("batch is cut: {needed} bytes needed, {available} there")]
    Truncated { needed: usize, available: usize },
    #[error("batch length {0} cannot hold a header")]
    Length(i32),
    #[error("magic {0} is not served, only 2")]
    Magic(i8),
    #[error("checksum stored {stored:#010x}, computed {computed:#010x}")]
    Crc { stored: u32, computed: u32 },
    #[error("compression type {0} is not known")]
    UnknownCompression(i16),
    #[error("record count {count} does not fit last offset delta {last_offset_delta}")]
    Count { count: i32, last_offset_delta: i32 },
    #[error("record {index} of the batch is malformed: {source}")]
    Record { index: i32, source: WireError },
    #[error("record {index} has length {length} but its fields take {used} bytes")]
    RecordLength { index: i32, length: i32, used: usize },
    #[error("record {index} has offset delta {delta}, inside a compressed batch it must be its place")]
    OffsetDelta { index: i32, delta: i32 },
    #[error("{0} bytes after the last record")]
    TrailingBytes(usize),
    #[error(transparent)]
    Compression(#[from] CompressionError),
}
