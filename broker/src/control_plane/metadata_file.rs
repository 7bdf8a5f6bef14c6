//! The metadata of a broker that is alone, in two files of the folder `metadata`: a snapshot of the image, and a journal
//! of the changes since. Drawn in [`frame`].
//!
//! A commit is one frame appended to the journal and forced to disk; it is then true whatever happens. When the
//! journal has outgrown the snapshot, a new snapshot is written beside the old one and renamed over it, then the
//! journal is replaced by an empty one the same way. A crash between the two leaves changes in the journal that the
//! snapshot already has; recovery skips them.
//!
//! What was there before stays as `….previous`: a snapshot that the disk damaged is made again from the one before and the
//! journal that led to it.
//!
//! A write that fails is cut off again. Where that fails too, or the sync did, nobody knows what the disk holds: the next
//! commit starts with fresh files written from the last committed image, and is refused when that fails as well.

mod copy;
mod frame;
mod recovery;
#[cfg(test)]
mod tests;

pub(super) use copy::{MetadataCopy, read_copy};

use crate::whole_file;
use anyhow::{Context, ensure};
use control_plane::{Commit, CommitError, LoadError, MetadataStore};
use controller::{ClusterImage, MetadataRecord, rebuild};
use frame::{FileKind, PREAMBLE};
use model::ClusterId;
use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A journal below this is never worth a snapshot: replaying it takes milliseconds.
const SMALL_JOURNAL_BYTES: u64 = 4 << 20;

/// Space kept behind the end of the journal. When the disk is full, deleting topics is what makes room again, and a
/// deletion has to be written down first: this holds some thousand of them. What only takes more room may not use it.
const RESERVED_BYTES: u64 = 256 << 10;
/// Of a commit that uses it for a broker that comes or goes.
const LITTLE_BYTES: u64 = RESERVED_BYTES / 16;

const SNAPSHOT: &str = "snapshot";
const JOURNAL: &str = "journal";
/// Only there in a copy.
const COPY: &str = "copy";
const ABOUT_COPIES: &str = "This is a copy of the controller's metadata, as a broker knew it last.\n\
    A controller that starts with it gives no epoch and no producer id that may have been given since.\n";

/// The store. Its file work runs on the blocking pool; it is there between commits.
#[derive(Debug)]
pub(crate) struct MetadataFile {
    files: Option<Files>,
}

#[derive(Debug)]
struct Files {
    folder: PathBuf,
    committed: Arc<ClusterImage>,
    /// `None` after a failed write, until fresh files are there.
    journal: Option<Journal>,
    snapshot_bytes: u64,
}

#[derive(Debug)]
struct Journal {
    file: File,
    length: u64,
    /// Up to here the disk has promised room.
    reserved_to: u64,
    /// The disk had no room for a new reserve.
    is_disk_full: bool,
}

impl MetadataFile {
    /// Opens the metadata of `data_dir`, or makes that of a new cluster.
    pub(crate) fn open(data_dir: &Path, cluster_id: &ClusterId) -> anyhow::Result<Self> {
        Ok(Self { files: Some(Files::open(data_dir.join("metadata"), cluster_id)?) })
    }

    /// What the files hold.
    pub(crate) fn committed(&self) -> &Arc<ClusterImage> {
        &self.files.as_ref().expect("no commit is running").committed
    }
}

impl MetadataStore for MetadataFile {
    async fn load(&mut self) -> Result<Arc<ClusterImage>, LoadError> {
        Ok(Arc::clone(self.committed()))
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        let mut files = self.files.take().ok_or_else(|| CommitError::Failed("an earlier commit ended".to_owned()))?;
        let work = tokio::task::spawn_blocking(move || {
            let result = files.commit(commit);
            (files, result)
        });
        let (files, result) = work.await.map_err(|error| CommitError::Failed(error.to_string()))?;
        self.files = Some(files);
        result
    }
}

/// A new cluster over partitions that somebody still needs would take them for leftovers and delete them.
fn refuse_full_disk(folder: &Path) -> anyhow::Result<()> {
    let Some(Ok(entries)) = folder.parent().map(fs::read_dir) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let index = name.to_str().and_then(|name| name.rsplit_once('-')).map(|(_, index)| index);
        ensure!(
            index.is_none_or(|index| index.parse::<u32>().is_err()),
            "{} holds the partition {} but no metadata: {} is missing. Restore it from a copy, or use another data folder",
            entry.path().parent().unwrap_or(folder).display(),
            name.display(),
            folder.display()
        );
    }
    Ok(())
}

