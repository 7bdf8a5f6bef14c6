//! Which batches belong to aborted transactions, and which markers have nothing left to mark.

use crate::{producer_state::marker_of, transaction_index::AbortedEntry};
use model::{Offset, ProducerId};
use protocol::record_batch::{BatchView, MarkerKind};
use std::collections::{BTreeMap, BTreeSet};

/// Follows the transactions of a log in the order of its batches.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// Aborted ones that begin later, by first offset, last one first.
    pending: Vec<AbortedEntry>,
    /// Aborted ones that have begun; whether a batch of theirs was seen.
    aborted: BTreeMap<ProducerId, (AbortedEntry, bool)>,
    /// Producers of which a committed transaction's batch was seen.
    committed: BTreeSet<ProducerId>,
    /// Aborted ones that still have batches: the new transaction index.
    pub(super) kept: Vec<AbortedEntry>,
}

impl Transactions {
    pub(super) fn new(mut aborted: Vec<AbortedEntry>) -> Self {
        aborted.sort_by_key(|entry| std::cmp::Reverse(entry.first_offset));
        Self { pending: aborted, ..Self::default() }
    }

    fn begin_up_to(&mut self, offset: Offset) {
        while let Some(entry) = self.pending.pop_if(|entry| entry.first_offset <= offset) {
            self.aborted.insert(entry.producer_id, (entry, false));
        }
    }

    /// True if the records of a data batch were aborted.
    pub(super) fn is_aborted(&mut self, batch: &BatchView<'_>) -> bool {
        self.begin_up_to(batch.header.last_offset());
        if !batch.header.attributes.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&batch.header.producer_id) {
            Some((_, seen)) => {
                *seen = true;
                true
            }
            None => {
                self.committed.insert(batch.header.producer_id);
                false
            }
        }
    }

    /// True if nothing is left of the transaction that a control batch ends.
    pub(super) fn is_marker_of_nothing(&mut self, batch: &BatchView<'_>) -> bool {
        self.begin_up_to(batch.header.last_offset());
        if batch.header.record_count == 0 {
            return true;
        }
        let Some(marker) = marker_of(batch) else { return false };
        let producer = batch.header.producer_id;
        match marker.kind {
            MarkerKind::Abort => match self.aborted.remove(&producer) {
                Some((entry, true)) => {
                    self.kept.push(entry);
                    false
                }
                Some((_, false)) | None => true,
            },
            MarkerKind::Commit => !self.committed.remove(&producer),
        }
    }
}
