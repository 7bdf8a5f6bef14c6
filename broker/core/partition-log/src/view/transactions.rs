//! Aborted transactions for read_committed fetches.

use super::{AbortedTransaction, LogView, ReadError};
use crate::{Disk, errors::During, names, transaction_index};
use model::Offset;

impl<D: Disk> LogView<D> {
    /// Aborted transactions that overlap [`from`, `below`), sorted by first offset. An entry lies in the segment of its
    /// marker, so following segments are searched until one was written when everything up to `below` was decided.
    pub fn aborted_transactions(&self, from: Offset, below: Offset) -> Result<Vec<AbortedTransaction>, ReadError> {
        let mut found = Vec::new();
        for segment in &self.segments[self.segment_index(from)..] {
            if !segment.lock().has_transaction_index {
                continue;
            }
            let path = segment.path(&self.folder, names::TRANSACTION_INDEX);
            let entries = transaction_index::read(&self.disk, &path).during("read a transaction index")?;
            let mut decided = false;
            for entry in entries {
                if entry.last_offset >= from && entry.first_offset < below {
                    found.push(AbortedTransaction { producer_id: entry.producer_id, first_offset: entry.first_offset });
                }
                decided |= entry.last_stable_offset >= below;
            }
            if decided {
                break;
            }
        }
        found.sort_by_key(|transaction| (transaction.first_offset, transaction.producer_id));
        Ok(found)
    }
}
