//! Reading segments after a crash: whole batches with their checksum, or headers only where the bytes are known to be good.

use super::Recovery;
use crate::{
    CorruptBatch, Disk, DiskFile, OpenError, StorageError,
    active_index::{ActiveIndex, NewBatch},
    epoch_cache::EpochCache,
    errors::During,
    index_file, names,
    producer_state::{ProducerState, Staged, marker_of},
    scan::{BatchReader, HeaderReader},
    segment::{Known, Segment},
    transaction_index::{self, AbortedEntry},
    trust::VerifiedRanges,
};
use model::{Offset, WallTime};
use protocol::record_batch::{BatchHeader, HEADER_SIZE, MAGIC};
use std::{io, sync::Arc};

/// How a scan of one segment ended.
enum Found {
    /// All of it is good, or good but for reported batches.
    Whole,
    /// Good up to this position; what follows is to be cut.
    Until(u64),
}

/// What lies behind an invalid batch.
enum Behind {
    Nothing,
    /// A good batch, where the bad one's length says.
    InPlace(u64),
    /// A good batch somewhere else.
    Elsewhere(u64),
}

impl<D: Disk> Recovery<'_, D> {
    /// Scans segments from `first` on. The log may end before the last of them.
    pub(super) fn scan(
        &mut self,
        segments: &mut Vec<Arc<Segment<D>>>,
        first: usize,
        producers: &mut ProducerState,
        epochs: &mut EpochCache,
    ) -> Result<(), OpenError> {
        for index in first..segments.len() {
            let segment = segments[index].clone();
            let found = self.scan_segment(&segment, producers, epochs)?;
            let next = segments.get(index + 1).map(|next| next.base_offset);
            let ended_early = next.is_some_and(|next| self.lost_its_end(&segment, next));
            if matches!(found, Found::Until(_)) || ended_early {
                // Only after the loss of the machine: what follows was not flushed either. It goes first, and from its end: a
                // recovery that dies on the way leaves a log that is still seen to be torn here, and never one with a gap.
                for lost in segments.drain(index + 1..).rev() {
                    self.report.truncated_bytes += lost.extent().size;
                    self.remove(&lost)?;
                }
                let synced = self.disk.sync_folder(self.folder);
                synced.map_err(|error| self.io("sync the folder of a cut log", error))?;
            }
            if let Found::Until(position) = found {
                self.cut(&segment, position)?;
            }
            if next.is_some_and(|next| segment.extent().next_offset > next) && index + 2 == segments.len() {
                self.drop_failed_roll(segments)?;
            }
            if index + 1 < segments.len() {
                // Replayed offsets end with the last batch; the next segment may begin later.
                segment.lock().next_offset = segments[index + 1].base_offset;
                self.seal_scanned(&segment)?;
            } else {
                segment.lock().sealed = false;
            }
            if index + 1 >= segments.len() {
                break;
            }
        }
        producers.end = segments.last().expect("at least the active segment").extent().next_offset;
        Ok(())
    }

    /// Synced, or what is cut could come back behind new batches if the machine dies next.
    fn cut(&self, segment: &Segment<D>, position: u64) -> Result<(), OpenError> {
        let file = segment.open(self.disk, self.folder).map_err(|error| self.io("open a segment", error))?;
        let cut = file.truncate(position).and_then(|()| file.sync());
        cut.map_err(|error| self.io("cut a torn tail", error))
    }

    /// The last segment begins below the end of the one before it. Empty, it is the rest of a roll that failed.
    fn drop_failed_roll(&self, segments: &mut Vec<Arc<Segment<D>>>) -> Result<(), OpenError> {
        if let Some(empty) = segments.pop_if(|last| last.extent().size == 0) {
            self.remove(&empty)?;
        }
        Ok(())
    }

    /// A file of which the machine lost the end looks like a shorter one. Our segments reach up to the next one (compaction sees
    /// to it); in a compacted log of other origin, without an entry, gaps are natural.
    fn lost_its_end(&self, segment: &Segment<D>, next: Offset) -> bool {
        let recovery_point = self.entry.map(|entry| entry.recovery_point);
        let may_be_lost = recovery_point.map_or(!self.config.cleanup_compact, |recovery_point| next > recovery_point);
        self.crash.loses_unflushed() && may_be_lost && segment.extent().next_offset < next
    }

    fn remove(&self, segment: &Segment<D>) -> Result<(), OpenError> {
        segment.remove_files(self.disk, self.folder).map_err(|error| self.io("remove a lost segment", error))
    }

    fn scan_segment(
        &mut self,
        segment: &Arc<Segment<D>>,
        producers: &mut ProducerState,
        epochs: &mut EpochCache,
    ) -> Result<Found, OpenError> {
        let size = segment.extent().size;
        let file = segment.open(self.disk, self.folder).map_err(|error| self.io("open a segment", error))?;
        let mut verified = VerifiedRanges::new(size);
        let mut aborted = Vec::new();
        {
            let mut state = segment.lock();
            state.index = Some(ActiveIndex::new(self.config.index_interval_bytes));
            (state.max_timestamp, state.first_timestamp) = (Known::Nothing, Known::Nothing);
            (state.size, state.next_offset) = (0, segment.base_offset);
        }
        let mut reader = BatchReader::new(&file, segment.base_offset, size);
        let (mut position, mut expected, mut found) = (0, segment.base_offset, Found::Whole);
        while position < size {
            if (self.given_up)() {
                return Err(OpenError::GivenUp { folder: self.folder.to_owned() });
            }
            let batch = reader.batch_at(position).and_then(|batch| in_order(segment, position, batch, expected));
            match batch.and_then(|batch| plausible_jump(&mut reader, segment, position, batch, expected)) {
                Ok(None) => break,
                Ok(Some((header, marker))) => {
                    let staged = producers.replay(&header, marker, self.now);
                    note_aborted(&mut aborted, producers, &staged);
                    producers.commit(staged, header.next_offset());
                    if epochs.latest().is_none_or(|latest| latest < header.partition_leader_epoch) {
                        epochs.assign(header.partition_leader_epoch, header.base_offset);
                    }
                    let end = position + header.size_in_bytes() as u64;
                    note(segment, &header, position);
                    verified.add(position, end);
                    (position, expected) = (end, header.next_offset());
                }
                Err(StorageError::Corrupt(corrupt)) => {
                    match self.bad_batch(&file, segment, &corrupt, size, expected)? {
                        Some(next) => position = next,
                        None => {
                            self.report.truncated_bytes += size - position;
                            found = Found::Until(position);
                            break;
                        }
                    }
                }
                Err(error) => return Err(self.storage("scan a segment", error)),
            }
        }
        self.report.scanned_bytes += size;
        {
            let mut state = segment.lock();
            state.size = position;
            verified.trust_from(position);
            state.verified = verified;
        }
        self.rewrite_transaction_index(segment, &aborted)?;
        Ok(found)
    }

    /// Where to go on after an invalid batch; `None` = the log ends before it.
    fn bad_batch(
        &mut self,
        file: &D::File,
        segment: &Segment<D>,
        corrupt: &CorruptBatch,
        size: u64,
        expected: Offset,
    ) -> Result<Option<u64>, OpenError> {
        let recovery_point = self.entry.map_or(Offset::ZERO, |entry| entry.recovery_point);
        if self.crash.loses_unflushed() && expected >= recovery_point {
            return Ok(None);
        }
        let behind = look_behind(file, segment.base_offset, corrupt.position, size, expected);
        match behind.map_err(|error| self.storage("scan a segment", error))? {
            Behind::Nothing => Ok(None),
            Behind::InPlace(next) => {
                self.report.corrupt.push(corrupt.clone());
                Ok(Some(next))
            }
            Behind::Elsewhere(next) => {
                Err(OpenError::Damaged { folder: self.folder.to_owned(), damage: corrupt.clone(), good_again: next })
            }
        }
    }

    /// What the scan found replaces a file that may miss its last entries.
    fn rewrite_transaction_index(&self, segment: &Segment<D>, aborted: &[AbortedEntry]) -> Result<(), OpenError> {
        let had = segment.lock().has_transaction_index;
        if !had && aborted.is_empty() {
            return Ok(());
        }
        let path = segment.path(self.folder, names::TRANSACTION_INDEX);
        // Entries of transactions whose records compaction removed cannot be found again and are not needed.
        transaction_index::truncate(self.disk, &path, segment.base_offset)
            .and_then(|()| transaction_index::append(self.disk, &path, aborted))
            .map_err(|error| self.io("rewrite a transaction index", error))?;
        segment.lock().has_transaction_index = true;
        Ok(())
    }

    /// A scanned segment that is not the last one gets its files and is closed.
    fn seal_scanned(&mut self, segment: &Segment<D>) -> Result<(), OpenError> {
        let index = names::file_name(segment.base_offset, names::INDEX);
        let times = names::file_name(segment.base_offset, names::TIME_INDEX);
        let mut state = segment.lock();
        let max = state.max_timestamp.value();
        if let Some(built) = &mut state.index {
            if let Some(max) = max {
                built.push_time(segment.base_offset, max);
            }
            index_file::write(self.disk, self.folder, (&index, &times), built.offsets(), built.times(), false)
                .map_err(|error| self.io("write the index of a segment", error))?;
        }
        state.index = None;
        state.file = None;
        state.sealed = true;
        Ok(())
    }
}

