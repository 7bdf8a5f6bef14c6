//! An open file of the disk in memory.

use super::MemoryDisk;
use crate::DiskFile;
use std::io::{self, IoSlice};

#[derive(Debug, Clone)]
pub struct MemoryFile {
    pub(super) disk: MemoryDisk,
    pub(super) id: usize,
}

impl DiskFile for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        let inner = self.disk.lock();
        inner.alive()?;
        Ok(inner.files[self.id].content.len() as u64)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = self.disk.lock();
        inner.alive()?;
        let content = &inner.files[self.id].content;
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(content.len());
        let length = buffer.len().min(content.len() - start);
        buffer[..length].copy_from_slice(&content[start..start + length]);
        Ok(length)
    }

    fn write_at(&self, position: u64, pieces: &[IoSlice<'_>]) -> io::Result<()> {
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        self.disk.lock().write(self.id, position, bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.lock().truncate(self.id, length)
    }

    fn preallocate(&self, position: u64, length: u64) -> io::Result<()> {
        self.disk.lock().reserve(self.id, position + length)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.lock().sync(self.id)
    }
}
