//! Shortening the log: a follower that diverged, or starts over.

use super::Log;
use crate::{
    Disk, DiskFile, StorageError,
    active_index::NewBatch,
    disk::read_whole,
    epoch_cache::EpochCache,
    errors::During,
    names, producer_snapshot,
    producer_state::ProducerState,
    recovery::replay_headers,
    scan::HeaderReader,
    segment::{Extent, Known, Segment},
    transaction_index,
};
use model::{
    Offset, WallTime,
    mistakes::{Mistake, is_made},
};
use std::sync::Arc;

impl<D: Disk> Log<D> {
    /// Drops every batch that holds or follows `offset`. Shortens indexes, transaction index, epochs and producer state.
    pub fn truncate_to(&mut self, offset: Offset, now: WallTime) -> Result<(), StorageError> {
        if offset >= self.log_end() {
            return self.drop_empty_epochs();
        }
        if offset <= self.view.segments[0].base_offset {
            return self.truncate_fully_and_start_at(offset);
        }
        self.remove_remains()?;
        let keep = self.view.segments.partition_point(|segment| segment.base_offset < offset);
        for segment in self.view.segments[keep..].to_vec().iter().rev() {
            // Readers of older views must not see what was overruled.
            segment.retire();
            self.rename_to_deleted(segment, true)?.remove_from(&self.disk).during("remove a truncated segment")?;
        }
        if keep < self.view.segments.len() {
            // As with the shortened file: a removed segment must not come back between batches of the leader that overruled it.
            self.disk.sync_folder(&self.folder).during("sync the folder of removed segments")?;
        }
        let last = self.view.segments[keep - 1].clone();
        let shortened = self.shorten(&last, offset)?;
        let end = shortened.extent().next_offset;
        self.change_view(|view| {
            view.segments.truncate(keep - 1);
            view.segments.push(Arc::new(shortened));
            view.log_start = view.log_start.min(end);
        });
        self.reserved_to = 0;
        self.unsaved = true;
        self.recovery_point = self.recovery_point.min(end);
        self.high_watermark = self.high_watermark.min(end);
        self.cleaned_up_to = self.cleaned_up_to.min(end);
        self.drop_empty_epochs()?;
        self.reload_producers(end, now)
    }

    /// Leaderships that appended nothing before another leader was elected: the histories part at them too.
    fn drop_empty_epochs(&mut self) -> Result<(), StorageError> {
        if is_made(Mistake::KeepEmptyEpochs) {
            return Ok(());
        }
        let mut epochs = EpochCache::clone(&self.view.epochs);
        if epochs.truncate_from_end(self.log_end()) { self.set_epochs(epochs, true) } else { Ok(()) }
    }

    /// The segment's new life: another id, so that no cursor or verified range of the old one counts.
    fn shorten(&mut self, old: &Segment<D>, offset: Offset) -> Result<Segment<D>, StorageError> {
        let extent = old.extent();
        let file = old.open(&self.disk, &self.folder).during("open a segment to truncate it")?;
        old.retire();
        let mut reader = HeaderReader::new(&file, old.base_offset, extent.size);
        let shortened = Segment::found(
            self.take_segment_id(),
            old.base_offset,
            Extent { size: 0, next_offset: old.base_offset },
            false,
        );
        {
            let mut state = shortened.lock();
            state.index = Some(crate::active_index::ActiveIndex::new(self.config.index_interval_bytes));
            (state.max_timestamp, state.first_timestamp) = (Known::Nothing, Known::Nothing);
            state.has_transaction_index = old.lock().has_transaction_index;
            let mut position = 0;
            while let Some(header) = reader.header_at(position)?.filter(|header| header.last_offset() < offset) {
                let size = u32::try_from(header.size_in_bytes()).expect("a batch length is an i32");
                let (base_offset, last_offset) = (header.base_offset, header.last_offset());
                let batch = NewBatch { base_offset, last_offset, position, size };
                shortened.note_batch(&mut state, batch, header.max_timestamp);
                position += u64::from(size);
            }
            // Synced: what another leader overruled must not come back behind its batches.
            file.truncate(position).and_then(|()| file.sync()).during("truncate a segment")?;
            state.verified = crate::trust::VerifiedRanges::new(position);
        }
        let end = shortened.extent().next_offset;
        if shortened.lock().has_transaction_index {
            let path = shortened.path(&self.folder, names::TRANSACTION_INDEX);
            transaction_index::truncate(&self.disk, &path, end).during("truncate a transaction index")?;
        }
        Ok(shortened)
    }

    /// Newest snapshot at or below the end, then the batches after it.
    fn reload_producers(&mut self, end: Offset, now: WallTime) -> Result<(), StorageError> {
        let stale: Vec<Offset> = self.snapshots.iter().rev().take_while(|offset| **offset > end).copied().collect();
        for offset in stale {
            self.remove_snapshot(offset)?;
        }
        let mut state = None;
        for offset in self.snapshots.iter().rev() {
            let path = names::path(&self.folder, *offset, names::SNAPSHOT);
            let bytes = read_whole(&self.disk, &path, producer_snapshot::LARGEST).during("read a producer snapshot")?;
            state = producer_snapshot::decode(&bytes, *offset);
            if state.is_some() {
                break;
            }
        }
        let mut state = state.unwrap_or_else(|| ProducerState::starting_at(self.view.segments[0].base_offset));
        replay_headers(&self.disk, &self.folder, &self.view.segments, &mut state, now)?;
        state.end = end;
        state.expire(now, self.config.producer_id_expiration_ms);
        self.producers = state;
        self.producers.high_watermark_advanced(self.high_watermark);
        Ok(())
    }

    pub(super) fn remove_snapshot(&mut self, offset: Offset) -> Result<(), StorageError> {
        let path = names::path(&self.folder, offset, names::SNAPSHOT);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).during("remove a producer snapshot");
            }
            _ => {}
        }
        self.snapshots.remove(&offset);
        Ok(())
    }

    /// Drops everything and continues at `offset`.
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset) -> Result<(), StorageError> {
        // Newest first: a crash in between leaves a log that is only shorter.
        for segment in self.view.segments.clone().iter().rev() {
            // Readers of older views must not see what was overruled.
            segment.retire();
            self.rename_to_deleted(segment, true)?.remove_from(&self.disk).during("remove a truncated segment")?;
        }
        for snapshot in self.snapshots.clone() {
            self.remove_snapshot(snapshot)?;
        }
        let path = names::path(&self.folder, offset, names::LOG);
        let file = self.disk.create(&path).during("create a segment")?;
        let id = self.take_segment_id();
        let segment = Segment::created(id, offset, self.config.index_interval_bytes, self.disk.remember(&path, &file));
        self.set_epochs(EpochCache::default(), true)?;
        self.change_view(|view| {
            view.segments = vec![Arc::new(segment)];
            view.log_start = offset;
        });
        self.producers = ProducerState::starting_at(offset);
        self.recovery_point = offset;
        self.high_watermark = offset;
        self.cleaned_up_to = offset;
        self.reserved_to = 0;
        self.remains_of_failed_write = false;
        self.unsaved = true;
        Ok(())
    }
}
