//! Reading a partition back: batches in, state out.

use crate::{
    coordinator::GroupCoordinator,
    records::{Decoded, decode},
};
use model::{
    Offset,
    mistakes::{Mistake, is_made},
};
use protocol::record_batch::{BatchError, BatchView, Batches, ControlRecord, MarkerKind};

/// A compressed batch is unpacked up to this size: far above any batch a coordinator writes (1 MiB), far below what
/// hostile bytes could unpack to.
const MAX_UNPACKED_BATCH: usize = 64 << 20;

/// What a look at some batches came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Loaded {
    pub records: usize,
    /// Records of kinds that this coordinator does not keep.
    pub skipped: usize,
    /// Records that are broken, with the first of them. They are left out; everything else counts.
    pub broken: usize,
    pub first_broken: Option<(Offset, String)>,
}

/// Where reading ends in a partition that this broker leads: at the end of its log, once all of it is committed, and not
/// before. A coordinator that knew only a part would answer with offsets that were long overtaken.
pub fn end_of_load(high_watermark: Offset, log_end: Offset) -> Option<Offset> {
    let is_all_committed = high_watermark >= log_end || is_made(Mistake::LoadKnownCommitted);
    is_all_committed.then(|| log_end.min(high_watermark))
}

impl Loaded {
    fn note_broken(&mut self, offset: Offset, error: &dyn std::fmt::Display) {
        self.broken += 1;
        self.first_broken.get_or_insert_with(|| (offset, error.to_string()));
    }
}

impl GroupCoordinator {
    /// Applies whole batches in the order of the log.
    pub fn load(&mut self, batches: &[u8], loaded: &mut Loaded) -> Result<(), BatchError> {
        let mut scratch = Vec::new();
        for batch in Batches::new(batches) {
            self.load_batch(&batch?, &mut scratch, loaded)?;
        }
        Ok(())
    }

    fn load_batch(
        &mut self,
        batch: &BatchView<'_>,
        scratch: &mut Vec<u8>,
        loaded: &mut Loaded,
    ) -> Result<(), BatchError> {
        let header = batch.header;
        for record in batch.records(scratch, MAX_UNPACKED_BATCH)? {
            let record = record?;
            if header.attributes.is_control() {
                if let Some(ControlRecord::EndTransaction { kind, .. }) = ControlRecord::read(record.key, record.value)
                {
                    self.apply_transaction_end(header.producer_id, kind == MarkerKind::Commit);
                }
                continue;
            }
            match decode(record.key, record.value) {
                Ok(Decoded::Record(decoded)) if header.attributes.is_transactional() => {
                    loaded.records += 1;
                    self.apply_in_transaction(header.producer_id, &decoded);
                }
                Ok(Decoded::Record(decoded)) => {
                    loaded.records += 1;
                    self.apply(&decoded);
                }
                Ok(Decoded::Other { .. }) => loaded.skipped += 1,
                Err(error) => loaded.note_broken(record.offset, &error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_is_loaded_whole_or_not_at_all() {
        for (high_watermark, log_end, expected) in [(0, 0, Some(0)), (9, 10, None), (10, 10, Some(10))] {
            let end = end_of_load(Offset(high_watermark), Offset(log_end));
            assert_eq!(end, expected.map(Offset), "{high_watermark} of {log_end} is committed");
        }
    }
}
