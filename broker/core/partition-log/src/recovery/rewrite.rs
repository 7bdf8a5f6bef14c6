//! After a failed sync: what the page cache may hold without the device having it.

use super::Recovery;
use crate::{Disk, DiskFile, OpenError, StorageError, errors::During, scan::HeaderReader, segment::Segment};
use std::{io::IoSlice, sync::Arc};

/// Read and written in pieces of this size.
const BUFFER: usize = 1 << 20;

impl<D: Disk> Recovery<'_, D> {
    /// Writes what follows the recovery point once more, in place, so that the next sync has to take it to the device. Before
    /// the scan: what that finds good is then the very bytes that will be synced.
    pub(super) fn write_anew(&self, segments: &[Arc<Segment<D>>]) -> Result<(), OpenError> {
        let mut buffer = vec![0; BUFFER];
        segments.iter().try_for_each(|segment| {
            self.write_segment_anew(segment, &mut buffer).map_err(|error| self.storage("write a segment anew", error))
        })
    }

    fn write_segment_anew(&self, segment: &Segment<D>, buffer: &mut [u8]) -> Result<(), StorageError> {
        let size = segment.extent().size;
        let file = segment.open(self.disk, self.folder).during("open a segment")?;
        let mut position = self.end_of_flushed(&file, segment, size)?;
        while position < size {
            let wanted = usize::try_from(size - position).unwrap_or(BUFFER).min(BUFFER);
            let read = file.read_at(position, &mut buffer[..wanted]).during("read a segment")?;
            if read == 0 {
                break;
            }
            file.write_at(position, &[IoSlice::new(&buffer[..read])]).during("write a segment anew")?;
            position += read as u64;
        }
        Ok(())
    }

    /// Where the first batch begins that reaches the recovery point, or that cannot be read.
    fn end_of_flushed(&self, file: &D::File, segment: &Segment<D>, size: u64) -> Result<u64, StorageError> {
        let Some(entry) = self.entry else { return Ok(0) };
        let mut reader = HeaderReader::new(file, segment.base_offset, size);
        let mut position = 0;
        loop {
            match reader.header_at(position) {
                Ok(Some(header)) if header.last_offset() < entry.recovery_point => {
                    position += header.size_in_bytes() as u64;
                }
                Ok(_) | Err(StorageError::Corrupt(_)) => return Ok(position),
                Err(error) => return Err(error),
            }
        }
    }
}
