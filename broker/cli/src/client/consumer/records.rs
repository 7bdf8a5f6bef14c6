//! From the bytes of a Fetch answer to records: whole batches, decompressed, checked, aborted ones left out.

use crate::client::{ClientError, Result};
use bytes::Bytes;
use model::{LeaderEpoch, Offset, ProducerId, TopicPartition, WallTime};
use protocol::record_batch::{
    BatchError, BatchHeader, BatchView, Batches, ControlRecord, MarkerKind, Record, TimestampType,
};
use std::collections::BTreeSet;

/// What a batch may unpack to. A broker takes batches of about 1 MB by default; no honest one grows a hundredfold.
const MAX_UNPACKED_BYTES: usize = 256 * 1024 * 1024;

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumedRecord {
    pub(crate) partition: TopicPartition,
    pub(crate) offset: Offset,
    /// Of the batch: which leader wrote it.
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) timestamp: WallTime,
    pub(crate) timestamp_type: TimestampType,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<(Bytes, Option<Bytes>)>,
}

/// The batches of one partition in one answer, read one by one.
#[derive(Debug)]
pub(crate) struct FetchedPartition {
    pub(crate) partition: TopicPartition,
    /// Whole batches only.
    bytes: Bytes,
    /// Records below were not asked for: an answer starts with the whole batch that holds the first one.
    from: Offset,
    /// The offset after everything in it.
    pub(crate) next: Offset,
    aborted: Option<Aborted>,
    check_crcs: bool,
}

/// Transactions to be left out, for read_committed.
#[derive(Debug)]
struct Aborted {
    /// Sorted by first offset, the earliest last.
    to_come: Vec<(Offset, ProducerId)>,
    now: BTreeSet<ProducerId>,
}

impl FetchedPartition {
    /// `aborted`: the list of the answer, for read_committed only.
    pub(crate) fn new(
        partition: TopicPartition,
        bytes: Bytes,
        from: Offset,
        aborted: Option<Vec<(Offset, ProducerId)>>,
        check_crcs: bool,
    ) -> Result<Self> {
        let mut next = from;
        let mut end = 0;
        for batch in Batches::new(&bytes) {
            match batch {
                Ok(batch) => {
                    end += batch.bytes().len();
                    next = next.max(batch.header.next_offset());
                }
                // The answer may be cut anywhere after the first batch; the rest comes with the next one.
                Err(BatchError::Truncated { .. }) => break,
                Err(error) => return Err(unreadable(&partition, error)),
            }
        }
        let aborted = aborted.map(|mut list| {
            list.sort_by_key(|(first, _)| std::cmp::Reverse(*first));
            Aborted { to_come: list, now: BTreeSet::new() }
        });
        Ok(Self { partition, bytes: bytes.slice(..end), from, next, aborted, check_crcs })
    }

    pub(crate) fn remaining_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Records of the next batch that has any to show, or `None` at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Vec<ConsumedRecord>>> {
        while !self.bytes.is_empty() {
            let whole = self.bytes.clone();
            let batch = BatchView::read(&whole).map_err(|error| unreadable(&self.partition, error))?;
            self.bytes = self.bytes.slice(batch.bytes().len()..);
            if self.check_crcs {
                batch.check_crc().map_err(|error| unreadable(&self.partition, error))?;
            }
            if self.is_hidden(&batch) {
                continue;
            }
            let records = self.records(&whole, &batch)?;
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    fn records(&self, whole: &Bytes, batch: &BatchView<'_>) -> Result<Vec<ConsumedRecord>> {
        let failed = |error| unreadable(&self.partition, error);
        let attributes = batch.header.attributes;
        let mut unpacked = Vec::new();
        let backing = if attributes.is_compressed() {
            let codec = attributes.compression().map_err(failed)?;
            protocol::compression::decompress(codec, batch.body(), &mut unpacked, MAX_UNPACKED_BYTES)
                .map_err(|error| failed(error.into()))?;
            Bytes::from(unpacked)
        } else {
            whole.slice_ref(batch.body())
        };
        let mut records =
            Vec::with_capacity(usize::try_from(batch.header.record_count).unwrap_or(0).min(backing.len() / 7));
        for record in protocol::record_batch::Records::new(batch.header, &backing) {
            let record = record.map_err(failed)?;
            if record.offset >= self.from {
                records.push(self.consumed(&record, &backing, &batch.header));
            }
        }
        Ok(records)
    }

    fn consumed(&self, record: &Record<'_>, backing: &Bytes, header: &BatchHeader) -> ConsumedRecord {
        let own = |slice: &[u8]| backing.slice_ref(slice);
        ConsumedRecord {
            partition: self.partition.clone(),
            offset: record.offset,
            leader_epoch: header.partition_leader_epoch,
            timestamp: record.timestamp,
            timestamp_type: header.attributes.timestamp_type(),
            key: record.key.map(own),
            value: record.value.map(own),
            headers: record.headers.clone().map(|header| (own(header.key), header.value.map(own))).collect(),
        }
    }

    /// Markers are never shown; batches of aborted transactions not to read_committed.
    fn is_hidden(&mut self, batch: &BatchView<'_>) -> bool {
        let header = &batch.header;
        if let Some(aborted) = &mut self.aborted {
            while let Some((_, producer)) = aborted.to_come.pop_if(|(first, _)| *first <= header.last_offset()) {
                aborted.now.insert(producer);
            }
            if header.attributes.is_control() {
                if is_abort_marker(batch) {
                    aborted.now.remove(&header.producer_id);
                }
            } else if header.attributes.is_transactional() && aborted.now.contains(&header.producer_id) {
                return true;
            }
        }
        header.attributes.is_control()
    }
}

fn is_abort_marker(batch: &BatchView<'_>) -> bool {
    let first = protocol::record_batch::Records::new(batch.header, batch.body()).next();
    let control =
        first.and_then(std::result::Result::ok).and_then(|record| ControlRecord::read(record.key, record.value));
    matches!(control, Some(ControlRecord::EndTransaction { kind: MarkerKind::Abort, .. }))
}

fn unreadable(partition: &TopicPartition, error: BatchError) -> ClientError {
    ClientError::Invalid(format!("partition {partition}: a batch cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