impl Files {
    fn open(folder: PathBuf, cluster_id: &ClusterId) -> anyhow::Result<Self> {
        let mut files = Self {
            committed: Arc::new(ClusterImage::empty(cluster_id.clone())),
            journal: None,
            snapshot_bytes: 0,
            folder,
        };
        match recovery::recover(&files.snapshot_path(), &files.journal_path())? {
            None => {
                refuse_full_disk(&files.folder)?;
                let made = fs::create_dir_all(&files.folder).and_then(|()| files.rewrite());
                made.with_context(|| format!("create the metadata in {}", files.folder.display()))?;
            }
            Some(recovered) => {
                let found = &recovered.image.cluster_id;
                ensure!(
                    found == cluster_id,
                    "{} belongs to the cluster {found}, the data folder to {cluster_id}: the folders were mixed up",
                    files.folder.display()
                );
                files.committed = Arc::new(recovered.image);
                files.resume(recovered.journal_length, recovered.torn_bytes).context("open the journal")?;
                if recovered.is_damaged {
                    files.rewrite().context("replace the damaged snapshot")?;
                }
                if files.is_copy()? {
                    files.begin_with_copy().context("begin with a copy of the metadata")?;
                }
            }
        }
        Ok(files)
    }

    fn snapshot_path(&self) -> PathBuf {
        self.folder.join(SNAPSHOT)
    }

    fn journal_path(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    fn is_copy(&self) -> io::Result<bool> {
        self.folder.join(COPY).try_exists()
    }

    /// A crash before it is no copy any more skips as much once more.
    fn begin_with_copy(&mut self) -> io::Result<()> {
        let copied = self.committed.metadata_version;
        self.committed = Arc::new(rebuild::begin_with_copy(&self.committed));
        self.rewrite()?;
        let mark = self.folder.join(COPY);
        fs::remove_file(&mark)?;
        tracing::warn!(%copied, folder = %self.folder.display(), "the metadata is a broker's copy: what was decided after it is undone");
        whole_file::sync_folder_of(&mark)
    }

    /// Goes on behind the last valid frame of the journal that is there.
    fn resume(&mut self, length: Option<u64>, torn_bytes: u64) -> io::Result<()> {
        self.snapshot_bytes = fs::metadata(self.snapshot_path())?.len();
        let Some(length) = length else {
            return self.replace_journal();
        };
        let file = OpenOptions::new().write(true).open(self.journal_path())?;
        if torn_bytes > 0 {
            tracing::warn!(torn_bytes, length, "metadata journal ends in an unfinished write, cut it off");
            file.set_len(length)?;
        }
        // A process that was killed may have left commits that only the page cache holds. From here on they are served.
        file.sync_all()?;
        self.journal = Some(Journal::new(file, length));
        Ok(())
    }

    fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        if commit.expected != self.committed.metadata_version {
            return Err(CommitError::Conflict);
        }
        self.append(&commit).map_err(|error| {
            tracing::error!(%error, folder = %self.folder.display(), "metadata could not be written");
            CommitError::Failed(error.to_string())
        })?;
        self.committed = commit.image;
        self.compact_if_worth_it();
        Ok(())
    }

    fn append(&mut self, commit: &Commit) -> io::Result<()> {
        self.append_frame(commit)?;
        // After a failed sync nobody knows what the disk holds: the journal is not used again.
        let journal = self.journal.take().ok_or_else(|| io::Error::other("the journal is not open"))?;
        journal.file.sync_data()?;
        self.journal = Some(journal);
        Ok(())
    }

    /// A process that dies leaves it; the machine may take it with it.
    fn append_frame(&mut self, commit: &Commit) -> io::Result<()> {
        if self.journal.is_none() {
            self.rewrite()?;
        }
        let payload = serde_json::to_vec(&commit.changes)?;
        let bytes = frame::encode(commit.image.metadata_version, &payload);
        let mut journal = self.journal.take().ok_or_else(|| io::Error::other("the journal is not open"))?;
        journal.reserve();
        if journal.is_disk_full && !may_use_reserve(commit, bytes.len() as u64) {
            self.journal = Some(journal);
            return Err(io::ErrorKind::StorageFull.into());
        }
        // At the end of the last frame, wherever an unfinished write has left the file's own position.
        if let Err(error) = journal.file.write_all_at(&bytes, journal.length) {
            // What reached the file lies behind the last frame. Only if it can be cut off is the journal as it was.
            if journal.file.set_len(journal.length).and_then(|()| journal.file.sync_data()).is_ok() {
                self.journal = Some(Journal::new(journal.file, journal.length));
            }
            return Err(error);
        }
        journal.length += bytes.len() as u64;
        self.journal = Some(journal);
        Ok(())
    }

