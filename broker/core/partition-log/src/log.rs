//! The writer's side of one partition's log. One owner at a time; readers hold a [`LogView`].

mod append;
mod checkpoint;
mod cleaning;
mod cut;
mod retention;
mod roll;
mod truncate;
mod write;

pub use cleaning::Dirt;

use crate::{
    Crash, Disk, LogConfig, LogView, ManifestEntry, OpenError, OpenReport, ProducerDescription, StorageError,
    disk::write_atomically, epoch_cache::EpochCache, errors::During, names, producer_state::ProducerState, recovery,
    segment::Segment,
};
use model::{LeaderEpoch, Offset, TopicId, WallTime};
use std::{collections::BTreeSet, sync::Arc};

/// What is known of a log before it is opened.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// The partition was just created: its folder is made if missing. A folder that is there already (a crash in the middle of
    /// the creation) is opened as after a crash.
    New,
    /// The process stopped cleanly after writing this entry: nothing is scanned. An entry that is not marked clean, or does
    /// not fit the files, counts as a crash of the process.
    Clean(&'a ManifestEntry),
    /// Anything else, with the newest entry there is. Also for folders that came from elsewhere (an import): no entry and
    /// [`Crash::Machine`] check everything.
    Unclean { entry: Option<&'a ManifestEntry>, crash: Crash },
}

#[derive(Debug)]
pub struct Log<D: Disk> {
    disk: D,
    folder: Arc<str>,
    config: LogConfig,
    view: Arc<LogView<D>>,
    producers: ProducerState,
    /// Offsets of the snapshot files.
    snapshots: BTreeSet<Offset>,
    recovery_point: Offset,
    high_watermark: Offset,
    cleaned_up_to: Offset,
    next_segment_id: u64,
    /// Space reserved in the active segment's file, and how much was reserved last.
    reserved_to: u64,
    reserve_step: u64,
    /// A failed write may have left bytes behind the log end.
    remains_of_failed_write: bool,
    /// What the disk has yet to do for a cut.
    cut: Option<cut::Cut<D>>,
    /// Something was appended or changed since the last close.
    dirty: bool,
    /// Index files and snapshot of the active segment are older than its records.
    unsaved: bool,
    /// Counts changes of which names the folder has to have, and how many of them are on the device.
    name_changes: u64,
    synced_name_changes: u64,
}

/// Everything recovery found.
#[derive(Debug)]
pub(crate) struct Recovered<D: Disk> {
    pub(crate) view: LogView<D>,
    pub(crate) producers: ProducerState,
    pub(crate) snapshots: BTreeSet<Offset>,
    pub(crate) recovery_point: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) cleaned_up_to: Offset,
    pub(crate) next_segment_id: u64,
    pub(crate) clean: bool,
    pub(crate) report: OpenReport,
}

impl<D: Disk> Log<D> {
    /// Opens (or creates) the log in `folder`. Work: one listing and a few small files after a clean stop; a scan from
    /// the recovery point after anything else.
    pub fn open(
        disk: D,
        folder: &str,
        topic_id: TopicId,
        config: LogConfig,
        start: Start<'_>,
        now: WallTime,
    ) -> Result<(Self, OpenReport), OpenError> {
        Self::open_unless(&|| false, disk, folder, topic_id, config, start, now)
    }

    /// The same, for as long as the log is needed: a scan asks again and again, and ends with [`OpenError::GivenUp`]. The next
    /// one begins from the same entry.
    pub fn open_unless(
        given_up: &dyn Fn() -> bool,
        disk: D,
        folder: &str,
        topic_id: TopicId,
        config: LogConfig,
        start: Start<'_>,
        now: WallTime,
    ) -> Result<(Self, OpenReport), OpenError> {
        let recovered = recovery::recover(&disk, folder, topic_id, &config, start, now, given_up)?;
        let log = Self {
            disk,
            folder: recovered.view.folder.clone(),
            config,
            view: Arc::new(recovered.view),
            producers: recovered.producers,
            snapshots: recovered.snapshots,
            recovery_point: recovered.recovery_point,
            high_watermark: recovered.high_watermark,
            cleaned_up_to: recovered.cleaned_up_to,
            next_segment_id: recovered.next_segment_id,
            reserved_to: 0,
            reserve_step: 0,
            remains_of_failed_write: false,
            cut: None,
            dirty: !recovered.clean,
            unsaved: !recovered.clean,
            name_changes: 1,
            synced_name_changes: 0,
        };
        Ok((log, recovered.report))
    }

