//! Shortening the log: a follower that diverged, or starts over.

use super::{Log, cut::Cut};
use crate::{
    Disk, StorageError,
    active_index::{ActiveIndex, NewBatch},
    disk::read_whole,
    epoch_cache::EpochCache,
    errors::During,
    names, producer_snapshot,
    producer_state::ProducerState,
    recovery::replay_headers,
    scan::{BatchReader, HeaderReader},
    segment::{Extent, Known, Segment},
    trust::VerifiedRanges,
};
use model::{
    Offset, WallTime,
    mistakes::{Mistake, is_made},
};
use std::sync::Arc;

impl<D: Disk> Log<D> {
    /// Drops every batch that holds or follows `offset`, and what indexes, epochs and producer state tell of them. An error of a
    /// read leaves the log as it was; after one of a write it is cut back all the same, and takes nothing until the disk has
    /// followed: the next append tries.
    pub fn truncate_to(&mut self, offset: Offset, now: WallTime) -> Result<(), StorageError> {
        if offset >= self.log_end() {
            self.finish_cut()?;
            return self.drop_empty_epochs();
        }
        if offset <= self.view.segments[0].base_offset {
            return self.truncate_fully_and_start_at(offset);
        }
        let keep = self.view.segments.partition_point(|segment| segment.base_offset < offset);
        let mut segments = self.view.segments.clone();
        let overruled = segments.split_off(keep);
        let last = segments.pop().expect("the first segment begins below the offset");
        let shortened = Arc::new(self.shortened(&last, offset)?);
        let end = shortened.extent().next_offset;
        segments.push(shortened);
        let producers = self.producers_of(&segments, end, now)?;
        let mut epochs = EpochCache::clone(&self.view.epochs);
        let epochs_changed = !is_made(Mistake::KeepEmptyEpochs) && epochs.truncate_from_end(end);
        // Readers of older views must not see what was overruled.
        overruled.iter().chain([&last]).for_each(|segment| segment.retire());
        self.change_view(|view| {
            view.segments = segments;
            view.log_start = view.log_start.min(end);
            view.epochs = Arc::new(epochs);
        });
        self.unsaved = true;
        self.recovery_point = self.recovery_point.min(end);
        self.high_watermark = self.high_watermark.min(end);
        self.cleaned_up_to = self.cleaned_up_to.min(end);
        self.producers = producers;
        self.producers.high_watermark_advanced(self.high_watermark);
        self.cut_disk(Cut { overruled, begins_anew: false, epochs_changed })
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
    fn shortened(&mut self, old: &Segment<D>, offset: Offset) -> Result<Segment<D>, StorageError> {
        let extent = old.extent();
        let file = old.open(&self.disk, &self.folder).during("open a segment to truncate it")?;
        let mut reader = HeaderReader::new(&file, old.base_offset, extent.size);
        let empty = Extent { size: 0, next_offset: old.base_offset };
        let shortened = Segment::found(self.take_segment_id(), old.base_offset, empty, false);
        let mut state = shortened.lock();
        state.index = Some(ActiveIndex::new(self.config.index_interval_bytes));
        (state.max_timestamp, state.first_timestamp) = (Known::Nothing, Known::Nothing);
        state.has_transaction_index = old.lock().has_transaction_index;
        let (mut position, mut last) = (0, None);
        while let Some(header) = reader.header_at(position)?.filter(|header| header.last_offset() < offset) {
            last = Some((position, header.last_offset().next()));
            let size = u32::try_from(header.size_in_bytes()).expect("a batch length is an i32");
            let (base_offset, last_offset) = (header.base_offset, header.last_offset());
            let batch = NewBatch { base_offset, last_offset, position, size };
            shortened.note_batch(&mut state, batch, header.max_timestamp);
            position += u64::from(size);
        }
        // A damaged header would have the log cut somewhere else, and who counts on this replica counts on all below the offset.
        let next = reader.header_at(position)?.map(|header| header.base_offset);
        let mut whole = BatchReader::for_single_batches(&file, old.base_offset, extent.size);
        if next.is_some_and(|next| next < offset) {
            whole.batch_at(position)?;
        }
        if let Some((at, _)) = last.filter(|(_, end)| next != Some(*end)) {
            whole.batch_at(at)?;
        }
        state.verified = VerifiedRanges::new(position);
        drop(state);
        Ok(shortened)
    }

    /// Newest snapshot at or below the end, then the batches after it.
    fn producers_of(
        &self,
        segments: &[Arc<Segment<D>>],
        end: Offset,
        now: WallTime,
    ) -> Result<ProducerState, StorageError> {
        let mut state = None;
        for offset in self.snapshots.range(..=end).rev() {
            let path = names::path(&self.folder, *offset, names::SNAPSHOT);
            let bytes = read_whole(&self.disk, &path, producer_snapshot::LARGEST).during("read a producer snapshot")?;
            state = producer_snapshot::decode(&bytes, *offset);
            if state.is_some() {
                break;
            }
        }
        let mut state = state.unwrap_or_else(|| ProducerState::starting_at(segments[0].base_offset));
        replay_headers(&self.disk, &self.folder, segments, &mut state, now)?;
        state.end = end;
        state.expire(now, self.config.producer_id_expiration_ms);
        Ok(state)
    }

    /// Drops everything and continues at `offset`; after an error as [`Log::truncate_to`].
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset) -> Result<(), StorageError> {
        let id = self.take_segment_id();
        let segment = Segment::created(id, offset, self.config.index_interval_bytes, None);
        let overruled = self.view.segments.clone();
        // Readers of older views must not see what was overruled.
        overruled.iter().for_each(|segment| segment.retire());
        self.change_view(|view| {
            view.segments = vec![Arc::new(segment)];
            view.log_start = offset;
            view.epochs = Arc::default();
        });
        self.producers = ProducerState::starting_at(offset);
        self.recovery_point = offset;
        self.high_watermark = offset;
        self.cleaned_up_to = offset;
        self.unsaved = true;
        self.cut_disk(Cut { overruled, begins_anew: true, epochs_changed: true })
    }
}
