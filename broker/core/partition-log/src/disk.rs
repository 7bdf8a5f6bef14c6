//! What a log needs of a disk. The shell implements it over real files, [`crate::memory_disk`] over memory with faults.

use std::{fmt, io, io::IoSlice};

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    pub name: String,
    pub length: u64,
}

/// A data folder. Paths are relative to it and use `/`; one level of folders, one per partition.
///
/// Errors keep the kinds of [`io::Error`]: a missing file is `NotFound`, a full disk `StorageFull`.
pub trait Disk: Clone + Send + Sync + fmt::Debug + 'static {
    type File: DiskFile;

    /// What is kept of a file that is used again and again. The disk may close the file in between: it bounds how many
    /// are open.
    type Remembered: Send + Sync + fmt::Debug + 'static;

    /// Opens a file that exists, for reading and writing. May hand out a cached handle of the same file, but must
    /// forget cached handles of a path that is renamed, removed or created anew.
    fn open(&self, path: &str) -> io::Result<Self::File>;

    fn remember(&self, path: &str, file: &Self::File) -> Self::Remembered;

    /// The file, if it is still open; if not, it is opened again by its path.
    fn recall(&self, remembered: &Self::Remembered) -> Option<Self::File>;

    /// Creates a file, or empties the one that is there.
    fn create(&self, path: &str) -> io::Result<Self::File>;

    /// The files of a folder, in any order; `NotFound` if the folder is missing.
    fn list(&self, folder: &str) -> io::Result<Vec<FileEntry>>;

    /// Creates a folder; fine if it exists.
    fn create_folder(&self, folder: &str) -> io::Result<()>;

    /// Renames a file, replacing what is there. Open handles stay usable.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Open handles stay usable.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes creations, renames and removals in a folder durable.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
}

/// An open file; cheap to clone (all clones are one file). Positions are absolute, there is no cursor.
pub trait DiskFile: Clone + Send + Sync + fmt::Debug + 'static {
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer from `position`; returns less only at the end of the file.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all pieces one after the other from `position`, in as few calls as possible. An error may leave any part written.
    fn write_at(&self, position: u64, pieces: &[IoSlice<'_>]) -> io::Result<()>;

    /// Sets the length; also gives back what was preallocated beyond it.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Reserves space without changing the length. Success without effect is allowed where the file system cannot. After an
    /// error nothing is reserved beyond the length.
    fn preallocate(&self, position: u64, length: u64) -> io::Result<()>;

    /// Makes the content (and length) durable.
    fn sync(&self) -> io::Result<()>;
}

/// Writes a small file so that a crash leaves the old or the new content: temporary name, sync, rename.
pub fn write_atomically<D: Disk>(disk: &D, folder: &str, name: &str, content: &[u8], durable: bool) -> io::Result<()> {
    let path = format!("{folder}/{name}");
    let temporary = format!("{path}.tmp");
    let file = disk.create(&temporary)?;
    file.write_at(0, &[IoSlice::new(content)])?;
    if durable {
        file.sync()?;
    }
    disk.rename(&temporary, &path)?;
    if durable {
        disk.sync_folder(folder)?;
    }
    Ok(())
}

/// A file that is gone already is fine.
pub(crate) fn remove_if_there<D: Disk>(disk: &D, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a whole small file; refuses one above `limit` instead of allocating what a damaged folder claims.
pub fn read_whole<D: Disk>(disk: &D, path: &str, limit: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let length = file.length()?;
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "file is larger than it can sensibly be"));
    }
    let mut content = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?];
    let read = file.read_at(0, &mut content)?;
    content.truncate(read);
    Ok(content)
}
