//! The requests of a load, written once and sent many times, and the few fields of the answers that a load looks at.

mod fetch;
mod floor;
mod produce;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use fetch::{AtEnd, Fetching, MAX_PARTITION_BYTES};
pub(crate) use floor::FloorDialogue;
pub(crate) use produce::{Producing, produce_frame, produce_to_all};
pub(crate) use session::FetchSession;

use crate::load::Dialogue;
use anyhow::{Context, Result};
use bytes::Bytes;
use model::WallTime;
use protocol::{
    compression::Compression,
    record_batch::{BatchOptions, RecordData, build_batch},
    samples::Source,
};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the correlation id of a request is, from its size on.
const CORRELATION_ID: std::ops::Range<usize> = 8..12;

const CLIENT_ID: &str = "bench";

/// When a record should have left, in nanoseconds since the epoch of the load.
pub(crate) type Due<R> = Box<dyn Fn(R) -> u64 + Send>;

fn set_correlation_id(request: &mut [u8], id: i32) {
    request[CORRELATION_ID].copy_from_slice(&id.to_be_bytes());
}

/// A batch as producers send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchShape {
    pub(crate) value_size: usize,
    pub(crate) records: usize,
    pub(crate) compression: Compression,
}

impl BatchShape {
    pub(crate) fn single(value_size: usize) -> Self {
        Self { value_size, records: 1, compression: Compression::None }
    }

    /// As many records as fit into `bytes` before compression, at least one.
    pub(crate) fn filling(bytes: usize, value_size: usize, compression: Compression) -> Self {
        Self { value_size, records: (bytes / value_size).max(1), compression }
    }

    /// The values of all records together.
    pub(crate) fn value_bytes(&self) -> u64 {
        (self.records * self.value_size) as u64
    }

    /// Records without keys; their values are letters out of sixteen, so that a codec halves them.
    pub(crate) fn batch(&self, seed: u64) -> Result<Bytes> {
        let mut source = Source::new(seed);
        let letters = (0..self.records * self.value_size).map(|_| b'a' + source.below(16) as u8).collect::<Vec<_>>();
        // Of today: what is older than its retention would be deleted under the readers.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")?;
        let timestamp = WallTime(i64::try_from(now.as_millis())?);
        let records: Vec<_> = letters
            .chunks(self.value_size)
            .map(|value| RecordData { timestamp, value: Some(value), ..RecordData::default() })
            .collect();
        Ok(build_batch(&BatchOptions { compression: self.compression, ..BatchOptions::default() }, &records)?)
    }
}

pub(crate) fn boxed(dialogue: impl Dialogue + 'static) -> Box<dyn Dialogue> {
    Box::new(dialogue)
}
