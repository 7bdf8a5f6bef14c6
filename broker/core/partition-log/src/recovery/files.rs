//! The folder of a log: what is there, what is left over from a crash.

use crate::{Disk, StorageError, disk::remove_if_there, errors::During, names};
use model::Offset;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Copy)]
pub(super) struct FoundSegment {
    pub(super) base: Offset,
    pub(super) size: u64,
    pub(super) has_transactions: bool,
}

#[derive(Debug, Default)]
pub(super) struct Files {
    /// By base offset.
    pub(super) segments: Vec<FoundSegment>,
    pub(super) snapshots: BTreeSet<Offset>,
    pub(super) has_partition_metadata: bool,
}

/// Removes what a crash left half done, completes a swap that was decided, and lists the rest.
pub(super) fn tidy<D: Disk>(disk: &D, folder: &str) -> Result<Files, StorageError> {
    let listed = disk.list(folder).during("list the folder")?;
    let mut swaps = BTreeSet::new();
    let mut again = false;
    for file in &listed {
        let worthless =
            [names::DELETED, names::CLEANED, names::TEMPORARY].iter().any(|suffix| file.name.ends_with(suffix));
        if worthless {
            remove_if_there(disk, &format!("{folder}/{}", file.name)).during("remove a leftover file")?;
            again = true;
        }
        if let Some(name) = file.name.strip_suffix(names::SWAP) {
            again = true;
            // The records come last: with them the swap was decided.
            if let Some(base) = names::offset_of(name, names::LOG) {
                swaps.insert(base);
            }
        }
    }
    let listed = if again {
        let names: BTreeSet<String> = listed.into_iter().map(|file| file.name).collect();
        crate::cleaner::complete_swaps(disk, folder, &names, &swaps)?;
        disk.list(folder).during("list the folder")?
    } else {
        listed
    };
    Ok(sort(&listed))
}

fn sort(listed: &[crate::FileEntry]) -> Files {
    let mut files = Files::default();
    let mut segments = BTreeMap::new();
    let mut transactions = BTreeSet::new();
    for file in listed {
        if let Some(base) = names::offset_of(&file.name, names::LOG) {
            segments.insert(base, file.length);
        } else if let Some(offset) = names::offset_of(&file.name, names::SNAPSHOT) {
            files.snapshots.insert(offset);
        } else if let Some(base) = names::offset_of(&file.name, names::TRANSACTION_INDEX) {
            transactions.insert(base);
        } else if file.name == names::PARTITION_METADATA {
            files.has_partition_metadata = true;
        }
    }
    files.segments = segments
        .into_iter()
        .map(|(base, size)| FoundSegment { base, size, has_transactions: transactions.contains(&base) })
        .collect();
    files
}
