//! Files of a partition's folder.

use anyhow::{Context, bail, ensure};
use model::Offset;
use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

const OFFSET_DIGITS: usize = 20;

pub(super) fn name(offset: Offset, suffix: &str) -> String {
    format!("{:0OFFSET_DIGITS$}.{suffix}", offset.0)
}

/// The files with this suffix, by the offset in their names.
pub(super) fn by_offset(folder: &Path, suffix: &str) -> anyhow::Result<Vec<(Offset, PathBuf)>> {
    let mut found = Vec::new();
    for path in with_suffix(folder, suffix)? {
        let Some(offset) = path.file_stem().and_then(offset) else {
            bail!("{}: Kafka names such a file by an offset of {OFFSET_DIGITS} digits", path.display());
        };
        found.push((offset, path));
    }
    found.sort();
    Ok(found)
}

pub(super) fn with_suffix(folder: &Path, suffix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let listing = || format!("list {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        if path.extension().is_some_and(|extension| extension == suffix) {
            found.push(path);
        }
    }
    Ok(found)
}

fn offset(stem: &OsStr) -> Option<Offset> {
    let stem = stem.to_str()?;
    let digits = stem.len() == OFFSET_DIGITS && stem.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| stem.parse().ok().map(Offset))?
}

/// Looked at before it is opened: to open a pipe waits for its writer.
pub(super) fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    let reading = || format!("read {}", path.display());
    let metadata = fs::metadata(path).with_context(reading)?;
    ensure!(metadata.is_file(), "{}: not a regular file", path.display());
    Ok((File::open(path).with_context(reading)?, metadata.len()))
}

pub(super) fn copy(from: &Path, to: &Path, largest: u64) -> anyhow::Result<()> {
    let (mut input, size) = open(from)?;
    ensure!(size <= largest, "{}: {size} bytes, {largest} are the most such a file can have", from.display());
    let copied = File::create(to).and_then(|mut output| {
        io::copy(&mut input, &mut output)?;
        output.sync_all()
    });
    copied.with_context(|| format!("copy {} to {}", from.display(), to.display()))
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("write {}", path.display());
    fs::write(path, bytes).with_context(failed)?;
    File::open(path).and_then(|file| file.sync_all()).with_context(failed)
}
