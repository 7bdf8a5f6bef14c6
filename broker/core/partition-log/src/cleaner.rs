//! Log compaction (KIP-58, KIP-534): keep the last record of each key.
//!
//! A [`CleaningJob`] is planned by the log's writer, runs anywhere without it, in steps, and hands back [`Cleaned`] segments,
//! which the writer swaps in. Two passes: remember the last offset of each key in the dirty part (as far as memory goes), then
//! write every segment up to there anew without what is superseded. Offsets never change, and neither do the offset range
//! and the sequences of a batch that keeps at least one record.
//!
//! Never touched: the active segment, anything at or above the last stable offset, anything younger than
//! `min.compaction.lag.ms`.

mod filter;
mod job;
mod offset_map;
mod output;
mod swap;
mod transactions;

pub use job::CleaningJob;
pub(crate) use job::Plan;
pub use output::Cleaned;
pub(crate) use output::CleanedSegment;
pub(crate) use swap::{complete_swaps, discard, swap_in};
