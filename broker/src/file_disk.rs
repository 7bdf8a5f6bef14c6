//! The only real disk: a data folder over plain files, page cache and all.
//!
//! Writes and cached reads run on the thread that asks (they are memory copies); whoever may have to wait for the device
//! goes through the disk pool of [`crate::partitions`]. Files of segments stay open in a bounded, least-recently-used set,
//! so that neither a partition nor a segment costs a descriptor of its own. A process that has no descriptor left closes
//! some of them rather than fail.

mod open_files;

pub(crate) use open_files::most_connections;
use open_files::{OpenFiles, Remembered};
use partition_log::disk::{Disk, DiskFile, FileEntry};
use rustix::{
    fs::{Advice, FallocateFlags},
    io::{Errno, ReadWriteFlags},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, IoSliceMut},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Linux refuses more pieces in one call.
const MAX_PIECES: usize = 1024;

/// Between two places that are looked at for whether an extent is cached.
const CACHE_PROBE: usize = 256 << 10;

/// The kernel cuts one request short where the device takes less at once; none that is common takes less than this.
const READ_AHEAD_PIECE: u64 = 1 << 20;

/// One data folder. Clones share the set of open files.
#[derive(Debug, Clone)]
pub(crate) struct FileDisk {
    root: Arc<Path>,
    open: Arc<OpenFiles>,
    /// Makes every write fail as on a full disk.
    #[cfg(test)]
    pub(crate) full: Arc<AtomicBool>,
    #[cfg(test)]
    pub(crate) writes: Arc<tests::Calls>,
    #[cfg(test)]
    pub(crate) syncs: Arc<tests::Calls>,
}

/// An open file. Clones are one descriptor.
#[derive(Debug, Clone)]
pub(crate) struct OpenFile {
    file: Arc<File>,
    #[cfg(test)]
    full: Arc<AtomicBool>,
    #[cfg(test)]
    writes: Arc<tests::Calls>,
    #[cfg(test)]
    syncs: Arc<tests::Calls>,
}

