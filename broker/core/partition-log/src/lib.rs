//! The log of one partition: segments, indexes, recovery, retention and compaction over a [`Disk`].
//!
//! It is: Kafka's on-disk format, written and read by synchronous code that is told the time.
//! It is not: files (the shell's `file_disk`), scheduling, high watermark or acks (`replication`), validation of what clients
//! send (`protocol`).
//!
//! Promises:
//! - A batch is acknowledged by [`Log::append_as_leader`] only after its write returned; a failed write leaves the log as it was.
//! - Offsets never change. What was appended and not deleted is found again after a crash of the process at any byte.
//! - Bytes that are not what was written are reported, never served as good (see [`ReadPlan::needs_verification`]).
//!
//! Start with [`Log`] (the one writer), [`LogView`] (any number of readers) and [`Disk`].

pub mod active_index;
pub mod append;
mod cleaner;
mod closed_log;
pub mod config;
pub mod disk;
pub mod epoch_cache;
pub mod errors;
mod index_file;
pub mod log;
pub mod manifest;
#[cfg(any(test, feature = "memory-disk"))]
pub mod memory_disk;
mod names;
mod partition_metadata;
mod producer_entry;
mod producer_snapshot;
mod producer_state;
mod recovery;
pub mod reports;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod transaction_index;
mod trust;
pub mod view;

pub use append::{AppendError, AppendOutcome, PreparedBatch};
pub use cleaner::{Cleaned, CleaningJob};
pub use closed_log::flush_closed;
pub use config::LogConfig;
pub use disk::{Disk, DiskFile, FileEntry};
pub use epoch_cache::stored_latest_epoch;
pub use errors::{CorruptBatch, OpenError, StorageError};
pub use log::{Dirt, Log, Start};
pub use manifest::{Crash, ListedLog, Manifest, ManifestEntry, ManifestError};
pub use partition_metadata::stored_topic_id;
pub use reports::{DeletedFiles, FlushPlan, OpenReport, ProducerDescription};
pub use view::{AbortedTransaction, Cursor, LogView, ReadError, ReadPlan, ReadRange, TimestampedOffset};