type Batch = (BatchHeader, Option<crate::producer_entry::Marker>);

fn in_order<D: Disk>(
    segment: &Segment<D>,
    position: u64,
    batch: Option<protocol::record_batch::BatchView<'_>>,
    expected: Offset,
) -> Result<Option<Batch>, StorageError> {
    let Some(batch) = batch else { return Ok(None) };
    let header = batch.header;
    if header.base_offset < expected {
        let reason = format!("offset {} where {expected} or later was expected", header.base_offset);
        return Err(CorruptBatch { segment: segment.base_offset, position, reason }.into());
    }
    let marker = header.attributes.is_control().then(|| marker_of(&batch)).flatten();
    Ok(Some((header, marker)))
}

/// The base offset lies outside the checksum. One that jumps ahead, while the next batch does not follow it, is damaged.
fn plausible_jump<D: Disk>(
    reader: &mut BatchReader<'_, D::File>,
    segment: &Segment<D>,
    position: u64,
    batch: Option<Batch>,
    expected: Offset,
) -> Result<Option<Batch>, StorageError> {
    let Some((header, _)) = &batch else { return Ok(batch) };
    if header.base_offset == expected {
        return Ok(batch);
    }
    match reader.batch_at(position + header.size_in_bytes() as u64) {
        Ok(Some(next)) if next.header.base_offset < header.next_offset() => {
            let reason = format!("offset {} before {}", header.base_offset, next.header.base_offset);
            Err(CorruptBatch { segment: segment.base_offset, position, reason }.into())
        }
        Ok(_) | Err(StorageError::Corrupt(_)) => Ok(batch),
        Err(error) => Err(error),
    }
}

