//! Sealing the active segment and beginning the next.

use super::{Log, append::Room};
use crate::{
    Disk, StorageError,
    active_index::MOST_ENTRIES,
    disk::{DiskFile, write_atomically},
    errors::During,
    index_file::{self, OFFSET_ENTRY},
    names, producer_snapshot,
    segment::{Extent, Known, Segment},
};
use model::{Offset, WallTime};
use std::sync::Arc;

impl<D: Disk> Log<D> {
    /// Seals the active segment now, if it holds anything.
    pub fn roll(&mut self, now: WallTime) -> Result<(), StorageError> {
        self.roll_at(self.log_end(), now)
    }

    /// Order matters for a crash in between: the small files of the sealed segment, then the new segment. Before the new
    /// segment is there, the old one is still the active one and is scanned.
    pub(super) fn roll_at(&mut self, base: Offset, now: WallTime) -> Result<(), StorageError> {
        self.remove_remains()?;
        let active = self.active().clone();
        if active.extent().size == 0 && active.base_offset == base {
            return Ok(());
        }
        self.write_index_files(&active)?;
        self.expire_producers(now);
        self.write_snapshot(base)?;
        self.trim(&active).during("trim a sealed segment")?;
        // Last: with its file there, the new segment is the one that counts after a crash.
        let path = names::path(&self.folder, base, names::LOG);
        let file = self.disk.create(&path).during("create a segment")?;
        let id = self.take_segment_id();
        let segment =
            Segment::created(id, base, self.config.index_interval_bytes, Some(self.disk.remember(&path, &file)));
        seal(&active, now);
        self.change_view(|view| view.segments.push(Arc::new(segment)));
        self.reserved_to = 0;
        self.reserve_step = 0;
        // The new segment is empty, and the snapshot is of its base.
        self.unsaved = false;
        Ok(())
    }

    /// Gives back space reserved beyond the end.
    pub(super) fn trim(&mut self, segment: &Segment<D>) -> std::io::Result<()> {
        let size = segment.extent().size;
        if self.reserved_to > size {
            segment.open(&self.disk, &self.folder)?.truncate(size)?;
            self.reserved_to = 0;
        }
        Ok(())
    }

    /// Both index files from the index in memory, the time index ending with the segment's maximum.
    pub(super) fn write_index_files(&self, segment: &Segment<D>) -> Result<(), StorageError> {
        let max = segment.max_timestamp(&self.disk, &self.folder)?;
        let (offsets, times) = {
            let mut state = segment.lock();
            segment.load_index(&mut state, &self.disk, &self.folder, self.config.index_interval_bytes);
            let index = state.index.as_mut().expect("loaded just before");
            if let Some(max) = max {
                index.push_time(segment.base_offset, max);
            }
            (index.offsets().to_vec(), index.times().to_vec())
        };
        let index = names::file_name(segment.base_offset, names::INDEX);
        let time_index = names::file_name(segment.base_offset, names::TIME_INDEX);
        let durable = self.config.durable_metadata;
        index_file::write(&self.disk, &self.folder, (&index, &time_index), &offsets, &times, durable)
            .during("write the index of a segment")
    }

    pub(super) fn write_snapshot(&mut self, offset: Offset) -> Result<(), StorageError> {
        let name = names::file_name(offset, names::SNAPSHOT);
        let bytes = producer_snapshot::encode(&self.producers);
        write_atomically(&self.disk, &self.folder, &name, &bytes, self.config.durable_metadata)
            .during("write a producer snapshot")?;
        self.snapshots.insert(offset);
        Ok(())
    }

    pub(super) fn room(&self) -> Result<Room, StorageError> {
        let active = self.active();
        let (Extent { size, next_offset }, first_timestamp, entries) = {
            let state = active.lock();
            let entries = state.index.as_ref().map_or(0, |index| index.offsets().len());
            (state.extent(), state.first_timestamp, entries)
        };
        let first_timestamp = match first_timestamp {
            _ if size == 0 => None,
            Known::Unknown => active.first_timestamp(&self.disk, &self.folder)?,
            known => known.value(),
        };
        // Above this many entries the index thins itself out; only a smaller setting can fill it, as in Kafka.
        let most = self.config.segment_index_bytes as usize / OFFSET_ENTRY;
        Ok(Room {
            base_offset: active.base_offset,
            next_offset,
            size,
            first_timestamp,
            segment_bytes: u64::from(self.config.segment_bytes),
            // A record may not stay out of compaction longer than the lag allows, so its segment must not stay active longer.
            segment_ms: match self.config.max_compaction_lag_ms {
                lag if self.config.cleanup_compact && lag > 0 => self.config.segment_ms.min(lag),
                _ => self.config.segment_ms,
            },
            index_full: most < MOST_ENTRIES && entries >= most.max(1),
        })
    }
}

/// From now on the segment is read through its files.
fn seal<D: Disk>(segment: &Segment<D>, now: WallTime) {
    let mut state = segment.lock();
    state.sealed = true;
    state.index = None;
    state.file = None;
    state.verified.seal(now);
}
