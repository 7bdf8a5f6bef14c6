//! Opening a log: what is there, what of it is good, and where it ends.
//!
//! | the process before | the file system | scanned |
//! |---|---|---|
//! | stopped cleanly | as the manifest says | nothing |
//! | was killed | every completed write is there | the active segment; if it is empty, the one before, too |
//! | died with the machine | nothing is sure above the recovery point | every segment above the recovery point |
//! | lives, a sync failed | what can be read above it may never get to the device | the same, after it was written anew |
//!
//! A batch that is not valid:
//! - with nothing valid after it: the torn tail of the last write. It was not acknowledged; it is cut off.
//! - with valid batches after it, machine lost: a write that was never flushed. The log ends before it, as Kafka's does.
//! - with valid batches after it, process killed: damage to bytes that were complete. If its length still leads to the next
//!   batch, it stays in place, is reported, and only reads of it fail; otherwise the log is not opened
//!   ([`OpenError::Damaged`]), because every way on would drop acknowledged records unseen.
//!
//! An empty last segment may be what a failed roll left behind while appends went on in the one before: it counts only if that
//! one ends where it begins.
//!
//! Sealed segments below the recovery point are not read here: a flipped bit in them is found when they are served.

mod files;
mod rewrite;
mod scan;

pub(crate) use scan::replay_headers;

use crate::{
    Crash, Disk, LogConfig, LogView, ManifestEntry, OpenError, OpenReport, Start, StorageError,
    disk::{read_whole, remove_if_there, write_atomically},
    epoch_cache::EpochCache,
    log::Recovered,
    names, producer_snapshot,
    producer_state::ProducerState,
    segment::{Extent, Segment},
};
use files::Files;
use model::{Offset, TopicId, WallTime};
use std::{collections::BTreeSet, io, sync::Arc};

/// One recovery under way.
struct Recovery<'a, D: Disk> {
    disk: &'a D,
    folder: &'a str,
    config: &'a LogConfig,
    now: WallTime,
    crash: Crash,
    entry: Option<&'a ManifestEntry>,
    report: OpenReport,
    given_up: &'a dyn Fn() -> bool,
}

pub(crate) fn recover<D: Disk>(
    disk: &D,
    folder: &str,
    topic_id: TopicId,
    config: &LogConfig,
    start: Start<'_>,
    now: WallTime,
    given_up: &dyn Fn() -> bool,
) -> Result<Recovered<D>, OpenError> {
    let (entry, crash) = match start {
        Start::New => (None, Crash::Process),
        Start::Clean(entry) => (Some(entry), Crash::Process),
        Start::Unclean { entry, crash } => (entry, crash),
    };
    let report = OpenReport::default();
    let recovery = Recovery { disk, folder, config, now, crash, entry, report, given_up };
    if matches!(start, Start::New) {
        disk.create_folder(folder).map_err(|error| recovery.io("create the folder", error))?;
    }
    let files = files::tidy(disk, folder).map_err(|error| recovery.storage("tidy the folder", error))?;
    recovery.check_topic(&files, topic_id)?;
    recovery.run(files)
}