fn note<D: Disk>(segment: &Segment<D>, header: &BatchHeader, position: u64) {
    let batch = NewBatch {
        base_offset: header.base_offset,
        last_offset: header.last_offset(),
        position,
        size: u32::try_from(header.size_in_bytes()).expect("a batch length is an i32"),
    };
    segment.note_batch(&mut segment.lock(), batch, header.max_timestamp);
}

fn note_aborted(aborted: &mut Vec<AbortedEntry>, producers: &ProducerState, staged: &Staged) {
    for done in staged.completed.iter().filter(|done| done.aborted) {
        aborted.push(AbortedEntry {
            producer_id: done.producer_id,
            first_offset: done.first_offset,
            last_offset: done.last_offset,
            last_stable_offset: producers.last_stable_after(staged, done),
        });
    }
}

/// Is there a good batch behind the bad one?
fn look_behind<F: DiskFile>(
    file: &F,
    segment: Offset,
    bad: u64,
    size: u64,
    expected: Offset,
) -> Result<Behind, StorageError> {
    let mut batches = BatchReader::for_single_batches(file, segment, size);
    let mut is_good = |position: u64| match batches.batch_at(position) {
        Ok(Some(batch)) => Ok(batch.header.base_offset >= expected),
        Ok(None) | Err(StorageError::Corrupt(_)) => Ok(false),
        Err(error) => Err(error),
    };
    if let Some(next) = HeaderReader::new(file, segment, size).after_damage(bad)?
        && is_good(next)?
    {
        return Ok(Behind::InPlace(next));
    }
    let mut window = vec![0; 1 << 20];
    let mut start = bad + 1;
    while start + HEADER_SIZE as u64 <= size {
        let read = file.read_at(start, &mut window).during("read a segment")?;
        let candidates = (read + 1).saturating_sub(HEADER_SIZE);
        for skip in 0..candidates {
            let bytes = &window[skip..];
            if bytes[16].cast_signed() == MAGIC && may_begin(bytes, expected) && is_good(start + skip as u64)? {
                return Ok(Behind::Elsewhere(start + skip as u64));
            }
        }
        start += candidates.max(1) as u64;
    }
    Ok(Behind::Nothing)
}