impl FileDisk {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.into(),
            open: Arc::new(OpenFiles::within_process_limit()),
            #[cfg(test)]
            full: Arc::default(),
            #[cfg(test)]
            writes: Arc::default(),
            #[cfg(test)]
            syncs: Arc::default(),
        }
    }

    fn handle(&self, file: Arc<File>) -> OpenFile {
        OpenFile {
            file,
            #[cfg(test)]
            full: Arc::clone(&self.full),
            #[cfg(test)]
            writes: Arc::clone(&self.writes),
            #[cfg(test)]
            syncs: Arc::clone(&self.syncs),
        }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The folders directly under the data folder.
    pub(crate) fn folders(&self) -> io::Result<Vec<String>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_type()?.is_dir()
                && let Ok(name) = entry.file_name().into_string()
            {
                folders.push(name);
            }
        }
        Ok(folders)
    }

    /// Length of a file, without opening it.
    pub(crate) fn length_of(&self, path: &str) -> Option<u64> {
        fs::metadata(self.path(path)).ok().map(|metadata| metadata.len())
    }

    /// How many files may stay open.
    pub(crate) fn most_open_files(&self) -> usize {
        self.open.limit()
    }

    #[cfg(test)]
    pub(crate) fn set_most_open_files(&self, limit: usize) {
        self.open.set_limit(limit);
    }

    /// Nobody will use the files of this folder for a while.
    pub(crate) fn close_files(&self, folder: &str) {
        self.open.forget_folder(folder);
    }

    /// For whatever takes a descriptor.
    fn with_descriptor<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        loop {
            match open() {
                Err(error) if is_out_of_descriptors(&error) && self.open.give_up_some() => {}
                outcome => return outcome,
            }
        }
    }

    /// Renames a whole folder; open handles of its files stay usable, cached ones are forgotten.
    pub(crate) fn rename_folder(&self, from: &str, to: &str) -> io::Result<()> {
        self.open.forget_folder(from);
        fs::rename(self.path(from), self.path(to))
    }

    /// Removes a folder with all its files; fine if it is gone already.
    pub(crate) fn remove_folder(&self, folder: &str) -> io::Result<()> {
        self.open.forget_folder(folder);
        match self.with_descriptor(|| fs::remove_dir_all(self.path(folder))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

impl Disk for FileDisk {
    type File = OpenFile;
    type Remembered = Remembered;

    fn open(&self, path: &str) -> io::Result<OpenFile> {
        if let Some(file) = self.open.get(path) {
            return Ok(self.handle(file));
        }
        let found = self.path(path);
        let file = Arc::new(self.with_descriptor(|| OpenOptions::new().read(true).write(true).open(&found))?);
        if is_read_again(path) {
            self.open.keep(path, &file);
        }
        Ok(self.handle(file))
    }

    fn remember(&self, path: &str, file: &OpenFile) -> Remembered {
        self.open.keep(path, &file.file)
    }

    fn recall(&self, remembered: &Remembered) -> Option<OpenFile> {
        remembered.file().map(|file| self.handle(file))
    }

    fn create(&self, path: &str) -> io::Result<OpenFile> {
        self.open.forget(path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let created = self.path(path);
        Ok(self.handle(Arc::new(self.with_descriptor(|| options.open(&created))?)))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<FileEntry>> {
        let mut entries = Vec::new();
        for entry in self.with_descriptor(|| fs::read_dir(self.path(folder)))? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                entries.push(FileEntry { name, length: metadata.len() });
            }
        }
        Ok(entries)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        match fs::create_dir(self.path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.open.forget(from);
        self.open.forget(to);
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.open.forget(path);
        fs::remove_file(self.path(path))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.with_descriptor(|| File::open(self.path(folder)))?.sync_all()
    }
}

impl OpenFile {
    /// For the kernel to send from.
    pub(crate) fn shared(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Asks for a byte here and there: what the page cache drops it drops in larger pieces.
    pub(crate) fn seems_cached(&self, position: u64, length: usize) -> bool {
        let last = length.saturating_sub(1);
        let places = (0..last).step_by(CACHE_PROBE).chain([last]);
        places.into_iter().all(|place| matches!(self.read_cached(position + place as u64, &mut [0]), Ok(true)))
    }

    /// Lets the device begin to read. No harm is done where it cannot.
    pub(crate) fn will_read(&self, position: u64, length: u64) {
        for start in (0..length).step_by(READ_AHEAD_PIECE as usize) {
            let piece = std::num::NonZeroU64::new(READ_AHEAD_PIECE.min(length - start));
            let _ = rustix::fs::fadvise(&self.file, position + start, piece, Advice::WillNeed);
        }
    }

    /// Fills the buffer only if that needs no device: `false` says that the bytes, or some of them, are not cached.
    pub(crate) fn read_cached(&self, position: u64, buffer: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < buffer.len() {
            let mut rest = [IoSliceMut::new(&mut buffer[filled..])];
            match rustix::io::preadv2(&self.file, &mut rest, position + filled as u64, ReadWriteFlags::NOWAIT) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(Errno::INTR) => {}
                // Some file systems know no NOWAIT: their reads go the slow way.
                Err(Errno::AGAIN | Errno::OPNOTSUPP) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

impl DiskFile for OpenFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, mut position: u64, pieces: &[IoSlice<'_>]) -> io::Result<()> {
        #[cfg(test)]
        if self.full.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        #[cfg(test)]
        self.writes.begin()?;
        for chunk in pieces.chunks(MAX_PIECES) {
            let length: usize = chunk.iter().map(|piece| piece.len()).sum();
            let written = write_once(&self.file, chunk, position)?;
            if written < length {
                write_rest(&self.file, chunk, position, written)?;
            }
            position += length as u64;
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        // Setting the same length frees nothing on ext4; one byte more and back does.
        if self.length()? == length {
            self.file.set_len(length + 1)?;
        }
        self.file.set_len(length)
    }

    fn preallocate(&self, position: u64, length: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, position, length) {
            Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
            Err(error) => {
                // ext4 keeps what it got: the last of the disk, perhaps.
                self.truncate(self.length()?)?;
                Err(error.into())
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.syncs.begin()?;
        self.file.sync_data()
    }
}

/// Records and indexes; whatever else is in a folder is read once, whole.
fn is_read_again(path: &str) -> bool {
    path.ends_with(".log") || path.ends_with("index")
}

/// Of this process, or of the whole machine.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

fn write_once(file: &File, pieces: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
    loop {
        match rustix::io::pwritev(file, pieces, position) {
            Ok(written) => return Ok(written),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// After a short write (a disk nearly full, a signal) the rest goes piece by piece.
fn write_rest(file: &File, pieces: &[IoSlice<'_>], position: u64, mut written: usize) -> io::Result<()> {
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.len();
        if written < end {
            file.write_all_at(&piece[written - start..], position + written as u64)?;
            written = end;
        }
        start = end;
    }
    Ok(())
}

#[cfg(test)]
use std::sync::atomic::AtomicBool;
#[cfg(test)]
pub(crate) mod tests;