impl<D: Disk> Recovery<'_, D> {
    fn io(&self, action: &'static str, source: io::Error) -> OpenError {
        OpenError::Io { folder: self.folder.to_owned(), action, source }
    }

    fn storage(&self, action: &'static str, error: StorageError) -> OpenError {
        match error {
            StorageError::Io { action, source } => self.io(action, source),
            other => self.io(action, io::Error::other(other)),
        }
    }

    fn check_topic(&self, files: &Files, topic_id: TopicId) -> Result<(), OpenError> {
        if files.has_partition_metadata {
            let path = format!("{}/{}", self.folder, names::PARTITION_METADATA);
            let text = read_whole(self.disk, &path, 4096).map_err(|error| self.io("read partition.metadata", error))?;
            let expected = topic_id.to_string();
            match crate::partition_metadata::decode(&text) {
                Some(found) if found == expected => return Ok(()),
                Some(found) => {
                    let found = found.to_owned();
                    return Err(OpenError::ForeignTopic { folder: self.folder.to_owned(), found, expected });
                }
                // Torn by a machine that went down just after the creation.
                None => {}
            }
        }
        let text = crate::partition_metadata::encode(topic_id);
        write_atomically(
            self.disk,
            self.folder,
            names::PARTITION_METADATA,
            text.as_bytes(),
            self.config.durable_metadata,
        )
        .map_err(|error| self.io("write partition.metadata", error))
    }

    fn run(mut self, mut files: Files) -> Result<Recovered<D>, OpenError> {
        let start_of_entry = self.entry.map_or(Offset::ZERO, |entry| entry.log_start);
        let is_new = files.segments.is_empty();
        if is_new {
            self.create_segment(start_of_entry).map_err(|error| self.io("create the first segment", error))?;
            files.segments.push(files::FoundSegment { base: start_of_entry, size: 0, has_transactions: false });
        }
        let clean = self.is_clean(&files);
        let mut segments = self.segments(&files, clean);
        let saved = EpochCache::read(self.disk, self.folder);
        let scan_from = if clean { segments.len() } else { self.first_scanned(&segments) };
        let replay_to = if clean { None } else { segments.get(scan_from).map(|segment| segment.base_offset) };
        let mut producers = self.producers_before(&mut files, &segments, replay_to)?;
        let mut rebuilt = saved.clone().unwrap_or_default();
        if saved.is_none() {
            scan::replay_epochs(self.disk, self.folder, &segments[..scan_from.min(segments.len())], &mut rebuilt)
                .map_err(|error| self.storage("read batch headers", error))?;
        }
        if !clean {
            if self.crash == Crash::FailedSync {
                self.write_anew(&segments[scan_from..])?;
            }
            self.scan(&mut segments, scan_from, &mut producers, &mut rebuilt)?;
        }
        // The first epoch writes the first file.
        let epochs_saved = saved.map_or(is_new && rebuilt.latest().is_none(), |saved| saved == rebuilt);
        self.finish(files, segments, producers, rebuilt, epochs_saved, clean)
    }

    fn create_segment(&self, base: Offset) -> io::Result<()> {
        self.disk.create(&names::path(self.folder, base, names::LOG)).map(drop)
    }

    /// The manifest's word counts only if the files agree with it.
    fn is_clean(&self, files: &Files) -> bool {
        let Some(entry) = self.entry.filter(|entry| entry.clean) else { return false };
        let active = files
            .segments
            .last()
            .is_some_and(|last| last.base == entry.active_base_offset && last.size == entry.active_size);
        let durable = !self.crash.loses_unflushed() || entry.recovery_point >= entry.log_end;
        active && durable && entry.active_base_offset <= entry.log_end && entry.log_start <= entry.log_end
    }

    fn segments(&self, files: &Files, clean: bool) -> Vec<Arc<Segment<D>>> {
        let ends = files.segments.iter().skip(1).map(|next| next.base);
        let last = files.segments.last().map_or(Offset::ZERO, |last| last.base);
        let log_end = self.entry.filter(|_| clean).map_or(last, |entry| entry.log_end);
        let count = files.segments.len();
        let found = files.segments.iter().zip(ends.chain([log_end])).enumerate();
        found
            .map(|(index, (file, next_offset))| {
                let extent = Extent { size: file.size, next_offset };
                let segment = Segment::found(index as u64 + 1, file.base, extent, index + 1 < count);
                segment.lock().has_transaction_index = file.has_transactions;
                Arc::new(segment)
            })
            .collect()
    }

    /// See the table at the top.
    fn first_scanned(&self, segments: &[Arc<Segment<D>>]) -> usize {
        let recovery_point = self.entry.map_or(Offset::ZERO, |entry| entry.recovery_point);
        if self.crash.loses_unflushed() {
            let above = segments.iter().position(|segment| segment.extent().next_offset > recovery_point);
            above.unwrap_or(segments.len() - 1)
        } else {
            let last_is_empty = segments.last().is_some_and(|last| last.extent().size == 0);
            segments.len() - if last_is_empty { segments.len().min(2) } else { 1 }
        }
    }

    /// The newest good snapshot at or below `up_to` (the log end after a clean stop), and the batches between.
    fn producers_before(
        &mut self,
        files: &mut Files,
        segments: &[Arc<Segment<D>>],
        up_to: Option<Offset>,
    ) -> Result<ProducerState, OpenError> {
        let end = up_to.unwrap_or_else(|| segments.last().map_or(Offset::ZERO, |last| last.extent().next_offset));
        let mut state = None;
        for offset in files.snapshots.range(..=end).rev().copied().collect::<Vec<_>>() {
            let path = names::path(self.folder, offset, names::SNAPSHOT);
            let bytes = read_whole(self.disk, &path, producer_snapshot::LARGEST);
            state = bytes.ok().and_then(|bytes| producer_snapshot::decode(&bytes, offset));
            if state.is_some() {
                break;
            }
            files.snapshots.remove(&offset);
        }
        let mut state = state.unwrap_or_else(|| ProducerState::starting_at(segments[0].base_offset));
        let before: Vec<_> = segments.iter().filter(|segment| segment.base_offset < end).cloned().collect();
        replay_headers(self.disk, self.folder, &before, &mut state, self.now)
            .map_err(|error| self.storage("read batch headers", error))?;
        state.end = end;
        Ok(state)
    }

    fn finish(
        mut self,
        files: Files,
        mut segments: Vec<Arc<Segment<D>>>,
        mut producers: ProducerState,
        mut epochs: EpochCache,
        epochs_saved: bool,
        clean: bool,
    ) -> Result<Recovered<D>, OpenError> {
        let log_end = segments.last().expect("at least the active segment").extent().next_offset;
        let mut log_start = self.entry.map_or(Offset::ZERO, |entry| entry.log_start).max(segments[0].base_offset);
        let mut snapshots = self.snapshots_up_to(log_end, files.snapshots)?;
        if log_start > log_end {
            // The machine lost what lay between: go on where consumers were told the log starts.
            segments = self.restart_at(&segments, log_start)?;
            producers = ProducerState::starting_at(log_start);
            epochs = EpochCache::default();
            snapshots.clear();
        }
        log_start = log_start.max(segments[0].base_offset);
        let log_end = log_end.max(log_start);
        let before = epochs.clone();
        epochs.truncate_from_end(log_end.next());
        epochs.truncate_from_start(log_start);
        if before != epochs || !epochs_saved {
            write_atomically(
                self.disk,
                self.folder,
                names::LEADER_EPOCHS,
                epochs.encode().as_bytes(),
                self.config.durable_metadata,
            )
            .map_err(|error| self.io("write the leader epochs", error))?;
        }
        if !clean {
            self.rebuild_missing_indexes(&segments)?;
        }
        producers.expire(self.now, self.config.producer_id_expiration_ms);
        let high_watermark = self.entry.map_or(log_start, |entry| entry.high_watermark).clamp(log_start, log_end);
        producers.high_watermark_advanced(high_watermark);
        let next_segment_id = segments.len() as u64 + 1;
        Ok(Recovered {
            view: LogView {
                disk: self.disk.clone(),
                folder: self.folder.into(),
                segments,
                log_start,
                epochs: Arc::new(epochs),
            },
            producers,
            snapshots,
            recovery_point: self.entry.map_or(log_start, |entry| entry.recovery_point).clamp(log_start, log_end),
            high_watermark,
            cleaned_up_to: self.entry.map_or(log_start, |entry| entry.cleaned_up_to).clamp(log_start, log_end),
            next_segment_id,
            clean,
            report: self.report,
        })
    }

    /// Removes snapshots of what is no longer there.
    fn snapshots_up_to(&self, end: Offset, mut found: BTreeSet<Offset>) -> Result<BTreeSet<Offset>, OpenError> {
        for stale in found.split_off(&end.next()) {
            let removed = remove_if_there(self.disk, &names::path(self.folder, stale, names::SNAPSHOT));
            removed.map_err(|error| self.io("remove a producer snapshot", error))?;
        }
        Ok(found)
    }

    fn restart_at(&self, segments: &[Arc<Segment<D>>], at: Offset) -> Result<Vec<Arc<Segment<D>>>, OpenError> {
        for segment in segments.iter().rev() {
            for suffix in names::SEGMENT_SUFFIXES {
                let removed = remove_if_there(self.disk, &segment.path(self.folder, suffix));
                removed.map_err(|error| self.io("remove a segment", error))?;
            }
        }
        self.create_segment(at).map_err(|error| self.io("create a segment", error))?;
        let extent = Extent { size: 0, next_offset: at };
        Ok(vec![Arc::new(Segment::found(segments.len() as u64 + 1, at, extent, false))])
    }

    /// A sealed segment whose index files are missing (a crash in the middle of a roll or a swap) gets new ones.
    fn rebuild_missing_indexes(&mut self, segments: &[Arc<Segment<D>>]) -> Result<(), OpenError> {
        if segments.len() == 1 {
            return Ok(());
        }
        let listed = self.disk.list(self.folder).map_err(|error| self.io("list the folder", error))?;
        let there: BTreeSet<&str> = listed.iter().map(|file| file.name.as_str()).collect();
        for segment in &segments[..segments.len() - 1] {
            let index = names::file_name(segment.base_offset, names::INDEX);
            let times = names::file_name(segment.base_offset, names::TIME_INDEX);
            if there.contains(index.as_str()) && there.contains(times.as_str()) {
                continue;
            }
            match segment.rebuild_index(self.disk, self.folder, self.config.index_interval_bytes) {
                Ok(built) => {
                    crate::index_file::write(
                        self.disk,
                        self.folder,
                        (&index, &times),
                        built.offsets(),
                        built.times(),
                        false,
                    )
                    .map_err(|error| self.io("write the index of a segment", error))?;
                    self.report.rebuilt_indexes += 1;
                }
                // Damage in a sealed segment: reported, and its records before the damage are still found from the front.
                Err(StorageError::Corrupt(corrupt)) => self.report.corrupt.push(corrupt),
                Err(error) => return Err(self.storage("rebuild an index", error)),
            }
        }
        Ok(())
    }
}
