//! What the disk has yet to do for a log that was cut back.
//!
//! In memory a cut is made at once and as a whole: segments, epochs and producers are those of the records that are left,
//! whatever the disk does next. The disk follows, and until it has nothing is appended: a start in between finds the log
//! as it was, or shorter, and never other records behind those that are left.

use super::Log;
use crate::{
    Disk, DiskFile, StorageError,
    disk::remove_if_there,
    errors::During,
    names,
    segment::{Extent, Segment},
    transaction_index,
};
use model::Offset;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Cut<D: Disk> {
    /// Segments whose files go, oldest first.
    pub(super) overruled: Vec<Arc<Segment<D>>>,
    /// The file of the active segment is yet to be made.
    pub(super) begins_anew: bool,
    pub(super) epochs_changed: bool,
}

impl<D: Disk> Log<D> {
    /// Takes up what an earlier cut left to do, and does all of it.
    pub(super) fn cut_disk(&mut self, cut: Cut<D>) -> Result<(), StorageError> {
        let mut overruled = Vec::new();
        let mut epochs_changed = cut.epochs_changed;
        if let Some(before) = self.cut.take() {
            overruled = before.overruled;
            epochs_changed |= before.epochs_changed;
        }
        overruled.extend(cut.overruled);
        self.cut = Some(Cut { overruled, epochs_changed, ..cut });
        self.finish_cut()
    }

    /// Does what is left of a cut. Each part may be done again.
    pub(super) fn finish_cut(&mut self) -> Result<(), StorageError> {
        let Some(Cut { overruled, begins_anew, epochs_changed }) = &self.cut else { return Ok(()) };
        let (begins_anew, epochs_changed) = (*begins_anew, *epochs_changed);
        // Newest first: a crash in between leaves a log that is only shorter.
        for segment in overruled.iter().rev() {
            segment.remove_files(&self.disk, &self.folder).during("remove a truncated segment")?;
        }
        if !overruled.is_empty() {
            // As with the shortened file: a removed segment must not come back between batches of the leader that overruled it.
            self.disk.sync_folder(&self.folder).during("sync the folder of removed segments")?;
        }
        if begins_anew {
            self.create_active()?
        } else {
            self.shorten_active()?
        }
        let still_good = if begins_anew { Offset(i64::MIN) } else { self.log_end().next() };
        for stale in self.snapshots.range(still_good..).copied().collect::<Vec<_>>() {
            self.remove_snapshot(stale)?;
        }
        if epochs_changed {
            self.write_epochs(&self.view.epochs, true)?;
        }
        self.cut = None;
        self.remains_of_failed_write = false;
        self.reserved_to = 0;
        self.name_changes += 1;
        Ok(())
    }

    fn create_active(&self) -> Result<(), StorageError> {
        let active = self.active();
        let path = active.path(&self.folder, names::LOG);
        let file = self.disk.create(&path).during("create a segment")?;
        active.lock().file = Some(self.disk.remember(&path, &file));
        Ok(())
    }

    fn shorten_active(&self) -> Result<(), StorageError> {
        let active = self.active();
        let Extent { size, next_offset } = active.extent();
        let file = active.open(&self.disk, &self.folder).during("open a segment to truncate it")?;
        // Synced: what another leader overruled must not come back behind its batches.
        file.truncate(size).and_then(|()| file.sync()).during("truncate a segment")?;
        if active.lock().has_transaction_index {
            let path = active.path(&self.folder, names::TRANSACTION_INDEX);
            transaction_index::truncate(&self.disk, &path, next_offset).during("truncate a transaction index")?;
        }
        Ok(())
    }

    pub(super) fn remove_snapshot(&mut self, offset: Offset) -> Result<(), StorageError> {
        let path = names::path(&self.folder, offset, names::SNAPSHOT);
        remove_if_there(&self.disk, &path).during("remove a producer snapshot")?;
        self.snapshots.remove(&offset);
        Ok(())
    }
}
