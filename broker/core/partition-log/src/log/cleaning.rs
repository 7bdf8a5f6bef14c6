//! Compaction as the log's writer sees it: when, and the swap.

use super::Log;
use crate::{
    Cleaned, CleaningJob, DeletedFiles, Disk, StorageError,
    cleaner::{self, CleanedSegment, Plan},
    segment::{Extent, Known, Segment},
};
use model::{Offset, WallTime};
use std::sync::Arc;

/// How dirty a compacted log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dirt {
    /// Thousandths of what may be cleaned. The dirtiest log goes first.
    pub permille: u64,
    /// How far the oldest dirty record is past `max.compaction.lag.ms`.
    pub overdue_ms: i64,
    /// The dirty part is more than `min.cleanable.dirty.ratio` of what may be cleaned, or a record in it is overdue.
    pub is_due: bool,
}

/// A log that has something to clean.
struct Cleanable {
    /// Segments from the front that may be.
    segments: usize,
    first_dirty: Offset,
    dirt: Dirt,
}

impl<D: Disk> Log<D> {
    /// `None` where nothing may be cleaned, or all of it is clean.
    pub fn dirt(&self, now: WallTime, high_watermark: Offset) -> Option<Dirt> {
        self.cleanable(now, high_watermark).map(|cleanable| cleanable.dirt)
    }

    pub fn is_cleaning_due(&self, now: WallTime, high_watermark: Offset) -> bool {
        self.dirt(now, high_watermark).is_some_and(|dirt| dirt.is_due)
    }

    /// Compaction that is due, if any. Run the job on the disk pool, then hand it to [`Log::finish_cleaning`]. Only one job
    /// per log at a time: two would write the same files.
    pub fn cleaning_job(&self, now: WallTime, high_watermark: Offset, map_bytes: usize) -> Option<CleaningJob<D>> {
        let due = self.cleanable(now, high_watermark).filter(|cleanable| cleanable.dirt.is_due)?;
        Some(CleaningJob::new(Plan {
            disk: self.disk.clone(),
            folder: self.folder.clone(),
            segments: self.view.segments[..due.segments].to_vec(),
            first_dirty: due.first_dirty,
            round_end: self.view.segments[due.segments].base_offset,
            now,
            delete_retention_ms: self.config.delete_retention_ms,
            segment_bytes: u64::from(self.config.segment_bytes),
            index_interval_bytes: self.config.index_interval_bytes,
            map_bytes,
            last_of_producers: self.producers.last_of_producers(),
        }))
    }

    fn cleanable(&self, now: WallTime, high_watermark: Offset) -> Option<Cleanable> {
        if !self.config.cleanup_compact {
            return None;
        }
        // Trouble with a file here is trouble for whoever needs its content; compaction only comes later.
        self.find_cleanable(now, high_watermark).unwrap_or_else(|error| {
            tracing::warn!(folder = %self.folder, %error, "compaction is put off");
            None
        })
    }

    fn find_cleanable(&self, now: WallTime, high_watermark: Offset) -> Result<Option<Cleanable>, StorageError> {
        let segments = self.cleanable_segments(now, high_watermark)?;
        let first_dirty = self.cleaned_up_to.max(self.log_start());
        let (mut clean, mut dirty, mut oldest) = (0, 0, None);
        for segment in &self.view.segments[..segments] {
            let extent = segment.extent();
            if extent.next_offset <= first_dirty {
                clean += extent.size;
            } else {
                dirty += extent.size;
                if oldest.is_none() {
                    oldest = segment.first_timestamp(&self.disk, &self.folder)?;
                }
            }
        }
        if dirty == 0 {
            return Ok(None);
        }
        let ratio_reached = dirty * 1000 > (clean + dirty) * u64::from(self.config.min_cleanable_dirty_permille);
        let age_ms = oldest.filter(|oldest: &WallTime| oldest.0 >= 0).map(|oldest| now.0.saturating_sub(oldest.0));
        let overdue_ms = age_ms.map_or(0, |age| age.saturating_sub(self.config.max_compaction_lag_ms).max(0));
        let permille = dirty * 1000 / (clean + dirty);
        let dirt = Dirt { permille, overdue_ms, is_due: ratio_reached || overdue_ms > 0 };
        Ok(Some(Cleanable { segments, first_dirty, dirt }))
    }

