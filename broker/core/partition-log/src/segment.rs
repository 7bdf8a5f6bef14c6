//! One segment, shared by the writer and its readers. Its file is opened on demand and stays open for as long as the disk
//! has descriptors to spare.

use crate::{
    StorageError,
    active_index::{ActiveIndex, MaxTimestamp, NewBatch},
    disk::{Disk, DiskFile, remove_if_there},
    errors::During,
    index_file, names,
    scan::HeaderReader,
    trust::VerifiedRanges,
};
use model::{Offset, WallTime};
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

#[derive(Debug)]
pub(crate) struct Segment<D: Disk> {
    /// Another number for every file content: cursors and verified ranges of a replaced file mean nothing.
    pub(crate) id: u64,
    pub(crate) base_offset: Offset,
    state: Mutex<SegmentState<D>>,
}

#[derive(Debug)]
pub(crate) struct SegmentState<D: Disk> {
    pub(crate) size: u64,
    /// The offset after the last record; for a sealed segment the base of the next one.
    pub(crate) next_offset: Offset,
    /// `None` once sealed, or not yet loaded.
    pub(crate) index: Option<ActiveIndex>,
    pub(crate) sealed: bool,
    /// Its files have other names, or other content under the same names: who has no handle yet must take a newer view.
    pub(crate) retired: bool,
    /// Of an active segment that is used. Sealed ones go through the disk's own cache of handles.
    pub(crate) file: Option<D::Remembered>,
    /// For readers of older views, whatever the file is called by now.
    kept: Option<D::File>,
    /// Unknown until asked for a segment that was there when the log was opened.
    pub(crate) max_timestamp: Known<MaxTimestamp>,
    /// Largest timestamp of the first batch, which rolling by time counts from.
    pub(crate) first_timestamp: Known<WallTime>,
    pub(crate) has_transaction_index: bool,
    pub(crate) verified: VerifiedRanges,
}

impl<D: Disk> SegmentState<D> {
    pub(crate) fn extent(&self) -> Extent {
        Extent { size: self.size, next_offset: self.next_offset }
    }
}

/// A fact that may have to be read first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known<T> {
    Unknown,
    /// Read, and there is none: the segment is empty.
    Nothing,
    Is(T),
}

impl<T: Copy> Known<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Unknown | Self::Nothing => None,
        }
    }
}

/// Size and end, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) size: u64,
    pub(crate) next_offset: Offset,
}

impl<D: Disk> Segment<D> {
    /// A segment that starts empty and is written by this process. `file` is its own, once there is one.
    pub(crate) fn created(id: u64, base_offset: Offset, index_interval: u32, file: Option<D::Remembered>) -> Self {
        let mut segment = Self::found(id, base_offset, Extent { size: 0, next_offset: base_offset }, false);
        let state = segment.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.index = Some(ActiveIndex::new(index_interval));
        state.file = file;
        state.max_timestamp = Known::Nothing;
        state.first_timestamp = Known::Nothing;
        state.verified.trust_from(0);
        segment
    }

    /// A segment found on disk. Nothing in it is trusted.
    pub(crate) fn found(id: u64, base_offset: Offset, extent: Extent, sealed: bool) -> Self {
        Self {
            id,
            base_offset,
            state: Mutex::new(SegmentState {
                size: extent.size,
                next_offset: extent.next_offset,
                index: None,
                sealed,
                retired: false,
                file: None,
                kept: None,
                max_timestamp: Known::Unknown,
                first_timestamp: Known::Unknown,
                has_transaction_index: false,
                verified: VerifiedRanges::new(extent.size),
            }),
        }
    }

