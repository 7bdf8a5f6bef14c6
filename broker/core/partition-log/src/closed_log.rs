//! What is done to a log that nobody has open.

use crate::{Disk, DiskFile, ManifestEntry, names};
use model::Offset;
use std::io;

/// Brings everything above the entry's recovery point to the device: the entry may then say that its log end is the
/// recovery point. As a [`crate::FlushPlan`], but it opens no log, and nothing may be appended meanwhile.
pub fn flush_closed<D: Disk>(disk: &D, entry: &ManifestEntry) -> io::Result<()> {
    let listed = disk.list(&entry.folder)?;
    let has = |name: &str| listed.iter().any(|file| file.name == name);
    let mut bases: Vec<Offset> = listed.iter().filter_map(|file| names::offset_of(&file.name, names::LOG)).collect();
    bases.sort_unstable();
    let ends = bases.iter().skip(1).copied().chain([entry.log_end]);
    let unflushed = bases.iter().zip(ends).filter(|(_, end)| *end > entry.recovery_point).map(|(base, _)| *base);
    // The oldest last, as everywhere.
    for base in unflushed.collect::<Vec<_>>().into_iter().rev() {
        disk.open(&names::path(&entry.folder, base, names::LOG))?.sync()?;
        if has(&names::file_name(base, names::TRANSACTION_INDEX)) {
            disk.open(&names::path(&entry.folder, base, names::TRANSACTION_INDEX))?.sync()?;
        }
    }
    disk.sync_folder(&entry.folder)
}
