//! A folder of real files as a log's disk: only what these tests need, so without the shell's cache of handles.

use partition_log::{Disk, DiskFile, FileEntry};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(Debug, Clone)]
pub(crate) struct Directory(Arc<Path>);

#[derive(Debug, Clone)]
pub(crate) struct PlainFile(Arc<File>);

impl Directory {
    pub(crate) fn new(root: &Path) -> Self {
        Self(root.into())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Disk for Directory {
    type File = PlainFile;
    type Remembered = ();

    fn open(&self, path: &str) -> io::Result<PlainFile> {
        let file = OpenOptions::new().read(true).write(true).open(self.at(path))?;
        Ok(PlainFile(Arc::new(file)))
    }

    fn remember(&self, _path: &str, _file: &PlainFile) {}

    fn recall(&self, (): &()) -> Option<PlainFile> {
        None
    }

    fn create(&self, path: &str) -> io::Result<PlainFile> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self.at(path))?;
        Ok(PlainFile(Arc::new(file)))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<FileEntry>> {
        let entries = fs::read_dir(self.at(folder))?.map(|entry| {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|_| io::ErrorKind::InvalidData)?;
            Ok(FileEntry { name, length: entry.metadata()?.len() })
        });
        entries.collect()
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        fs::create_dir_all(self.at(folder))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        File::open(self.at(folder))?.sync_all()
    }
}

impl DiskFile for PlainFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], position + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    fn write_at(&self, mut position: u64, pieces: &[IoSlice<'_>]) -> io::Result<()> {
        for piece in pieces {
            self.0.write_all_at(piece, position)?;
            position += piece.len() as u64;
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn preallocate(&self, _position: u64, _length: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}
