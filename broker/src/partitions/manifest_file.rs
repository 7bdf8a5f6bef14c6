//! The manifest: one small file that spares a clean start from looking at any partition.
//!
//! ```text
//! <data-dir>/partitions.manifest   every partition ever written to, as of the last checkpoint
//! <data-dir>/partitions.clean      exists between a clean stop and the next start; the boot of the stop
//! <data-dir>/partitions.boot       the boot of the machine in which everything was last known to be recovered
//! ```

mod moved;

use super::{
    closed::{Closed, is_unchanged},
    disk_pool::DiskPool,
    partition::{Partition, State},
    queue::Need,
};
use crate::file_disk::FileDisk;
use anyhow::Context;
use futures_util::future::join_all;
use model::TopicId;
use parking_lot::Mutex;
use partition_log::{
    Crash, Disk, ListedLog, Manifest, ManifestEntry, ManifestError,
    disk::{read_whole, write_atomically},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, atomic::Ordering},
};

const MANIFEST: &str = "partitions.manifest";
const CLEAN: &str = "partitions.clean";
const BOOT: &str = "partitions.boot";
const ROOT: &str = ".";
/// 100,000 partitions with the longest names fit.
const MAX_BYTES: u64 = 64 << 20;
const MAX_BOOT_ID: u64 = 4096;
const KERNEL_BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// By folder.
pub(super) type Entries = BTreeMap<String, ListedLog>;

/// What the disk told at the start.
#[derive(Debug)]
pub(super) struct Known {
    entries: Entries,
    folders: BTreeSet<String>,
    clean: bool,
    /// The machine did not go down since the clean stop, so what was written is there, flushed or not.
    pages_are_there: bool,
    crash: Crash,
    disk: FileDisk,
}

/// `<topic>-<n>`, or such a one with another name on its way out. The data folder may be a whole file system, and has the metadata.
fn is_of_log(folder: &str) -> bool {
    let is_partition = |end: &str| !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
    folder.rsplit_once('-').is_some_and(|(_, end)| is_partition(end) || ["delete", "stray"].contains(&end))
}