    /// The commit stands whether or not this succeeds; after a failure the next commit writes fresh files.
    fn compact_if_worth_it(&mut self) {
        let length = self.journal.as_ref().map_or(0, |journal| journal.length);
        if length <= SMALL_JOURNAL_BYTES.max(2 * self.snapshot_bytes) {
            return;
        }
        if let Err(error) = self.rewrite() {
            tracing::warn!(%error, folder = %self.folder.display(), "metadata snapshot could not be written");
        }
    }

    /// Snapshot first: until the new journal is in place, the old one repeats what the snapshot has.
    fn rewrite(&mut self) -> io::Result<()> {
        let payload = serde_json::to_vec(&*self.committed)?;
        let mut bytes = frame::preamble(FileKind::Snapshot).to_vec();
        bytes.extend_from_slice(&frame::encode(self.committed.metadata_version, &payload));
        self.keep_generation();
        whole_file::replace(&self.snapshot_path(), &bytes)?;
        self.snapshot_bytes = bytes.len() as u64;
        self.replace_journal()
    }

    fn replace_journal(&mut self) -> io::Result<()> {
        self.journal = None;
        let file = whole_file::replace(&self.journal_path(), &frame::preamble(FileKind::Journal))?;
        self.journal = Some(Journal::new(file, PREAMBLE as u64));
        Ok(())
    }

    /// Names the files that are about to be replaced a second time. Without them everything works, until a disk fails.
    fn keep_generation(&self) {
        for path in [self.snapshot_path(), self.journal_path()] {
            let previous = recovery::previous(&path);
            let removed = match fs::remove_file(&previous) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
            match removed.and_then(|()| fs::hard_link(&path, &previous)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, path = %previous.display(), "previous metadata is not kept");
                }
                _ => {}
            }
        }
    }
}

/// What makes room, what a person does to make room, and what every start needs; and that a broker comes or goes, with a little of
/// what is decided beside it: it is the next leaders of what a lost one led.
fn may_use_reserve(commit: &Commit, bytes: u64) -> bool {
    let mut records = commit.changes.iter().flat_map(|change| &change.records);
    let comes_or_goes = |record: &MetadataRecord| {
        matches!(record, MetadataRecord::BrokerFenced { .. } | MetadataRecord::BrokerUnfenced { .. })
    };
    if bytes <= LITTLE_BYTES && records.clone().any(comes_or_goes) {
        return true;
    }
    records.all(|record| {
        matches!(
            record,
            MetadataRecord::TopicDeleted { .. }
                | MetadataRecord::TopicTombstoned { .. }
                | MetadataRecord::TopicConfigChanged { .. }
                | MetadataRecord::BrokerConfigChanged { .. }
                | MetadataRecord::ControllerEpochRaised(_)
                | MetadataRecord::FeatureLevelSet { .. }
                | MetadataRecord::DefaultsSet { .. }
                | MetadataRecord::BrokerRegistered(_)
                | MetadataRecord::BrokerFenced { .. }
                | MetadataRecord::BrokerUnfenced { .. }
                | MetadataRecord::BrokerShutdownBegan { .. }
                | MetadataRecord::LeaderConfirmed { .. }
        )
    })
}

impl Journal {
    fn new(file: File, length: u64) -> Self {
        let mut journal = Self { file, length, reserved_to: length, is_disk_full: false };
        journal.reserve();
        journal
    }

    /// Keeps at least half of the reserve ahead. Not every file system can: then the journal takes its chance.
    fn reserve(&mut self) {
        if self.reserved_to.saturating_sub(self.length) >= RESERVED_BYTES / 2 {
            return;
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.length, RESERVED_BYTES) {
            Ok(()) => (self.reserved_to, self.is_disk_full) = (self.length + RESERVED_BYTES, false),
            Err(error) => self.is_disk_full = error == Errno::NOSPC,
        }
    }
}
