//! What a partition remembers of one producer, and the rules a new batch must pass.

use crate::{AppendError, ProducerDescription};
use model::{Offset, ProducerEpoch, ProducerId, Sequence, WallTime};
use protocol::record_batch::{BatchHeader, MarkerKind};

/// Batches remembered per producer: as many as a client may have in flight (KIP-98).
pub(crate) const REMEMBERED: usize = 5;
/// Of a producer that has not written: no epoch known.
const NO_EPOCH: ProducerEpoch = ProducerEpoch(-1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RememberedBatch {
    pub(crate) last_sequence: Sequence,
    pub(crate) last_offset: Offset,
    pub(crate) offset_delta: i32,
    pub(crate) timestamp: WallTime,
}

impl RememberedBatch {
    pub(crate) fn first_offset(&self) -> Offset {
        Offset(self.last_offset.0 - i64::from(self.offset_delta))
    }

    pub(crate) fn first_sequence(&self) -> Sequence {
        before(self.last_sequence, self.offset_delta)
    }
}

/// The sequence `count` before, 2 147 483 647 coming before 0.
fn before(sequence: Sequence, count: i32) -> Sequence {
    if sequence.0 >= count { Sequence(sequence.0 - count) } else { Sequence(i32::MAX - (count - sequence.0) + 1) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerEntry {
    pub(crate) epoch: ProducerEpoch,
    pub(crate) batches: [Option<RememberedBatch>; REMEMBERED],
    pub(crate) coordinator_epoch: i32,
    /// Time of the last append; expiry counts from it.
    pub(crate) last_append: WallTime,
    pub(crate) transaction_first_offset: Option<Offset>,
}

impl Default for ProducerEntry {
    fn default() -> Self {
        Self {
            epoch: NO_EPOCH,
            batches: [None; REMEMBERED],
            coordinator_epoch: -1,
            last_append: WallTime::NONE,
            transaction_first_offset: None,
        }
    }
}

/// A transaction whose marker was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompletedTransaction {
    pub(crate) producer_id: ProducerId,
    pub(crate) first_offset: Offset,
    /// The marker's.
    pub(crate) last_offset: Offset,
    pub(crate) aborted: bool,
}

/// A marker as the log needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) kind: MarkerKind,
    pub(crate) coordinator_epoch: i32,
}

impl ProducerEntry {
    pub(crate) fn batches(&self) -> impl DoubleEndedIterator<Item = &RememberedBatch> {
        self.batches.iter().flatten()
    }

    pub(crate) fn last_batch(&self) -> Option<&RememberedBatch> {
        self.batches().next_back()
    }

    pub(crate) fn last_sequence(&self) -> Sequence {
        self.last_batch().map_or(Sequence::NONE, |batch| batch.last_sequence)
    }

    /// One of the five, by epoch and both ends of the sequence range.
    pub(crate) fn duplicate(&self, header: &BatchHeader) -> Option<&RememberedBatch> {
        if header.producer_epoch != self.epoch || header.base_sequence.0 < 0 {
            return None;
        }
        self.batches().find(|batch| {
            batch.last_sequence == header.last_sequence() && batch.first_sequence() == header.base_sequence
        })
    }

    /// | epoch of the batch | sequence | answer |
    /// |---|---|---|
    /// | lower than known | any | invalid epoch |
    /// | producer unknown | any | accepted |
    /// | new | 0 | accepted |
    /// | new | other | out of order |
    /// | known | last + 1, or 0 after the largest | accepted |
    /// | known | other | out of order |
    ///
    /// Batches of coordinators carry no sequence (-1): their epoch alone is checked.
    pub(crate) fn check_data(&self, header: &BatchHeader) -> Result<(), AppendError> {
        if header.producer_epoch < self.epoch {
            return Err(AppendError::InvalidProducerEpoch);
        }
        if header.base_sequence.0 >= 0 && self.epoch != NO_EPOCH {
            let expected = if header.producer_epoch == self.epoch { self.last_sequence().next() } else { Sequence(0) };
            if header.base_sequence != expected {
                return Err(AppendError::OutOfOrderSequence);
            }
        }
        if self.transaction_first_offset.is_some() && !header.attributes.is_transactional() {
            return Err(AppendError::InvalidTransactionState);
        }
        Ok(())
    }

    pub(crate) fn check_marker(&self, header: &BatchHeader, marker: Marker) -> Result<(), AppendError> {
        if header.producer_epoch < self.epoch {
            return Err(AppendError::InvalidProducerEpoch);
        }
        if marker.coordinator_epoch < self.coordinator_epoch {
            return Err(AppendError::TransactionCoordinatorFenced);
        }
        Ok(())
    }

    fn raise_epoch(&mut self, epoch: ProducerEpoch) {
        if epoch != self.epoch {
            self.batches = [None; REMEMBERED];
            self.epoch = epoch;
        }
    }

    pub(crate) fn remember(&mut self, batch: RememberedBatch) {
        match self.batches.iter().position(Option::is_none) {
            Some(free) => self.batches[free] = Some(batch),
            None => {
                self.batches.rotate_left(1);
                self.batches[REMEMBERED - 1] = Some(batch);
            }
        }
    }

    pub(crate) fn apply_data(&mut self, header: &BatchHeader, now: WallTime) {
        self.raise_epoch(header.producer_epoch);
        self.remember(RememberedBatch {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        self.last_append = now;
        if header.attributes.is_transactional() && self.transaction_first_offset.is_none() {
            self.transaction_first_offset = Some(header.base_offset);
        }
    }

    /// A marker without an open transaction completes nothing.
    pub(crate) fn apply_marker(
        &mut self,
        header: &BatchHeader,
        marker: Marker,
        now: WallTime,
    ) -> Option<CompletedTransaction> {
        self.raise_epoch(header.producer_epoch);
        self.coordinator_epoch = marker.coordinator_epoch;
        self.last_append = now;
        let first_offset = self.transaction_first_offset.take()?;
        Some(CompletedTransaction {
            producer_id: header.producer_id,
            first_offset,
            last_offset: header.base_offset,
            aborted: marker.kind == MarkerKind::Abort,
        })
    }

    pub(crate) fn is_expired(&self, now: WallTime, expiration_ms: i64) -> bool {
        self.transaction_first_offset.is_none() && now.0.saturating_sub(self.last_append.0) >= expiration_ms
    }

    pub(crate) fn describe(&self, producer_id: ProducerId) -> ProducerDescription {
        ProducerDescription {
            producer_id,
            producer_epoch: self.epoch,
            last_sequence: self.last_sequence(),
            last_timestamp: self.last_append,
            coordinator_epoch: self.coordinator_epoch,
            current_transaction_first_offset: self.transaction_first_offset,
        }
    }
}