#[derive(Debug)]
pub(super) struct ManifestFile {
    disk: FileDisk,
    pool: DiskPool,
    entries: Mutex<Entries>,
    /// Partitions that moved since the last checkpoint.
    touched: Mutex<Touched>,
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Touched {
    partitions: Vec<Arc<Partition>>,
    /// The entries differ from the file whatever the partitions say.
    unwritten: bool,
}

impl Known {
    /// Reads the manifest and lists the data folder. Takes the mark of a clean stop away, for the folder is in use now, and
    /// that of another boot: a volume may come back to a machine that is still in that boot, and whatever was lost
    /// elsewhere meanwhile would count as kept.
    pub(super) fn read(disk: &FileDisk) -> anyhow::Result<Self> {
        let is_this = |last: io::Result<Vec<u8>>| boot_id().is_some_and(|boot| last.is_ok_and(|last| last == boot));
        let pages_are_there = is_this(read_whole(disk, CLEAN, MAX_BOOT_ID));
        let crash = if is_this(read_whole(disk, BOOT, MAX_BOOT_ID)) { Crash::Process } else { Crash::Machine };
        let clean = take_away(disk, CLEAN).context("remove the mark of a clean stop")?;
        let other_boot = crash == Crash::Machine && take_away(disk, BOOT).context("remove the mark of another boot")?;
        if clean || other_boot {
            disk.sync_folder(ROOT).context("sync the data folder")?;
        }
        let mut entries = match read_whole(disk, MANIFEST, MAX_BYTES) {
            Ok(bytes) => decode(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Entries::new(),
            Err(error) => return Err(error).context("read the partition manifest"),
        };
        let folders = disk.folders().context("list the data folder")?.into_iter().collect();
        moved::follow(&mut entries, &folders, disk);
        Ok(Self { entries, folders, clean, pages_are_there, crash, disk: disk.clone() })
    }

    /// What to make of a partition: only one whose positions are not certain has to be recovered before it serves.
    ///
    /// An entry of another topic says nothing about this one, and not even what is in the folder: after a crash that may be
    /// this topic's log, begun after the last checkpoint. So the log is opened and says whose it is; another topic's is put
    /// aside, and the replica begins empty.
    ///
    /// The life of the logs goes on then, although the controller may count this replica among those that have all
    /// committed records, in sync or eligible. It is right: it was made one of them when the topic was created, with nothing
    /// committed, and the high watermark does not pass what a member of the ISR has fetched, or rise while the ISR is too
    /// small to go on without the eligible ones. Whoever fetched nothing lacks nothing that was acknowledged for as long as
    /// it is a member. Had the replica fetched, its own folder would be here, unless the machine was lost, and that ends the
    /// life by itself.
    pub(super) fn state_of(&self, folder: &str, topic: TopicId) -> (Closed, State) {
        let entry = self.entries.get(folder).filter(|_| self.is_of(folder, topic));
        let entry = entry.map(|entry| Box::new(entry.log.clone()));
        match entry {
            None if !self.folders.contains(folder) => (Closed::New, State::Serving),
            Some(entry) if self.clean && entry.clean && self.survived(&entry) => (Closed::Clean(entry), State::Serving),
            Some(entry) if !self.survived(&entry) => (Closed::Unclean(Some(entry), Crash::Machine), State::Recovering),
            Some(entry) if is_unchanged(&self.disk, &entry) => {
                let closed = if entry.clean { Closed::Clean(entry) } else { Closed::Unclean(Some(entry), self.crash) };
                (closed, State::Serving)
            }
            entry => (Closed::Unclean(entry, self.crash), State::Recovering),
        }
    }

    /// Whether the entry, if there is one, is of this topic's log. One of a manifest that names no topics is, unless the
    /// folder says otherwise.
    pub(super) fn is_of(&self, folder: &str, topic: TopicId) -> bool {
        self.entries.get(folder).is_none_or(|entry| match entry.topic {
            Some(of) => of == topic,
            None => partition_log::stored_topic_id(&self.disk, folder).is_none_or(|of| of == topic.to_string()),
        })
    }

    /// Whatever the machine went through meanwhile, all of the log is there.
    fn survived(&self, entry: &ManifestEntry) -> bool {
        let pages_are_there = if self.clean { self.pages_are_there } else { self.crash == Crash::Process };
        pages_are_there || entry.recovery_point >= entry.log_end
    }

    /// Everything that this broker ever said it had is there: at worst the process was lost. A folder that is new, or was
    /// wiped, does not say so.
    pub(super) fn is_whole(&self) -> bool {
        if self.clean {
            self.entries.values().all(|entry| self.survived(&entry.log))
        } else {
            self.crash == Crash::Process
        }
    }

    /// There is no log, and none is known of.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.folders.iter().any(|folder| is_of_log(folder))
    }

    /// Folders whose deletion a stop interrupted.
    pub(super) fn doomed_folders(&self) -> impl Iterator<Item = &String> {
        self.folders.iter().filter(|folder| folder.ends_with("-delete"))
    }

    /// All that were there.
    pub(super) fn folders(&self) -> impl Iterator<Item = &String> {
        self.folders.iter()
    }

    pub(super) fn has_folder(&self, folder: &str) -> bool {
        self.folders.contains(folder)
    }

    /// The folder has another name by now.
    pub(super) fn forget(&mut self, folder: &str) {
        self.folders.remove(folder);
        self.entries.remove(folder);
    }

