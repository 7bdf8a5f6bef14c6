//! From files to an image: the snapshot, then every change of the journal.

use super::frame::{self, FileKind, Found, PREAMBLE};
use anyhow::{Context, bail, ensure};
use controller::{ClusterImage, MetadataChange};
use std::{fs, io, path::Path};

#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) image: ClusterImage,
    /// Where the next frame of the journal goes; `None` when there is no journal.
    pub(super) journal_length: Option<u64>,
    /// Bytes of a write that a crash cut short, at the end of the journal.
    pub(super) torn_bytes: u64,
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
    let mut image = read_snapshot(&snapshot_bytes).with_context(|| format!("read {}", snapshot.display()))?;
    let Some(journal_bytes) = journal_bytes else {
        // The journal is made after the first snapshot and replaced, never removed.
        ensure!(
            image.metadata_version.0 == 0,
            "{} is missing: the changes since version {} are lost. Restore the folder from a copy",
            journal.display(),
            image.metadata_version
        );
        return Ok(Some(Recovered { image, journal_length: None, torn_bytes: 0 }));
    };
    let length = replay(&journal_bytes, &mut image).with_context(|| format!("read {}", journal.display()))?;
    Ok(Some(Recovered {
        image,
        journal_length: Some(length as u64),
        torn_bytes: (journal_bytes.len() - length) as u64,
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

/// Applies what the snapshot does not have yet; returns the length of the valid part.
fn replay(file: &[u8], image: &mut ClusterImage) -> anyhow::Result<usize> {
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
                for change in changes.iter().filter(|change| change.version > known) {
                    image.apply(change).with_context(|| format!("apply the changes at byte {position}"))?;
                }
                position = end;
            }
        }
    }
}
