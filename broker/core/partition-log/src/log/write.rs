//! The one write of an append, and what happens when it fails.

use super::{Log, append::Placed};
use crate::{
    Disk, DiskFile, StorageError,
    active_index::NewBatch,
    errors::During,
    names,
    producer_state::Staged,
    segment::Known,
    transaction_index::{self, AbortedEntry},
};
use protocol::record_batch::HEADER_SIZE;
use smallvec::SmallVec;
use std::{io::IoSlice, mem};

/// First reservation of space, doubled with every further one.
const FIRST_RESERVATION: u64 = 64 << 10;
/// Largest reservation: a hot partition asks again every 32 MiB.
const LARGEST_RESERVATION: u64 = 32 << 20;

impl<D: Disk> Log<D> {
    /// Writes placed batches at the end of the active segment, then takes them into the state.
    pub(super) fn write(&mut self, placed: &[Placed<'_>], staged: Staged) -> Result<(), StorageError> {
        let headers: SmallVec<[[u8; HEADER_SIZE]; 1]> = placed.iter().map(|one| one.header.encode()).collect();
        let mut pieces: SmallVec<[IoSlice<'_>; 2]> = SmallVec::with_capacity(placed.len() * 2);
        for (header, one) in headers.iter().zip(placed) {
            pieces.push(IoSlice::new(header));
            pieces.push(IoSlice::new(one.body));
        }
        let active = self.active().clone();
        let file = active.open(&self.disk, &self.folder).during("open the active segment")?;
        let (start, max_timestamp) = {
            let state = active.lock();
            (state.size, state.max_timestamp)
        };
        if max_timestamp == Known::Unknown {
            // After a clean start it stands in the files only, and what is noted below is compared with it.
            active.max_timestamp(&self.disk, &self.folder)?;
        }
        let length: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.reserve(&file, start, length);
        let aborted = self.aborted_entries(&staged);
        let written = file.write_at(start, &pieces).during("append").and_then(|()| self.note_aborted(&aborted));
        if let Err(error) = written {
            self.remains_of_failed_write = true;
            // If this fails too, the next append tries again before it writes.
            let _ = self.remove_remains();
            return Err(error);
        }
        let mut state = active.lock();
        active.load_index(&mut state, &self.disk, &self.folder, self.config.index_interval_bytes);
        let mut position = start;
        for one in placed {
            let size = u32::try_from(one.header.size_in_bytes()).expect("a batch length is an i32");
            let (base_offset, last_offset) = (one.header.base_offset, one.header.last_offset());
            let batch = NewBatch { base_offset, last_offset, position, size };
            active.note_batch(&mut state, batch, one.header.max_timestamp);
            position += u64::from(size);
        }
        let end = state.next_offset;
        drop(state);
        self.producers.commit(staged, end);
        self.dirty = true;
        self.unsaved = true;
        Ok(())
    }

    fn aborted_entries(&self, staged: &Staged) -> Vec<AbortedEntry> {
        let aborted = staged.completed.iter().filter(|done| done.aborted);
        aborted
            .map(|done| AbortedEntry {
                producer_id: done.producer_id,
                first_offset: done.first_offset,
                last_offset: done.last_offset,
                last_stable_offset: self.producers.last_stable_after(staged, done),
            })
            .collect()
    }

    /// Written after the marker: a crash in between is healed by the scan, which finds the marker.
    fn note_aborted(&mut self, aborted: &[AbortedEntry]) -> Result<(), StorageError> {
        if aborted.is_empty() {
            return Ok(());
        }
        let active = self.active().clone();
        if !mem::replace(&mut active.lock().has_transaction_index, true) {
            self.name_changes += 1;
        }
        let path = active.path(&self.folder, names::TRANSACTION_INDEX);
        transaction_index::append(&self.disk, &path, aborted).during("append to the transaction index")
    }

    /// Reserves ahead of the log end so that the file system allocates in large pieces. Failure costs speed only: if the
    /// disk is full, the write itself will say so. Where there is little room it begins with little again: other logs need it.
    fn reserve(&mut self, file: &D::File, start: u64, length: u64) {
        if !self.config.preallocate || start + length <= self.reserved_to {
            return;
        }
        let step = (self.reserve_step * 2).clamp(FIRST_RESERVATION, LARGEST_RESERVATION);
        let end = (start + length + step).min(u64::from(self.config.segment_bytes).max(start + length));
        let is_reserved = file.preallocate(start, end - start).is_ok();
        (self.reserved_to, self.reserve_step) = if is_reserved { (end, step) } else { (0, 0) };
    }

    /// Cuts off what a failed write or an unfinished cut may have left. The log end is where the state says.
    pub(super) fn remove_remains(&mut self) -> Result<(), StorageError> {
        self.finish_cut()?;
        if !self.remains_of_failed_write {
            return Ok(());
        }
        let active = self.active().clone();
        let extent = active.extent();
        let cut = || -> std::io::Result<()> {
            active.open(&self.disk, &self.folder)?.truncate(extent.size)?;
            if active.lock().has_transaction_index {
                let path = active.path(&self.folder, names::TRANSACTION_INDEX);
                transaction_index::truncate(&self.disk, &path, extent.next_offset)?;
            }
            Ok(())
        };
        cut().map_err(|source| StorageError::Poisoned { source })?;
        self.remains_of_failed_write = false;
        self.reserved_to = 0;
        Ok(())
    }
}
