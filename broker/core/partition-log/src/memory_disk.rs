//! A disk in memory that can tear writes, lose what was not synced, fill up, fail and flip bits. For tests and the simulator.
//!
//! Of the files that somebody remembers it has closed every other. What it promises is what file systems promise and no more: a completed write survives the process; only `sync` survives the
//! machine; names survive the machine once their folder was synced, and in the order in which they changed.

mod file;
mod inner;

pub use file::MemoryFile;
use inner::Inner;

use crate::{Disk, FileEntry};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Cheap to clone; all clones are one disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
}

impl MemoryDisk {
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes so far: writes, truncations, creations, renames, removals, syncs.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// How often a file or folder was synced.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// The process dies in the middle of change number `change` (counted from 0): a write is torn at a place drawn from `seed`,
    /// anything else happens wholly or not at all. Everything after it fails.
    pub fn crash_at(&self, change: u64, seed: u64) {
        let mut inner = self.lock();
        inner.crash_at = Some(change);
        inner.seed = seed;
    }

    pub fn is_crashed(&self) -> bool {
        self.lock().crashed
    }

    /// The disk as the next process finds it: all completed changes, and what the torn one left.
    #[must_use]
    pub fn after_process_death(&self) -> Self {
        Self { inner: Arc::new(Mutex::new(self.lock().after_process_death())) }
    }

    /// The disk as the next boot finds it: what was synced, and of the rest what `seed` says.
    #[must_use]
    pub fn after_machine_loss(&self, seed: u64) -> Self {
        Self { inner: Arc::new(Mutex::new(self.lock().after_machine_loss(seed))) }
    }

    /// Bytes all files together have, or hold room for.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// Bytes all files together may have; a write beyond it writes what fits and fails with `StorageFull`.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.lock().capacity = capacity;
    }

    /// From now on every change fails with this kind, until told otherwise.
    pub fn fail_changes(&self, kind: Option<io::ErrorKind>) {
        self.lock().failing = kind;
    }

    /// Change number `change` fails with this kind; those after it do not.
    pub fn fail_at(&self, change: u64, kind: io::ErrorKind) {
        self.lock().fail_at = Some((change, kind));
    }

    /// Damages one byte of a file, as a disk may.
    pub fn flip_bits(&self, path: &str, position: u64, bits: u8) {
        self.lock().flip_bits(path, position, bits);
    }

    /// The content of a file; `None` if it is not there.
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.lock().content(path)
    }

    /// Paths of all files.
    pub fn paths(&self) -> Vec<String> {
        self.lock().paths()
    }

    /// Puts a file there, synced.
    pub fn put(&self, path: &str, content: Vec<u8>) {
        self.lock().put(path, content);
    }
}

impl Disk for MemoryDisk {
    type File = MemoryFile;
    type Remembered = MemoryFile;

    fn open(&self, path: &str) -> io::Result<MemoryFile> {
        let id = self.lock().open(path)?;
        Ok(MemoryFile { disk: self.clone(), id })
    }

    fn remember(&self, _path: &str, file: &MemoryFile) -> MemoryFile {
        file.clone()
    }

    fn recall(&self, remembered: &MemoryFile) -> Option<MemoryFile> {
        self.lock().is_still_open().then(|| remembered.clone())
    }

    fn create(&self, path: &str) -> io::Result<MemoryFile> {
        let id = self.lock().create(path)?;
        Ok(MemoryFile { disk: self.clone(), id })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<FileEntry>> {
        self.lock().list(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.lock().create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.lock().rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.lock().remove(path)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.lock().sync_folder(folder)
    }
}
