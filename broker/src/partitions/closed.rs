//! What is known of a log while it has no open files.

use super::{partition::Offsets, resting::Unmoved};
use crate::file_disk::FileDisk;
use model::Offset;
use partition_log::{Crash, ManifestEntry, Start, stored_latest_epoch};

/// A log without open files.
#[derive(Debug, Clone)]
pub(super) enum Closed {
    /// Nothing was ever written; there is no folder.
    New,
    /// Closed in order, and nothing happened since.
    Clean(Box<ManifestEntry>),
    /// To be recovered when it opens, from the newest entry known.
    Unclean(Option<Box<ManifestEntry>>, Crash),
    /// In another folder than its partition's, from which it could not be moved: that is to come first.
    Unmoved(Box<Unmoved>),
}

impl Closed {
    pub(super) fn entry(&self) -> Option<&ManifestEntry> {
        match self {
            Self::New => None,
            Self::Clean(entry) => Some(entry),
            Self::Unclean(entry, _) => entry.as_deref(),
            Self::Unmoved(unmoved) => unmoved.log.entry(),
        }
    }

    /// The entry of a log whose last records are in its files, but not on the device.
    pub(super) fn unflushed(&self) -> Option<&ManifestEntry> {
        match self {
            Self::Clean(entry) | Self::Unclean(Some(entry), Crash::Process) => {
                Some(&**entry).filter(|entry| entry.recovery_point < entry.log_end)
            }
            Self::New | Self::Unclean(..) => None,
            Self::Unmoved(unmoved) => unmoved.log.unflushed(),
        }
    }

    /// They are now.
    pub(super) fn flushed(&mut self) {
        match self {
            Self::Clean(entry) | Self::Unclean(Some(entry), _) => entry.recovery_point = entry.log_end,
            Self::New | Self::Unclean(None, _) => {}
            Self::Unmoved(unmoved) => unmoved.log.flushed(),
        }
    }

    /// The machine may have lost some of it, and nobody has looked yet.
    pub(super) fn is_in_doubt(&self) -> bool {
        match self {
            Self::Unclean(_, crash) => *crash == Crash::Machine,
            Self::New | Self::Clean(_) => false,
            Self::Unmoved(unmoved) => unmoved.log.is_in_doubt(),
        }
    }

    /// The same log after it failed.
    pub(super) fn distrusted(self) -> Self {
        match self {
            Self::Clean(entry) => {
                Self::Unclean(Some(Box::new(ManifestEntry { clean: false, ..*entry })), Crash::Process)
            }
            log => log,
        }
    }

    /// The same log in another folder.
    pub(super) fn moved_to(mut self, folder: &str) -> Self {
        match &mut self {
            Self::Clean(entry) | Self::Unclean(Some(entry), _) => folder.clone_into(&mut entry.folder),
            Self::New | Self::Unclean(None, _) => {}
            Self::Unmoved(unmoved) => return unmoved.log.clone().moved_to(folder),
        }
        self
    }

    /// The same log, after a sync of it that may fail unheard.
    pub(super) fn in_doubt(self) -> Self {
        match self {
            Self::New => Self::New,
            Self::Clean(entry) => {
                Self::Unclean(Some(Box::new(ManifestEntry { clean: false, ..*entry })), Crash::FailedSync)
            }
            Self::Unclean(entry, _) => Self::Unclean(entry, Crash::FailedSync),
            Self::Unmoved(unmoved) => Self::Unmoved(Box::new(Unmoved { at: unmoved.at, log: unmoved.log.in_doubt() })),
        }
    }

    pub(super) fn positions(&self) -> Offsets {
        let zero = Offset::ZERO;
        self.entry().map_or(
            Offsets { log_start: zero, last_stable: zero, high_watermark: zero, log_end: zero },
            |entry| Offsets {
                log_start: entry.log_start,
                last_stable: entry.high_watermark,
                high_watermark: entry.high_watermark,
                log_end: entry.log_end,
            },
        )
    }

    pub(super) fn size(&self) -> i64 {
        self.entry().map_or(0, |entry| i64::try_from(entry.total_size).unwrap_or(i64::MAX))
    }

    pub(super) fn start(&self) -> Start<'_> {
        match self {
            Self::New => Start::New,
            Self::Clean(entry) => Start::Clean(entry),
            Self::Unclean(entry, crash) => Start::Unclean { entry: entry.as_deref(), crash: *crash },
            Self::Unmoved(unmoved) => unmoved.log.start(),
        }
    }
}

/// The active segment file of an entry is as long as the entry says, and was not succeeded by another. A log that was cut
/// back since, and grew to the same length, has batches of a later epoch in the place of those that went: of one epoch
/// there is but one history. Leaves nothing open: a start must not cost a descriptor per partition.
pub(super) fn is_unchanged(disk: &FileDisk, entry: &ManifestEntry) -> bool {
    let length = |base: Offset| disk.length_of(&format!("{}/{:020}.log", entry.folder, base.0));
    let succeeded = entry.log_end != entry.active_base_offset && length(entry.log_end).is_some();
    length(entry.active_base_offset) == Some(entry.active_size)
        && !succeeded
        && stored_latest_epoch(disk, &entry.folder) == Some(entry.latest_epoch)
}
