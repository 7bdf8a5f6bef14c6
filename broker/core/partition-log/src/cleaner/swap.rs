//! From cleaned segments to the log, so that a crash at any step leaves the old log or the new one.
//!
//! 1. The new segment is written as `<base>.{index,timeindex,txnindex,log}.cleaned` and synced. Crash: worthless, removed.
//! 2. Its files become `….swap`, the records last. Crash before the records: the swap was not decided, removed.
//! 3. With `<base>.log.swap` there, the swap is decided. The replaced segments get the suffix `.deleted`, then `.swap` is
//!    taken off, the records last. Crash: the next start does this step again.

use crate::disk::{DiskFile, remove_if_there};
use crate::{Disk, StorageError, errors::During, names, scan::HeaderReader};
use model::Offset;
use std::{collections::BTreeSet, io};

/// After a crash: completes decided swaps, removes undecided ones. `listed` are the names in the folder.
pub(crate) fn complete_swaps<D: Disk>(
    disk: &D,
    folder: &str,
    listed: &BTreeSet<String>,
    decided: &BTreeSet<Offset>,
) -> Result<(), StorageError> {
    for name in listed.iter().filter(|name| name.ends_with(names::SWAP)) {
        let base = name.get(..20).and_then(|digits| digits.parse().ok()).map(Offset);
        if !base.is_some_and(|base| decided.contains(&base)) {
            remove(disk, &format!("{folder}/{name}"))?;
        }
    }
    for base in decided {
        let end = end_of_swap(disk, folder, *base)?;
        let replaced = listed.iter().filter_map(|name| names::offset_of(name, names::LOG));
        for old in replaced.filter(|old| *old > *base && *old < end) {
            for suffix in names::SEGMENT_SUFFIXES.into_iter().rev().chain([names::SNAPSHOT]) {
                remove(disk, &names::path(folder, old, suffix))?;
            }
        }
        for suffix in [names::INDEX, names::TIME_INDEX] {
            // Either the new file is still to come, or it cannot be told which one is there: it is built anew.
            remove(disk, &names::path(folder, *base, suffix))?;
        }
        take_in(disk, folder, *base)?;
        disk.sync_folder(folder).during("sync the folder of a swapped segment")?;
    }
    Ok(())
}

/// The offset after the last record of a decided swap.
fn end_of_swap<D: Disk>(disk: &D, folder: &str, base: Offset) -> Result<Offset, StorageError> {
    let path = format!("{}{}", names::path(folder, base, names::LOG), names::SWAP);
    let file = disk.open(&path).during("open a swapped segment")?;
    let size = file.length().during("open a swapped segment")?;
    let mut reader = HeaderReader::new(&file, base, size);
    let (mut position, mut end) = (0, base);
    while let Some(header) = reader.header_at(position)? {
        end = header.next_offset();
        position += header.size_in_bytes() as u64;
    }
    Ok(end)
}

/// Steps 2 and 3 for one segment; `retire` takes the old ones out of use between the decision and the replacement.
pub(crate) fn swap_in<D: Disk, T>(
    disk: &D,
    folder: &str,
    base: Offset,
    retire: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    for suffix in names::SEGMENT_SUFFIXES {
        let path = names::path(folder, base, suffix);
        match disk.rename(&format!("{path}{}", names::CLEANED), &format!("{path}{}", names::SWAP)) {
            // Not every segment has all of them. Without the records nothing is there to swap in.
            Err(error) if error.kind() == io::ErrorKind::NotFound && suffix != names::LOG => {}
            renamed => renamed.during("decide the swap of a cleaned segment")?,
        }
    }
    disk.sync_folder(folder).during("sync the folder of a swapped segment")?;
    let retired = retire()?;
    take_in(disk, folder, base)?;
    Ok(retired)
}

/// Removes the files of a cleaned segment that is not wanted any more.
pub(crate) fn discard<D: Disk>(disk: &D, folder: &str, base: Offset) -> Result<(), StorageError> {
    for suffix in names::SEGMENT_SUFFIXES {
        remove(disk, &format!("{}{}", names::path(folder, base, suffix), names::CLEANED))?;
    }
    Ok(())
}

/// Takes the suffix off, the records last.
fn take_in<D: Disk>(disk: &D, folder: &str, base: Offset) -> Result<(), StorageError> {
    for suffix in names::SEGMENT_SUFFIXES {
        let path = names::path(folder, base, suffix);
        match disk.rename(&format!("{path}{}", names::SWAP), &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.during("swap in a cleaned segment")?,
        }
    }
    Ok(())
}

fn remove<D: Disk>(disk: &D, path: &str) -> Result<(), StorageError> {
    remove_if_there(disk, path).during("remove a replaced segment")
}
