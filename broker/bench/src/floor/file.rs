//! One file that grows, as a log's segment does.

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rustix::fs::{FallocateFlags, fallocate, ftruncate};
use std::{fs, io, os::unix::fs::FileExt, path::Path};

/// Space taken ahead of the writes.
const PREALLOCATION: u64 = 32 << 20;

#[derive(Debug)]
pub(super) struct File {
    pub(super) file: fs::File,
    end: Mutex<End>,
}

#[derive(Debug, Default, Clone, Copy)]
struct End {
    written: u64,
    allocated: u64,
    next_read: u64,
}

impl File {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(path).context("create a file")?;
        Ok(Self { file, end: Mutex::default() })
    }

    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut end = self.end.lock();
        let after = end.written + bytes.len() as u64;
        if after > end.allocated {
            let length = PREALLOCATION.max(bytes.len() as u64);
            // A file system that cannot do it ahead does it with the write.
            let _ = fallocate(&self.file, FallocateFlags::KEEP_SIZE, end.allocated, length);
            end.allocated += length;
        }
        self.file.write_all_at(bytes, end.written)?;
        end.written = after;
        Ok(())
    }

    pub(super) fn written(&self) -> u64 {
        self.end.lock().written
    }

    /// Where the next `length` bytes to be read begin: one read after the other, from the start again at the end.
    /// `None` where there are not so many.
    pub(super) fn extent(&self, length: u64) -> Option<u64> {
        let mut end = self.end.lock();
        let last = end.written.checked_sub(length)?;
        let position = if end.next_read > last { 0 } else { end.next_read };
        end.next_read = position + length;
        Some(position)
    }

    pub(super) fn forget(&self) -> io::Result<()> {
        let mut end = self.end.lock();
        ftruncate(&self.file, 0)?;
        *end = End::default();
        Ok(())
    }
}
