//! `.txnindex`: the aborted transactions whose marker lies in a segment.
//!
//! ```text
//! ┌─────────────┬─────────────────┬──────────────────┬─────────────────────────┬────────────────────────────┐ × n
//! │ version i16 │ producer id i64 │ first offset i64 │ last offset (marker) i64│ last stable offset then i64│
//! └─────────────┴─────────────────┴──────────────────┴─────────────────────────┴────────────────────────────┘
//! ```
//! Big-endian, in order of the markers.

use crate::disk::{Disk, DiskFile, read_whole};
use model::{Offset, ProducerId};
use std::io::{self, IoSlice};

pub(crate) const ENTRY: usize = 34;
const VERSION: i16 = 0;
/// 64 MiB: two million aborted transactions in one segment.
const LARGEST: u64 = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbortedEntry {
    pub(crate) producer_id: ProducerId,
    pub(crate) first_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) last_stable_offset: Offset,
}

impl AbortedEntry {
    pub(crate) fn encode(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        bytes[2..10].copy_from_slice(&self.producer_id.0.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.first_offset.0.to_be_bytes());
        bytes[18..26].copy_from_slice(&self.last_offset.0.to_be_bytes());
        bytes[26..].copy_from_slice(&self.last_stable_offset.0.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let number =
            |start: usize| -> Option<i64> { Some(i64::from_be_bytes(bytes.get(start..start + 8)?.try_into().ok()?)) };
        if bytes.get(..2)? != VERSION.to_be_bytes() {
            return None;
        }
        Some(Self {
            producer_id: ProducerId(number(2)?),
            first_offset: Offset(number(10)?),
            last_offset: Offset(number(18)?),
            last_stable_offset: Offset(number(26)?),
        })
    }
}

/// Appends entries; a file that is missing is created.
pub(crate) fn append<D: Disk>(disk: &D, path: &str, entries: &[AbortedEntry]) -> io::Result<()> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(path)?,
        file => file?,
    };
    // A torn entry at the end, from a crash in the middle of a write, is overwritten.
    let length = file.length()? / ENTRY as u64 * ENTRY as u64;
    let bytes: Vec<u8> = entries.iter().flat_map(AbortedEntry::encode).collect();
    file.write_at(length, &[IoSlice::new(&bytes)])
}

/// All entries; a torn one at the end is left out. A missing file is an empty one.
pub(crate) fn read<D: Disk>(disk: &D, path: &str) -> io::Result<Vec<AbortedEntry>> {
    match read_whole(disk, path, LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        bytes => Ok(bytes?.chunks_exact(ENTRY).map_while(AbortedEntry::decode).collect()),
    }
}

/// Drops the entries of markers at or after `end`.
pub(crate) fn truncate<D: Disk>(disk: &D, path: &str, end: Offset) -> io::Result<()> {
    let entries = read(disk, path)?;
    let kept = entries.iter().take_while(|entry| entry.last_offset < end).count();
    match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file?.truncate((kept * ENTRY) as u64),
    }
}