    /// How many segments from the front may be cleaned: sealed, wholly below the last stable offset, and old enough.
    fn cleanable_segments(&self, now: WallTime, high_watermark: Offset) -> Result<usize, StorageError> {
        let stable = high_watermark.min(self.first_unstable_offset().unwrap_or(high_watermark));
        let sealed = self.view.segments.len() - 1;
        for (index, segment) in self.view.segments[..sealed].iter().enumerate() {
            let newest = segment.max_timestamp(&self.disk, &self.folder)?;
            let too_young = self.config.min_compaction_lag_ms > 0
                && newest.is_some_and(|max| now.0.saturating_sub(max.timestamp.0) < self.config.min_compaction_lag_ms);
            if segment.extent().next_offset > stable || too_young {
                return Ok(index);
            }
        }
        Ok(sealed)
    }

    /// Swaps cleaned segments in. Segments that were deleted or truncated meanwhile are not brought back, nor is anything
    /// replaced in a log that was opened anew: the work on them is removed.
    pub fn finish_cleaning(&mut self, cleaned: Cleaned<D>) -> Result<Vec<DeletedFiles>, StorageError> {
        let mut deleted = Vec::new();
        let mut all = true;
        for segment in &cleaned.segments {
            match self.replaced_range(segment) {
                Some(range) => deleted.extend(self.swap_in(segment, range)?),
                None => {
                    all = false;
                    cleaner::discard(&cleaned.disk, &cleaned.folder, segment.base_offset)?;
                }
            }
        }
        if all {
            self.cleaned_up_to = self.cleaned_up_to.max(cleaned.cleaned_up_to.min(self.log_end()));
        }
        self.dirty = true;
        Ok(deleted)
    }

    /// Where the replaced segments are, if all of them still are.
    fn replaced_range(&self, cleaned: &CleanedSegment<D>) -> Option<std::ops::Range<usize>> {
        let (_, sealed) = self.view.segments.split_last()?;
        let first_replaced = cleaned.replaces.first()?;
        let first = sealed.iter().position(|segment| Arc::ptr_eq(segment, first_replaced))?;
        let range = first..first + cleaned.replaces.len();
        let there = sealed.get(range.clone())?;
        there.iter().zip(&cleaned.replaces).all(|(there, replaced)| Arc::ptr_eq(there, replaced)).then_some(range)
    }

    fn swap_in(
        &mut self,
        cleaned: &CleanedSegment<D>,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<DeletedFiles>, StorageError> {
        let old = self.view.segments[range.clone()].to_vec();
        let next_offset = self.view.segments[range.end].base_offset;
        let extent = Extent { size: cleaned.size, next_offset };
        let new = Segment::found(self.take_segment_id(), cleaned.base_offset, extent, true);
        {
            let mut state = new.lock();
            state.max_timestamp = cleaned.max_timestamp.map_or(Known::Nothing, Known::Is);
            state.has_transaction_index = cleaned.has_transaction_index;
        }
        let (disk, folder) = (self.disk.clone(), self.folder.clone());
        let deleted = cleaner::swap_in(&disk, &folder, cleaned.base_offset, || {
            // The snapshot at the base stays: it belongs to the offset, not to the old files.
            old.iter().enumerate().for_each(|(index, segment)| self.take_from_readers(segment, index));
            old.iter()
                .map(|segment| self.rename_to_deleted(segment, segment.base_offset != cleaned.base_offset))
                .collect()
        })?;
        self.change_view(|view| drop(view.segments.splice(range, [Arc::new(new)])));
        Ok(deleted)
    }
}