    /// Held for a few instructions, never across I/O on the hot path.
    pub(crate) fn lock(&self) -> MutexGuard<'_, SegmentState<D>> {
        // A panic while holding it cannot leave the state half changed in a way that matters more than the panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn extent(&self) -> Extent {
        self.lock().extent()
    }

    /// From now on only who has a handle already can read it.
    pub(crate) fn retire(&self) {
        let mut state = self.lock();
        state.retired = true;
        state.file = None;
        state.kept = None;
    }

    /// Before its files get other names: readers of older views go on with the handle kept here, until the last of them is done.
    pub(crate) fn keep_for_readers(&self, disk: &D, folder: &str) {
        let file = self.open(disk, folder).ok();
        let mut state = self.lock();
        state.retired = true;
        state.file = None;
        state.kept = file;
    }

    pub(crate) fn path(&self, folder: &str, suffix: &str) -> String {
        names::path(folder, self.base_offset, suffix)
    }

    /// The records first: whatever has no records belongs to nothing and is removed at the next start.
    pub(crate) fn remove_files(&self, disk: &D, folder: &str) -> io::Result<()> {
        let mut suffixes = names::SEGMENT_SUFFIXES.into_iter().rev();
        suffixes.try_for_each(|suffix| remove_if_there(disk, &self.path(folder, suffix)))
    }

    /// The records' file.
    pub(crate) fn open(&self, disk: &D, folder: &str) -> io::Result<D::File> {
        let mut state = self.lock();
        let open = state.file.as_ref().and_then(|file| disk.recall(file));
        if let Some(file) = open.or_else(|| state.kept.clone()) {
            return Ok(file);
        }
        if state.retired {
            return Err(io::ErrorKind::NotFound.into());
        }
        let path = self.path(folder, names::LOG);
        let file = disk.open(&path)?;
        if !state.sealed {
            state.file = Some(disk.remember(&path, &file));
        }
        Ok(file)
    }

    /// Makes the records durable, and the transaction index with them. Nothing is left to do for a segment that was taken
    /// out of the log.
    pub(crate) fn sync(&self, disk: &D, folder: &str) -> io::Result<()> {
        let file = match self.open(disk, folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.lock().retired => return Ok(()),
            file => file?,
        };
        file.sync()?;
        if !self.lock().has_transaction_index {
            return Ok(());
        }
        match disk.open(&self.path(folder, names::TRANSACTION_INDEX)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            index => index?.sync(),
        }
    }

    /// Position of a batch at or before the one containing `offset`.
    pub(crate) fn floor(&self, disk: &D, folder: &str, offset: Offset) -> Result<u64, StorageError> {
        {
            let mut state = self.lock();
            if !state.sealed {
                self.load_index(&mut state, disk, folder, 0);
            }
            if let Some(index) = &state.index {
                return Ok(index.floor(self.base_offset, offset));
            }
        }
        let relative = u64::try_from(offset.0 - self.base_offset.0).unwrap_or(0);
        let path = self.path(folder, names::INDEX);
        match index_file::floor(disk, &path, relative) {
            Ok(Some(entry)) => self.check_entry(disk, folder, entry.position.into(), entry.relative_last_offset),
            Ok(None) => Ok(0),
            // Without its index a segment is still readable, from the front.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).during("read an index"),
        }
    }

    /// An index entry from a file is a hint: it counts only if the batch it names is there.
    fn check_entry(&self, disk: &D, folder: &str, position: u64, relative_last: u32) -> Result<u64, StorageError> {
        let size = self.extent().size;
        let file = self.open(disk, folder).during("open a segment")?;
        let expected = Offset(self.base_offset.0 + i64::from(relative_last));
        match HeaderReader::new(&file, self.base_offset, size).header_at(position) {
            Ok(Some(header)) if header.last_offset() == expected => Ok(position),
            Ok(_) | Err(StorageError::Corrupt(_)) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The last known boundary of batches at or before `position` with everything before it below `below`.
    pub(crate) fn boundary(
        &self,
        disk: &D,
        folder: &str,
        position: u64,
        below: Offset,
    ) -> Result<Option<(u64, Option<Offset>)>, StorageError> {
        {
            let state = self.lock();
            if let Some(index) = &state.index {
                return Ok(index.boundary(self.base_offset, position, below));
            }
        }
        let relative = u64::try_from(below.0 - self.base_offset.0).unwrap_or(0);
        let path = self.path(folder, names::INDEX);
        let entry = match index_file::boundary(disk, &path, position, relative) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            entry => entry.during("read an index")?,
        };
        let Some(entry) = entry else { return Ok(None) };
        let position = self.check_entry(disk, folder, entry.position.into(), entry.relative_last_offset)?;
        Ok((position > 0).then_some((position, None)))
    }

    /// After a clean start the index of the active segment is read when it is first needed. Files that cannot be read
    /// make seeks start further in front, nothing else.
    pub(crate) fn load_index(&self, state: &mut SegmentState<D>, disk: &D, folder: &str, interval: u32) {
        if state.index.is_some() {
            return;
        }
        let mut offsets = index_file::read_offsets(disk, &self.path(folder, names::INDEX)).unwrap_or_default();
        offsets.retain(|entry| u64::from(entry.position) < state.size);
        let mut times = index_file::read_times(disk, &self.path(folder, names::TIME_INDEX)).unwrap_or_default();
        let length = state.next_offset.0 - self.base_offset.0;
        times.retain(|entry| i64::from(entry.relative_offset) < length);
        state.index = Some(ActiveIndex::from_entries(interval, offsets, times, state.size));
    }

    /// Takes in a batch that was just written (or scanned).
    pub(crate) fn note_batch(&self, state: &mut SegmentState<D>, batch: NewBatch, timestamp: WallTime) {
        debug_assert!(state.max_timestamp != Known::Unknown, "the writer asks for it first");
        let newest = MaxTimestamp { timestamp, offset: batch.last_offset };
        match state.max_timestamp {
            Known::Is(max) if max.timestamp >= timestamp => {}
            _ => state.max_timestamp = Known::Is(newest),
        }
        if state.first_timestamp == Known::Nothing {
            state.first_timestamp = Known::Is(timestamp);
        }
        let max = state.max_timestamp.value();
        if let Some(index) = &mut state.index {
            index.batch_written(self.base_offset, batch, max);
        }
        state.size = batch.position + u64::from(batch.size);
        state.next_offset = batch.last_offset.next();
    }

    /// The largest timestamp, read from the time index if it is not known. `None` for an empty segment.
    pub(crate) fn max_timestamp(&self, disk: &D, folder: &str) -> Result<Option<MaxTimestamp>, StorageError> {
        let (known, size, retired) = {
            let state = self.lock();
            (state.max_timestamp, state.size, state.retired)
        };
        match known {
            Known::Is(max) => return Ok(Some(max)),
            Known::Nothing => return Ok(None),
            Known::Unknown => {}
        }
        let max = match index_file::read_times(disk, &self.path(folder, names::TIME_INDEX)) {
            // The name may be another segment's by now.
            Ok(entries) if !retired && !entries.is_empty() => entries.last().map(|entry| MaxTimestamp {
                timestamp: WallTime(entry.timestamp),
                offset: Offset(self.base_offset.0 + i64::from(entry.relative_offset)),
            }),
            _ => self.scan_for_max(disk, folder, size)?,
        };
        let mut state = self.lock();
        if state.max_timestamp == Known::Unknown {
            state.max_timestamp = max.map_or(Known::Nothing, Known::Is);
        }
        Ok(state.max_timestamp.value())
    }

    fn scan_for_max(&self, disk: &D, folder: &str, size: u64) -> Result<Option<MaxTimestamp>, StorageError> {
        let file = self.open(disk, folder).during("open a segment")?;
        let mut reader = HeaderReader::new(&file, self.base_offset, size);
        let (mut position, mut max) = (0, None);
        while let Some(header) = reader.header_at(position)? {
            if max.is_none_or(|max: MaxTimestamp| header.max_timestamp > max.timestamp) {
                max = Some(MaxTimestamp { timestamp: header.max_timestamp, offset: header.last_offset() });
            }
            position += header.size_in_bytes() as u64;
        }
        Ok(max)
    }

    /// The time rolling counts from. `None` for an empty segment.
    pub(crate) fn first_timestamp(&self, disk: &D, folder: &str) -> Result<Option<WallTime>, StorageError> {
        let (known, size) = {
            let state = self.lock();
            (state.first_timestamp, state.size)
        };
        if known != Known::Unknown {
            return Ok(known.value());
        }
        let file = self.open(disk, folder).during("open a segment")?;
        let first = HeaderReader::new(&file, self.base_offset, size).header_at(0)?.map(|header| header.max_timestamp);
        self.lock().first_timestamp = first.map_or(Known::Nothing, Known::Is);
        Ok(first)
    }

    /// Reads everything, so that both index files can be written or the active index stands again.
    pub(crate) fn rebuild_index(&self, disk: &D, folder: &str, interval: u32) -> Result<ActiveIndex, StorageError> {
        let size = self.extent().size;
        let file = self.open(disk, folder).during("open a segment")?;
        let mut reader = HeaderReader::new(&file, self.base_offset, size);
        let mut index = ActiveIndex::new(interval);
        let (mut position, mut max) = (0, None::<MaxTimestamp>);
        while let Some(header) = reader.header_at(position)? {
            // Batches that compaction emptied have a time but no record of it.
            if header.record_count > 0 && max.is_none_or(|max| header.max_timestamp > max.timestamp) {
                max = Some(MaxTimestamp { timestamp: header.max_timestamp, offset: header.last_offset() });
            }
            let batch = NewBatch {
                base_offset: header.base_offset,
                last_offset: header.last_offset(),
                position,
                size: u32::try_from(header.size_in_bytes()).unwrap_or(u32::MAX),
            };
            index.batch_written(self.base_offset, batch, max);
            position += header.size_in_bytes() as u64;
        }
        if let Some(max) = max {
            index.push_time(self.base_offset, max);
        }
        Ok(index)
    }
}
