//! Records on their way to one partition.

use crate::client::{ClientError, Result};
use bytes::Bytes;
use model::{ProducerEpoch, ProducerId, Sequence, WallTime};
use protocol::{
    compression::Compression,
    record_batch::{BatchBuilder, BatchOptions, HeaderData, RecordData},
};
use std::time::Instant;

/// A record to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewRecord {
    /// Chosen by key, or in turn, where `None`.
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: WallTime,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<(Bytes, Option<Bytes>)>,
}

/// Lengths, offsets and times before the fields of a record: never more than this.
const RECORD_OVERHEAD: usize = 32;

impl NewRecord {
    /// Never less than what the record takes in a batch.
    pub(crate) fn size(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len) + 10).sum();
        RECORD_OVERHEAD + self.key.as_ref().map_or(0, Bytes::len) + self.value.as_ref().map_or(0, Bytes::len) + headers
    }
}

/// Who numbers the batches, for idempotence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerIdentity {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
}

/// The records of one batch, kept until the broker has confirmed them.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Vec<NewRecord>,
    pub(crate) size: usize,
    pub(crate) since: Instant,
    pub(crate) attempts: u32,
    /// Made at the first attempt and the same in all later ones.
    pub(crate) encoded: Option<Bytes>,
}

impl Batch {
    pub(crate) fn new(now: Instant) -> Self {
        Self { records: Vec::new(), size: 0, since: now, attempts: 0, encoded: None }
    }

    pub(crate) fn push(&mut self, record: NewRecord) {
        self.size += record.size();
        self.records.push(record);
    }

    pub(crate) fn record_count(&self) -> i32 {
        i32::try_from(self.records.len()).expect("a batch is cut far below 2^31 records")
    }

    pub(crate) fn encode(
        &mut self,
        compression: Compression,
        numbered: Option<(ProducerIdentity, Sequence)>,
    ) -> Result<Bytes> {
        if let Some(encoded) = &self.encoded {
            return Ok(encoded.clone());
        }
        let mut options = BatchOptions { compression, ..BatchOptions::default() };
        if let Some((identity, sequence)) = numbered {
            options = BatchOptions {
                producer_id: identity.id,
                producer_epoch: identity.epoch,
                base_sequence: sequence,
                ..options
            };
        }
        let mut builder = BatchBuilder::new(options);
        let mut headers = Vec::new();
        for record in &self.records {
            headers.clear();
            headers.extend(record.headers.iter().map(|(key, value)| HeaderData { key, value: value.as_deref() }));
            builder.push(&RecordData {
                timestamp: record.timestamp,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &headers,
            });
        }
        let encoded = builder.build().map_err(|error| ClientError::Invalid(format!("make a batch: {error}")))?;
        self.encoded = Some(encoded.clone());
        Ok(encoded)
    }

    /// Two halves, for a broker that found the whole too large.
    pub(crate) fn split(mut self) -> (Self, Self) {
        let later = self.records.split_off(self.records.len() / 2);
        let half = |records: Vec<NewRecord>| Self {
            size: records.iter().map(NewRecord::size).sum(),
            records,
            since: self.since,
            attempts: 0,
            encoded: None,
        };
        (half(std::mem::take(&mut self.records)), half(later))
    }
}
