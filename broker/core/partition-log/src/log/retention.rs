//! Deletion of what is old: by time, by size, by log start. Whole segments, oldest first, below the high watermark.

use super::Log;
use crate::{
    DeletedFiles, Disk, StorageError, epoch_cache::EpochCache, errors::During, names, segment::Segment,
    trust::LATELY_MS,
};
use model::{Offset, WallTime};
use std::{io, sync::Arc};

/// Descriptors that one deletion may hold for readers.
const MOST_KEPT_OPEN: usize = 64;

impl<D: Disk> Log<D> {
    /// Moves the log start up to `offset`; true if it moved. Files go with the next [`Log::apply_retention`].
    /// The caller has checked it against the high watermark and writes the manifest before it answers.
    pub fn delete_records(&mut self, offset: Offset) -> Result<bool, StorageError> {
        let offset = offset.min(self.log_end());
        if offset <= self.log_start() {
            return Ok(false);
        }
        let mut epochs = EpochCache::clone(&self.view.epochs);
        if epochs.truncate_from_start(offset) {
            self.set_epochs(epochs, false)?;
        }
        self.change_view(|view| view.log_start = offset);
        self.producers.high_watermark_advanced(offset);
        Ok(true)
    }

    /// Takes expired segments out of the log: renames their files, which the shell removes after `file.delete.delay.ms`.
    /// The log start moves up to the first segment left.
    pub fn apply_retention(
        &mut self,
        now: WallTime,
        high_watermark: Offset,
    ) -> Result<Vec<DeletedFiles>, StorageError> {
        self.expire_producers(now);
        for segment in &self.view.segments {
            segment.lock().verified.forget_older(now.minus_ms(LATELY_MS));
        }
        let expired = self.expired_segments(now, high_watermark)?;
        if expired == 0 {
            return Ok(Vec::new());
        }
        if expired == self.view.segments.len() {
            // All of it is old: an empty segment takes over, so that the log end stays.
            self.roll(now)?;
        }
        let victims: Vec<_> = self.view.segments[..expired].to_vec();
        let first_left = self.view.segments[expired].base_offset;
        if first_left > self.log_start() {
            self.delete_records(first_left)?;
        }
        // Readers stop seeing a segment before its files get another name.
        self.change_view(|view| drop(view.segments.drain(..expired)));
        let mut deleted = Vec::with_capacity(victims.len());
        for (index, segment) in victims.iter().enumerate() {
            self.take_from_readers(segment, index);
            deleted.push(self.rename_to_deleted(segment, true)?);
        }
        Ok(deleted)
    }

    /// How many segments from the front may go.
    fn expired_segments(&self, now: WallTime, high_watermark: Offset) -> Result<usize, StorageError> {
        let mut surplus = match self.config.retention_bytes {
            limit if limit < 0 || !self.config.cleanup_delete => 0,
            limit => self.view.size_in_bytes().saturating_sub(limit.unsigned_abs()),
        };
        let mut expired = 0;
        for (index, segment) in self.view.segments.iter().enumerate() {
            let is_active = index + 1 == self.view.segments.len();
            let extent = segment.extent();
            if extent.next_offset > high_watermark || (is_active && extent.size == 0) {
                break;
            }
            let below_start = !is_active && extent.next_offset <= self.log_start();
            // By size only whole segments beyond the limit go, so at least the limit stays.
            let by_size = surplus >= extent.size && surplus > 0;
            if !below_start && !by_size && !self.is_too_old(segment, now)? {
                break;
            }
            surplus = surplus.saturating_sub(extent.size);
            expired += 1;
        }
        Ok(expired)
    }

    /// By the largest timestamp of its records; a segment without timestamps does not age.
    fn is_too_old(&self, segment: &Segment<D>, now: WallTime) -> Result<bool, StorageError> {
        if self.config.retention_ms < 0 || !self.config.cleanup_delete {
            return Ok(false);
        }
        let newest = segment.max_timestamp(&self.disk, &self.folder)?;
        Ok(newest.is_some_and(|max| {
            max.timestamp.0 >= 0 && now.0.saturating_sub(max.timestamp.0) > self.config.retention_ms
        }))
    }

    /// Readers of older views may finish, as long as that does not take a descriptor for each of very many segments.
    pub(super) fn take_from_readers(&self, segment: &Segment<D>, index: usize) {
        if index < MOST_KEPT_OPEN { segment.keep_for_readers(&self.disk, &self.folder) } else { segment.retire() }
    }

    /// The records first: whatever has no records belongs to nothing and is removed at the next start.
    pub(super) fn rename_to_deleted(
        &mut self,
        segment: &Arc<Segment<D>>,
        with_snapshot: bool,
    ) -> Result<DeletedFiles, StorageError> {
        let mut paths = Vec::new();
        let snapshot = with_snapshot.then_some(names::SNAPSHOT);
        for suffix in names::SEGMENT_SUFFIXES.into_iter().rev().chain(snapshot) {
            let path = segment.path(&self.folder, suffix);
            let deleted = format!("{path}{}", names::DELETED);
            match self.disk.rename(&path, &deleted) {
                Ok(()) => paths.push(deleted),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).during("rename the files of a segment for deletion"),
            }
        }
        if with_snapshot {
            self.snapshots.remove(&segment.base_offset);
        }
        Ok(DeletedFiles { base_offset: segment.base_offset, paths, bytes: segment.extent().size })
    }
}