    /// What readers may hold on to. Changes (another `Arc`) only when segments, log start or leader epochs change; the
    /// log end inside is live. After any `&mut self` call, publish it if `!Arc::ptr_eq`.
    pub fn view(&self) -> &Arc<LogView<D>> {
        &self.view
    }

    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    pub fn log_start(&self) -> Offset {
        self.view.log_start
    }

    pub fn log_end(&self) -> Offset {
        self.view.log_end()
    }

    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.view.latest_epoch()
    }

    /// Everything below survives the loss of the machine.
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// Begins a leadership: the epoch starts at the log end. No device is waited for: a file that the machine lost or tore
    /// is rebuilt from the batches, and a flush of batches makes the file's name durable with them. An epoch that left no
    /// batch may be forgotten; nothing can be asked of it.
    pub fn start_leader_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), StorageError> {
        self.assign_epoch(epoch, self.log_end())
    }

    fn assign_epoch(&mut self, epoch: LeaderEpoch, start: Offset) -> Result<(), StorageError> {
        if self.view.epochs.latest() == Some(epoch) {
            return Ok(());
        }
        let mut epochs = EpochCache::clone(&self.view.epochs);
        if epochs.assign(epoch, start) {
            self.set_epochs(epochs, false)?;
        }
        Ok(())
    }

    /// With records that were cut off still on the disk, they would be in these epochs after a crash.
    fn set_epochs(&mut self, epochs: EpochCache, durable: bool) -> Result<(), StorageError> {
        self.finish_cut()?;
        self.write_epochs(&epochs, durable)?;
        self.change_view(|view| view.epochs = Arc::new(epochs));
        Ok(())
    }

    fn write_epochs(&self, epochs: &EpochCache, durable: bool) -> Result<(), StorageError> {
        write_atomically(&self.disk, &self.folder, names::LEADER_EPOCHS, epochs.encode().as_bytes(), durable)
            .during("write the leader epochs")
    }

    fn change_view(&mut self, change: impl FnOnce(&mut LogView<D>)) {
        let mut view = LogView {
            disk: self.disk.clone(),
            folder: self.folder.clone(),
            segments: self.view.segments.clone(),
            log_start: self.view.log_start,
            epochs: self.view.epochs.clone(),
        };
        change(&mut view);
        self.view = Arc::new(view);
        self.name_changes += 1;
        self.dirty = true;
    }

    fn active(&self) -> &Arc<Segment<D>> {
        self.view.active()
    }

    fn take_segment_id(&mut self) -> u64 {
        self.next_segment_id += 1;
        self.next_segment_id
    }

    /// Tells the transaction bookkeeping what is committed.
    pub fn high_watermark_advanced(&mut self, high_watermark: Offset) {
        self.high_watermark = self.high_watermark.max(high_watermark);
        self.producers.high_watermark_advanced(high_watermark);
    }

    /// The high watermark last told, or the one of the manifest.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark.clamp(self.log_start(), self.log_end())
    }

    /// Lowest offset whose transaction is undecided, or decided above the high watermark. LSO = min(this, high watermark).
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        self.producers.first_unstable_offset()
    }

    /// Producers whose state is kept.
    pub fn producer_count(&self) -> usize {
        self.producers.entries().len()
    }

    /// Live producers, for DescribeProducers.
    pub fn producers(&self) -> Vec<ProducerDescription> {
        self.producers.describe()
    }

    pub fn expire_producers(&mut self, now: WallTime) {
        self.producers.expire(now, self.config.producer_id_expiration_ms);
    }
}
