//! What survives: flush plans, manifest entries, the clean close.

use super::Log;
use crate::{Disk, FlushPlan, ManifestEntry, StorageError, errors::During, segment::Segment};
use model::{LeaderEpoch, Offset};
use std::{io, sync::Arc};

impl<D: Disk> Log<D> {
    /// What to sync (on any thread, see [`FlushPlan::run`]) so that everything below the plan's offset survives the machine.
    pub fn flush_plan(&self) -> FlushPlan<D> {
        let unflushed = |segment: &&Arc<Segment<D>>| segment.extent().next_offset > self.recovery_point;
        FlushPlan {
            segments: self.view.segments.iter().rev().take_while(unflushed).cloned().collect(),
            up_to: self.recovery_point.max(self.log_end()),
            active: Arc::clone(self.active()),
            name_changes: (self.name_changes > self.synced_name_changes).then_some(self.name_changes),
            disk: self.disk.clone(),
            folder: self.folder.clone(),
        }
    }

    /// The plan ran. It does not count if the log was truncated or opened anew meanwhile: what is at its offsets now is not
    /// what was synced.
    pub fn flushed(&mut self, plan: &FlushPlan<D>) {
        if !self.view.segments.iter().rev().any(|segment| Arc::ptr_eq(segment, &plan.active)) {
            return;
        }
        if let Some(synced) = plan.name_changes {
            self.synced_name_changes = self.synced_name_changes.max(synced);
        }
        self.recovery_point = self.recovery_point.max(plan.up_to.min(self.log_end()));
    }

    /// The log as the manifest should have it now. Good for [`crate::Start::Unclean`]; only [`Log::close`] makes a clean one.
    pub fn checkpoint(&self) -> ManifestEntry {
        let active = self.active();
        let extent = active.extent();
        ManifestEntry {
            folder: self.folder.to_string(),
            log_start: self.log_start(),
            log_end: extent.next_offset,
            recovery_point: self.recovery_point,
            high_watermark: self.high_watermark(),
            latest_epoch: self.latest_epoch().unwrap_or(LeaderEpoch::UNKNOWN),
            active_base_offset: active.base_offset,
            active_size: extent.size,
            total_size: self.view.size_in_bytes(),
            cleaned_up_to: self.cleaned_up_to,
            clean: false,
        }
    }

    /// Writes indexes and producer snapshot, gives back reserved space. Until the next append or other change, the entry is
    /// good for [`crate::Start::Clean`]. It syncs nothing: the shell runs flush plans before, in parallel, as far as it has time;
    /// a start after the loss of the machine uses the entry's recovery point.
    pub fn close(&mut self) -> Result<ManifestEntry, StorageError> {
        self.remove_remains()?;
        if self.unsaved {
            let active = self.active().clone();
            self.trim(&active).during("trim the active segment")?;
            self.write_index_files(&active)?;
            self.write_snapshot(self.log_end())?;
            self.remove_stray_snapshots()?;
            self.unsaved = false;
        }
        self.dirty = false;
        self.active().lock().file = None;
        Ok(ManifestEntry { clean: true, ..self.checkpoint() })
    }

    /// Snapshots of earlier closes: neither at the base of a segment nor the newest.
    fn remove_stray_snapshots(&mut self) -> Result<(), StorageError> {
        let end = self.log_end();
        let is_base = |offset: &Offset| self.view.segments.iter().any(|segment| segment.base_offset == *offset);
        let stray: Vec<Offset> = self.snapshots.range(..end).filter(|offset| !is_base(offset)).copied().collect();
        stray.into_iter().try_for_each(|offset| self.remove_snapshot(offset))
    }

    /// True if something changed since the log was opened cleanly or closed: its manifest entry is no longer a clean one.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }
}

impl<D: Disk> FlushPlan<D> {
    /// Syncs the files, one open at a time and the oldest last, and the folder where names in it changed: a device that is
    /// asked to flush takes its time for that too.
    pub fn run(&self) -> io::Result<()> {
        for segment in &self.segments {
            segment.sync(&self.disk, &self.folder)?;
        }
        if self.name_changes.is_none() {
            return Ok(());
        }
        match self.disk.sync_folder(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.active.lock().retired => Ok(()),
            synced => synced,
        }
    }

    /// Before the log's folder gets another name, with no [`Log`] of it left: what is not synced by now stays so. From then on
    /// other files may have the names of these.
    pub fn call_off(&self) {
        self.segments.iter().chain([&self.active]).for_each(|segment| segment.retire());
    }
}
