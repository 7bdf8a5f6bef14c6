//! A cleaned segment being written.

use crate::{
    Disk, DiskFile, StorageError,
    active_index::{ActiveIndex, MaxTimestamp, NewBatch},
    errors::During,
    index_file, names,
    segment::Segment,
    transaction_index::AbortedEntry,
};
use model::Offset;
use protocol::record_batch::BatchHeader;
use std::{io::IoSlice, sync::Arc};

/// Written in pieces of this size.
const BUFFER: usize = 1 << 20;

/// A finished compaction that waits to be swapped in.
#[derive(Debug)]
pub struct Cleaned<D: Disk> {
    pub(crate) segments: Vec<CleanedSegment<D>>,
    pub(crate) cleaned_up_to: Offset,
    pub(crate) disk: D,
    pub(crate) folder: Arc<str>,
    pub(crate) map_percent: u64,
}

impl<D: Disk> Cleaned<D> {
    /// Bytes of the segments it replaces, and of those it puts there.
    pub fn sizes(&self) -> (u64, u64) {
        self.segments.iter().fold((0, 0), |all, one| (all.0 + one.replaced_bytes, all.1 + one.size))
    }

    /// How full the map of keys was.
    pub fn map_percent(&self) -> u64 {
        self.map_percent
    }
}

/// One new segment on disk, its files under names ending in `.cleaned`.
#[derive(Debug)]
pub(crate) struct CleanedSegment<D: Disk> {
    pub(crate) base_offset: Offset,
    /// In order. These very ones: a log that is opened anew has others, with the same numbers.
    pub(crate) replaces: Vec<Arc<Segment<D>>>,
    pub(crate) replaced_bytes: u64,
    pub(crate) size: u64,
    pub(crate) max_timestamp: Option<MaxTimestamp>,
    pub(crate) has_transaction_index: bool,
}

#[derive(Debug)]
pub(super) struct Output<D: Disk> {
    disk: D,
    folder: Arc<str>,
    file: D::File,
    written: CleanedSegment<D>,
    index: ActiveIndex,
    /// The time index names records only: Kafka's dump tool looks for them.
    newest_record: Option<MaxTimestamp>,
    newest_empty: Option<MaxTimestamp>,
    buffer: Vec<u8>,
    flushed: u64,
}

impl<D: Disk> Output<D> {
    pub(super) fn create(
        disk: &D,
        folder: &Arc<str>,
        replaces: &[Arc<Segment<D>>],
        interval: u32,
    ) -> Result<Self, StorageError> {
        let base_offset = replaces[0].base_offset;
        let path = format!("{}{}", names::path(folder, base_offset, names::LOG), names::CLEANED);
        Ok(Self {
            disk: disk.clone(),
            folder: folder.clone(),
            file: disk.create(&path).during("create a cleaned segment")?,
            written: CleanedSegment {
                base_offset,
                replaces: replaces.to_vec(),
                replaced_bytes: replaces.iter().map(|segment| segment.extent().size).sum(),
                size: 0,
                max_timestamp: None,
                has_transaction_index: false,
            },
            index: ActiveIndex::new(interval),
            newest_record: None,
            newest_empty: None,
            buffer: Vec::with_capacity(BUFFER),
            flushed: 0,
        })
    }

    pub(super) fn push(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        let header = BatchHeader::read(batch).expect("a batch that was read or built");
        let max = MaxTimestamp { timestamp: header.max_timestamp, offset: header.last_offset() };
        if header.record_count > 0 {
            self.newest_record = larger(self.newest_record, max);
        } else {
            self.newest_empty = larger(self.newest_empty, max);
        }
        let size = u32::try_from(batch.len()).expect("a batch length is an i32");
        let (base_offset, last_offset) = (header.base_offset, header.last_offset());
        let new = NewBatch { base_offset, last_offset, position: self.written.size, size };
        self.index.batch_written(self.written.base_offset, new, self.newest_record);
        self.written.size += u64::from(size);
        self.buffer.extend_from_slice(batch);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file.write_at(self.flushed, &[IoSlice::new(&self.buffer)]).during("write a cleaned segment")?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the indexes and syncs everything: the originals go once this is swapped in.
    pub(super) fn finish(mut self, aborted: &[AbortedEntry]) -> Result<CleanedSegment<D>, StorageError> {
        self.flush()?;
        self.file.sync().during("sync a cleaned segment")?;
        if let Some(max) = self.newest_record {
            self.index.push_time(self.written.base_offset, max);
        }
        // A segment without records still ages, or retention would never get past it.
        self.written.max_timestamp = self.newest_record.or(self.newest_empty);
        self.write_small(names::INDEX, &index_file::encode_offsets(self.index.offsets()))?;
        self.write_small(names::TIME_INDEX, &index_file::encode_times(self.index.times()))?;
        if !aborted.is_empty() {
            let bytes: Vec<u8> = aborted.iter().flat_map(AbortedEntry::encode).collect();
            self.write_small(names::TRANSACTION_INDEX, &bytes)?;
            self.written.has_transaction_index = true;
        }
        Ok(self.written)
    }

    fn write_small(&self, suffix: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let path = format!("{}{}", names::path(&self.folder, self.written.base_offset, suffix), names::CLEANED);
        let file = self.disk.create(&path).during("create the index of a cleaned segment")?;
        file.write_at(0, &[IoSlice::new(bytes)]).during("write the index of a cleaned segment")?;
        file.sync().during("sync the index of a cleaned segment")
    }
}

/// The first of the largest.
fn larger(known: Option<MaxTimestamp>, new: MaxTimestamp) -> Option<MaxTimestamp> {
    known.filter(|known| known.timestamp >= new.timestamp).or(Some(new))
}
