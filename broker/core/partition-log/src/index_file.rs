//! Index files of sealed segments, Kafka's format, read with positioned reads (no memory map: PERFORMANCE 6.5).
//!
//! ```text
//! .index      ┌──────────────────────┬──────────┐ × n   offset − segment base of a batch's last record, where the
//!             │ relative offset u32  │ pos  u32 │       batch begins; both rise
//!             └──────────────────────┴──────────┘
//! .timeindex  ┌──────────────────────┬──────────┐ × n   largest timestamp so far, last offset of the batch that has it;
//!             │ timestamp i64        │ rel. u32 │       both rise; the last entry is the segment's maximum
//!             └──────────────────────┴──────────┘
//! ```
//! Big-endian. A broker that was killed may leave Kafka's files preallocated with zeros at the end; a zero entry ends the
//! useful part.

use crate::{
    active_index::{OffsetEntry, TimeEntry},
    disk::{Disk, DiskFile, read_whole, write_atomically},
};
use std::io;

pub(crate) const OFFSET_ENTRY: usize = 8;
pub(crate) const TIME_ENTRY: usize = 12;
/// Kafka's largest is 10 MiB; the setting allows more, memory does not.
const LARGEST: u64 = 64 << 20;
/// Entries read at once at the end of a binary search.
const BLOCK: u64 = 512;

fn offset_entry(bytes: &[u8]) -> Option<OffsetEntry> {
    let relative_last_offset = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let position = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
    Some(OffsetEntry { relative_last_offset, position })
}

fn time_entry(bytes: &[u8]) -> Option<TimeEntry> {
    let timestamp = i64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
    let relative_offset = u32::from_be_bytes(bytes.get(8..12)?.try_into().ok()?);
    Some(TimeEntry { timestamp, relative_offset })
}

pub(crate) fn encode_offsets(entries: &[OffsetEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * OFFSET_ENTRY);
    for entry in entries {
        bytes.extend_from_slice(&entry.relative_last_offset.to_be_bytes());
        bytes.extend_from_slice(&entry.position.to_be_bytes());
    }
    bytes
}

pub(crate) fn encode_times(entries: &[TimeEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * TIME_ENTRY);
    for entry in entries {
        bytes.extend_from_slice(&entry.timestamp.to_be_bytes());
        bytes.extend_from_slice(&entry.relative_offset.to_be_bytes());
    }
    bytes
}

/// Both files of a segment that is sealed or closed.
pub(crate) fn write<D: Disk>(
    disk: &D,
    folder: &str,
    names: (&str, &str),
    offsets: &[OffsetEntry],
    times: &[TimeEntry],
    durable: bool,
) -> io::Result<()> {
    write_atomically(disk, folder, names.0, &encode_offsets(offsets), durable)?;
    write_atomically(disk, folder, names.1, &encode_times(times), durable)
}

/// All entries that rise, up to the first that does not.
pub(crate) fn read_offsets<D: Disk>(disk: &D, path: &str) -> io::Result<Vec<OffsetEntry>> {
    let bytes = read_whole(disk, path, LARGEST)?;
    let mut entries: Vec<OffsetEntry> = Vec::with_capacity(bytes.len() / OFFSET_ENTRY);
    for entry in bytes.chunks_exact(OFFSET_ENTRY).filter_map(offset_entry) {
        let rises = entries.last().is_none_or(|last| {
            entry.relative_last_offset > last.relative_last_offset && entry.position > last.position
        });
        if !rises || (entry.position == 0 && entry.relative_last_offset == 0) {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// All entries that rise, up to the first that does not.
pub(crate) fn read_times<D: Disk>(disk: &D, path: &str) -> io::Result<Vec<TimeEntry>> {
    let bytes = read_whole(disk, path, LARGEST)?;
    let mut entries: Vec<TimeEntry> = Vec::with_capacity(bytes.len() / TIME_ENTRY);
    for entry in bytes.chunks_exact(TIME_ENTRY).filter_map(time_entry) {
        let rises = entries
            .last()
            .is_none_or(|last| entry.timestamp > last.timestamp && entry.relative_offset >= last.relative_offset);
        if !rises || (entry.timestamp == 0 && entry.relative_offset == 0) {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The last entry for which `before` holds, where it holds for a prefix of the file. Zero entries count as "not before".
fn last_before<F: DiskFile, E: Copy>(
    file: &F,
    width: usize,
    decode: impl Fn(&[u8]) -> Option<E>,
    before: impl Fn(E) -> bool,
) -> io::Result<Option<E>> {
    let width_bytes = width as u64;
    let (mut low, mut high) = (0, file.length()? / width_bytes);
    let mut found = None;
    let mut one = [0; TIME_ENTRY];
    while high - low > BLOCK {
        let middle = low + (high - low) / 2;
        let buffer = &mut one[..width];
        file.read_at(middle * width_bytes, buffer)?;
        match decode(buffer).filter(|entry| buffer.iter().any(|byte| *byte != 0) && before(*entry)) {
            Some(entry) => (found, low) = (Some(entry), middle + 1),
            None => high = middle,
        }
    }
    let mut block = vec![0; usize::try_from((high - low) * width_bytes).expect("at most one block")];
    let read = file.read_at(low * width_bytes, &mut block)?;
    for bytes in block[..read].chunks_exact(width) {
        match decode(bytes).filter(|entry| bytes.iter().any(|byte| *byte != 0) && before(*entry)) {
            Some(entry) => found = Some(entry),
            None => break,
        }
    }
    Ok(found)
}

/// The last entry at or before this relative offset.
pub(crate) fn floor<D: Disk>(disk: &D, path: &str, relative_offset: u64) -> io::Result<Option<OffsetEntry>> {
    let file = disk.open(path)?;
    last_before(&file, OFFSET_ENTRY, offset_entry, |entry| u64::from(entry.relative_last_offset) <= relative_offset)
}

/// The last entry whose batch begins at or before `position` and ends below the relative offset.
pub(crate) fn boundary<D: Disk>(
    disk: &D,
    path: &str,
    position: u64,
    below_relative: u64,
) -> io::Result<Option<OffsetEntry>> {
    let file = disk.open(path)?;
    last_before(&file, OFFSET_ENTRY, offset_entry, |entry| {
        u64::from(entry.position) <= position && u64::from(entry.relative_last_offset) < below_relative
    })
}

/// The last entry at or before this time.
pub(crate) fn time_floor<D: Disk>(disk: &D, path: &str, target: i64) -> io::Result<Option<TimeEntry>> {
    let file = disk.open(path)?;
    last_before(&file, TIME_ENTRY, time_entry, |entry| entry.timestamp <= target)
}