    pub(super) fn entries(&self) -> Entries {
        self.entries.clone()
    }
}

impl ManifestFile {
    pub(super) fn new(disk: FileDisk, pool: DiskPool, entries: Entries) -> Self {
        let (touched, writing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { disk, pool, entries: Mutex::new(entries), touched, writing }
    }

    /// The partition moved: the next checkpoint asks it where it is.
    pub(super) fn touch(&self, partition: &Arc<Partition>) {
        if !partition.touched.swap(true, Ordering::AcqRel) {
            self.touched.lock().partitions.push(Arc::clone(partition));
        }
    }

    pub(super) fn remove(&self, folder: &str) {
        let removed = self.entries.lock().remove(folder).is_some();
        self.touched.lock().unwritten |= removed;
    }

    /// A log of `topic` has another folder.
    pub(super) fn replace(&self, folder: &str, by: Option<&ManifestEntry>, topic: TopicId) {
        let mut entries = self.entries.lock();
        entries.remove(folder);
        entries.extend(by.map(|log| (log.folder.clone(), ListedLog { log: log.clone(), topic: Some(topic) })));
        self.touched.lock().unwritten = true;
    }

    /// Whose the log is was looked up: the next start need not.
    pub(super) fn note_topic(&self, folder: &str, topic: TopicId) {
        if let Some(entry) = self.entries.lock().get_mut(folder)
            && entry.topic.replace(topic).is_none()
        {
            self.touched.lock().unwritten = true;
        }
    }

    /// Writes the manifest if anything moved. Durable when it returns. Goes on to its end if the caller gives up: half of
    /// it would have taken partitions from the list and written none of them.
    pub(super) async fn checkpoint(self: &Arc<Self>) -> io::Result<()> {
        let file = Arc::clone(self);
        let written = tokio::spawn(async move { file.write_what_moved().await });
        written.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    async fn write_what_moved(&self) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock().await;
        let touched = std::mem::take(&mut *self.touched.lock());
        if touched.partitions.is_empty() && !touched.unwritten {
            return Ok(());
        }
        let asked = touched.partitions.into_iter().map(|partition| async move {
            partition.touched.store(false, Ordering::Release);
            let entry = partition.exclusive(Need::Nothing, |_, writer| writer.manifest_entry()).await.flatten();
            (partition, entry)
        });
        let asked = join_all(asked).await;
        let written = self.write(MANIFEST, self.update(asked).encode()).await;
        self.touched.lock().unwritten |= written.is_err();
        written
    }

    /// Looks at the state with the entries locked: a partition that is deleted later finds its entry there to remove.
    fn update(&self, asked: Vec<(Arc<Partition>, Option<ManifestEntry>)>) -> Manifest {
        let mut entries = self.entries.lock();
        for (partition, entry) in asked {
            if partition.state() != State::Deleted
                && let Some(log) = entry
            {
                entries.insert(log.folder.clone(), ListedLog { log, topic: Some(partition.topic.id) });
            }
        }
        Manifest { logs: entries.values().cloned().collect() }
    }

    /// Everything is closed and in the manifest: the next start may believe it.
    pub(super) async fn mark_clean(&self) -> io::Result<()> {
        self.write(CLEAN, boot_id().unwrap_or_default()).await
    }

    /// Every log that a crash had left in doubt is recovered: what the next start finds is at worst a crash of this process.
    pub(super) async fn mark_boot(&self) -> io::Result<()> {
        let Some(boot) = boot_id() else { return Ok(()) };
        let _one_at_a_time = self.writing.lock().await;
        let disk = self.disk.clone();
        let noted = self.pool.run(move || read_whole(&disk, BOOT, MAX_BOOT_ID).ok()).await.flatten();
        if noted.as_ref() == Some(&boot) { Ok(()) } else { self.write(BOOT, boot).await }
    }

    async fn write(&self, name: &'static str, content: Vec<u8>) -> io::Result<()> {
        let disk = self.disk.clone();
        let written = self.pool.run(move || write_atomically(&disk, ROOT, name, &content, true)).await;
        written.unwrap_or_else(|| Err(io::Error::other("the disk threads have ended")))
    }
}

fn decode(bytes: &[u8]) -> anyhow::Result<Entries> {
    match Manifest::decode(bytes) {
        Ok(manifest) => Ok(manifest.logs.into_iter().map(|one| (one.log.folder.clone(), one)).collect()),
        Err(ManifestError::Damaged) => {
            // Written atomically, so this is a failing disk; every log can be recovered without it.
            tracing::error!("partition manifest is damaged, every log will be recovered");
            Ok(Entries::new())
        }
        Err(error) => Err(error).context("read the partition manifest"),
    }
}

/// Whether there was one.
fn take_away(disk: &FileDisk, mark: &str) -> io::Result<bool> {
    match disk.remove(mark) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names this boot of the machine; `None` where the kernel has no such name, and then a crash may have been the machine's.
fn boot_id() -> Option<Vec<u8>> {
    std::fs::read(KERNEL_BOOT_ID).ok()
}