/// A cheap look before the checksum: the offset must be near.
fn may_begin(bytes: &[u8], expected: Offset) -> bool {
    let header = BatchHeader::read(bytes);
    header
        .is_ok_and(|header| header.base_offset >= expected && header.base_offset.0 - expected.0 <= i64::from(i32::MAX))
}

/// Brings the producer state up to the end of `segments` by the headers of their batches. Damage ends the walk through a
/// segment: the state may then miss batches, which producers see as unknown producer ids, never as wrong data.
pub(crate) fn replay_headers<D: Disk>(
    disk: &D,
    folder: &str,
    segments: &[Arc<Segment<D>>],
    state: &mut ProducerState,
    now: WallTime,
) -> Result<(), StorageError> {
    let from = state.end;
    walk(disk, folder, segments, from, |file, segment, position, header| {
        if header.base_offset < from || !header.has_producer_id() {
            return Ok(());
        }
        let mut marker = None;
        if header.attributes.is_control() {
            let end = position + header.size_in_bytes() as u64;
            let mut reader = BatchReader::for_single_batches(file, segment.base_offset, end);
            marker = reader.batch_at(position)?.as_ref().and_then(marker_of);
        }
        let staged = state.replay(header, marker, now);
        state.commit(staged, header.next_offset());
        Ok(())
    })
}

/// Finds the epochs again by the headers of all batches.
pub(super) fn replay_epochs<D: Disk>(
    disk: &D,
    folder: &str,
    segments: &[Arc<Segment<D>>],
    epochs: &mut EpochCache,
) -> Result<(), StorageError> {
    walk(disk, folder, segments, Offset::ZERO, |_, _, _, header| {
        if epochs.latest().is_none_or(|latest| latest < header.partition_leader_epoch) {
            epochs.assign(header.partition_leader_epoch, header.base_offset);
        }
        Ok(())
    })
}

fn walk<D: Disk>(
    disk: &D,
    folder: &str,
    segments: &[Arc<Segment<D>>],
    from: Offset,
    mut visit: impl FnMut(&D::File, &Segment<D>, u64, &BatchHeader) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    for segment in segments {
        let extent = segment.extent();
        if extent.size == 0 || extent.next_offset <= from && extent.next_offset > segment.base_offset {
            continue;
        }
        let file = match segment.open(disk, folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.during("open a segment")?,
        };
        let mut reader = HeaderReader::new(&file, segment.base_offset, extent.size);
        let mut position = 0;
        loop {
            match reader.header_at(position) {
                Ok(Some(header)) => {
                    visit(&file, segment, position, &header)?;
                    position += header.size_in_bytes() as u64;
                }
                Ok(None) | Err(StorageError::Corrupt(_)) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
