//! From files to an image: the snapshot, then every change of the journal.

use super::frame::{self, FileKind, Found, PREAMBLE};
use anyhow::{Context, bail, ensure};
use controller::{ClusterImage, MetadataChange};
use model::MetadataVersion;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) image: ClusterImage,
    /// Where the next frame of the journal goes; `None` when there is no journal.
    pub(super) journal_length: Option<u64>,
    /// Bytes of a write that a crash cut short, at the end of the journal.
    pub(super) torn_bytes: u64,
    /// The snapshot is not what was written; the image comes from the one before.
    pub(super) is_damaged: bool,
}

/// `None` when the folder holds no metadata.
pub(super) fn recover(snapshot: &Path, journal: &Path) -> anyhow::Result<Option<Recovered>> {
    let (snapshot_bytes, journal_bytes) = (read_if_present(snapshot)?, read_if_present(journal)?);
    let Some(snapshot_bytes) = snapshot_bytes else {
        ensure!(
            journal_bytes.is_none(),
            "{} is missing while {} is there: the metadata is incomplete. Restore the folder from a copy",
            snapshot.display(),
            journal.display()
        );
        return Ok(None);
    };
    let read = read_snapshot(&snapshot_bytes);
    let is_damaged = read.is_err();
    let made_again = |error| made_again(&snapshot_bytes, snapshot, journal).with_context(|| format!("{error:#}"));
    let mut image = read.or_else(made_again).with_context(|| format!("read {}", snapshot.display()))?;
    let Some(journal_bytes) = journal_bytes else {
        // The journal is made after the first snapshot and replaced, never removed.
        ensure!(
            image.metadata_version.0 == 0,
            "{} is missing: the changes since version {} are lost. Restore the folder from a copy",
            journal.display(),
            image.metadata_version
        );
        return Ok(Some(Recovered { image, journal_length: None, torn_bytes: 0, is_damaged }));
    };
    let length = replay(&journal_bytes, &mut image, None).with_context(|| format!("read {}", journal.display()))?;
    Ok(Some(Recovered {
        image,
        journal_length: Some(length as u64),
        torn_bytes: (journal_bytes.len() - length) as u64,
        is_damaged,
    }))
}

fn read_if_present(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn read_snapshot(file: &[u8]) -> anyhow::Result<ClusterImage> {
    frame::check_preamble(file, FileKind::Snapshot)?;
    let Found::Frame { version, payload, end } = frame::read(file, PREAMBLE) else {
        bail!("the snapshot is damaged: its checksum does not fit. Restore the folder from a copy");
    };
    let image: ClusterImage = serde_json::from_slice(payload).context("parse the image")?;
    ensure!(
        image.metadata_version == version && end == file.len(),
        "the snapshot is damaged: its header does not fit its content"
    );
    Ok(image)
}

/// Where the generation before is.
pub(super) fn previous(path: &Path) -> PathBuf {
    path.with_extension("previous")
}

/// A damaged snapshot from the one before it, and the changes that led from there to it.
fn made_again(damaged: &[u8], snapshot: &Path, journal: &Path) -> anyhow::Result<ClusterImage> {
    let version = frame::version_at(damaged, PREAMBLE).context("nobody knows of which version it was")?;
    let (snapshot, journal) = (previous(snapshot), previous(journal));
    let (Some(before), Some(changes)) = (read_if_present(&snapshot)?, read_if_present(&journal)?) else {
        bail!("there is none from before");
    };
    let mut image = read_snapshot(&before).with_context(|| format!("read {}", snapshot.display()))?;
    replay(&changes, &mut image, Some(version)).with_context(|| format!("read {}", journal.display()))?;
    ensure!(image.metadata_version == version, "{} ends at version {}", journal.display(), image.metadata_version);
    tracing::error!(%version, "the metadata's snapshot is damaged and was made again from the one before: look after the disk");
    Ok(image)
}

/// Applies what the snapshot does not have yet, up to a version; returns the length of the valid part.
fn replay(file: &[u8], image: &mut ClusterImage, last: Option<MetadataVersion>) -> anyhow::Result<usize> {
    frame::check_preamble(file, FileKind::Journal)?;
    let mut position = PREAMBLE;
    loop {
        match frame::read(file, position) {
            Found::End | Found::Broken { damaged: false } => return Ok(position),
            Found::Broken { damaged: true } => bail!(
                "the journal is damaged at byte {position}, and committed changes follow. \
                 Going on would lose them: restore the folder from a copy"
            ),
            Found::Frame { payload, end, .. } => {
                let changes: Vec<MetadataChange> =
                    serde_json::from_slice(payload).with_context(|| format!("parse the changes at byte {position}"))?;
                let known = image.metadata_version;
                // Beyond the last stands what was written and not committed: its sync failed.
                let is_due = |version| version > known && last.is_none_or(|last| version <= last);
                for change in changes.iter().filter(|change| is_due(change.version)) {
                    image.apply(change).with_context(|| format!("apply the changes at byte {position}"))?;
                }
                position = end;
            }
        }
    }
}
