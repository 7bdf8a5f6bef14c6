//! One batch in, what compaction leaves of it out.

use super::{offset_map::OffsetMap, transactions::Transactions};
use crate::producer_state::LastOfProducer;
use bytes::Bytes;
use model::{Offset, ProducerId, WallTime};
use protocol::record_batch::{BatchBuilder, BatchError, BatchOptions, BatchView, Record, empty_batch};
use std::collections::BTreeMap;

/// A batch that unpacks to more stops the job; memory stays bounded.
const MOST_UNPACKED: usize = 256 << 20;

/// What does not change during a job.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) now: WallTime,
    pub(super) delete_retention_ms: i64,
    /// The map knows all keys below this offset; above it everything stays.
    pub(super) map_end: Offset,
    /// Where the segment being written ends; its last batch stays, if only empty. So a segment of ours always reaches up to
    /// the next one, and one that does not has lost its end (Kafka keeps the last batch of a round only).
    pub(super) segment_end: Offset,
    pub(super) last_of_producers: BTreeMap<ProducerId, LastOfProducer>,
}

/// What is left of a batch.
pub(super) enum Left {
    Nothing,
    AsItWas,
    Less(Bytes),
}

impl Filter {
    pub(super) fn apply(
        &self,
        batch: &BatchView<'_>,
        map: &OffsetMap,
        transactions: &mut Transactions,
        scratch: &mut Vec<u8>,
    ) -> Result<Left, BatchError> {
        let header = &batch.header;
        let is_control = header.attributes.is_control();
        let horizon_passed = header.delete_horizon().is_some_and(|horizon| horizon <= self.now);
        let (drop_records, marks_nothing) = if is_control {
            let marks_nothing = transactions.is_marker_of_nothing(batch);
            (marks_nothing && horizon_passed, marks_nothing)
        } else {
            (transactions.is_aborted(batch), false)
        };
        let keep_empty = self.is_last_of_producer(batch) || header.next_offset() == self.segment_end;
        if drop_records || header.record_count == 0 {
            return Ok(self.left_empty(batch, keep_empty));
        }
        let keeps = |record: &Record<'_>| is_control || self.keeps(record, map, horizon_passed);
        let (mut kept, mut total, mut tombstones) = (0, 0, false);
        for record in batch.records(scratch, MOST_UNPACKED)? {
            let record = record?;
            total += 1;
            if keeps(&record) {
                kept += 1;
                tombstones |= record.value.is_none();
            }
        }
        if kept == 0 {
            return Ok(self.left_empty(batch, keep_empty));
        }
        let starts_horizon = header.delete_horizon().is_none() && (marks_nothing || tombstones && !is_control);
        if kept == total && !starts_horizon {
            return Ok(Left::AsItWas);
        }
        let mut options = BatchOptions::like(header)?;
        if starts_horizon {
            options.delete_horizon = Some(self.now.plus_ms(self.delete_retention_ms));
        }
        let mut builder = BatchBuilder::new(options);
        for record in batch.records(scratch, MOST_UNPACKED)? {
            let record = record?;
            if keeps(&record) {
                builder.retain(&record);
            }
        }
        builder.set_last_offset(header.last_offset());
        builder.build().map(Left::Less)
    }

    fn left_empty(&self, batch: &BatchView<'_>, keep: bool) -> Left {
        match keep {
            false => Left::Nothing,
            true if batch.header.record_count == 0 => Left::AsItWas,
            true => Left::Less(empty_batch(&batch.header)),
        }
    }

    /// A live producer's last batch holds its sequence; without any data of it, its last marker holds its epoch.
    fn is_last_of_producer(&self, batch: &BatchView<'_>) -> bool {
        let header = &batch.header;
        header.has_producer_id()
            && match self.last_of_producers.get(&header.producer_id) {
                Some(LastOfProducer::Data(offset)) => header.last_offset() == *offset,
                Some(LastOfProducer::Marker(epoch)) => {
                    header.attributes.is_control() && header.producer_epoch == *epoch
                }
                None => false,
            }
    }

    /// The newest of its key stays; a tombstone until its horizon.
    fn keeps(&self, record: &Record<'_>, map: &OffsetMap, horizon_passed: bool) -> bool {
        if record.offset >= self.map_end {
            return true;
        }
        let Some(key) = record.key else { return false };
        let is_newest = map.get(key).is_none_or(|newest| record.offset >= newest);
        is_newest && (record.value.is_some() || !horizon_passed)
    }
}
