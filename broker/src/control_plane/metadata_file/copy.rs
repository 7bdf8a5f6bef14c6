//! The same files as a copy that a broker keeps: marked, so that a controller that opens it knows what it begins with.

use super::{ABOUT_COPIES, COPY, Files, JOURNAL, SNAPSHOT, recovery};
use crate::whole_file;
use ::control_plane::{Commit, Published};
use controller::ClusterImage;
use model::MetadataVersion;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What follows the last image is one frame more; anything else is written as a whole.
#[derive(Debug)]
pub(in super::super) struct MetadataCopy {
    folder: PathBuf,
    /// `None` before the first image of this process.
    files: Option<Files>,
}

impl MetadataCopy {
    pub(in super::super) fn in_folder(folder: PathBuf) -> Self {
        Self { folder, files: None }
    }

    pub(in super::super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Of what this process wrote.
    pub(in super::super) fn version(&self) -> Option<MetadataVersion> {
        self.files.as_ref().map(|files| files.committed.metadata_version)
    }

    /// Whether it takes a frame alone.
    pub(in super::super) fn is_followed_by(&self, published: &Published) -> bool {
        let is_next =
            |files: &Files| files.journal.is_some() && expected_by(published) == files.committed.metadata_version;
        !published.changes.is_empty() && self.files.as_ref().is_some_and(is_next)
    }

    /// A killed process leaves what was kept; a machine that stops only what a sync of [`Self::journal`] came after, or what
    /// was written as a whole.
    pub(in super::super) fn keep(&mut self, published: Published) -> io::Result<()> {
        let follows = self.is_followed_by(&published);
        let expected = expected_by(&published);
        let Published { image, changes } = published;
        if let Some(files) = self.files.as_mut().filter(|_| follows) {
            files.append_frame(&Commit { expected, changes, image: Arc::clone(&image) })?;
            files.committed = image;
            files.compact_if_worth_it();
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        whole_file::replace(&self.folder.join(COPY), ABOUT_COPIES.as_bytes())?;
        let mut files = Files { folder: self.folder.clone(), committed: image, journal: None, snapshot_bytes: 0 };
        self.files = None;
        files.rewrite()?;
        self.files = Some(files);
        Ok(())
    }

    pub(in super::super) fn journal(&self) -> Option<io::Result<File>> {
        Some(self.files.as_ref()?.journal.as_ref()?.file.try_clone())
    }
}

fn expected_by(published: &Published) -> MetadataVersion {
    let changes = u64::try_from(published.changes.len()).unwrap_or(u64::MAX);
    MetadataVersion(published.image.metadata_version.0.saturating_sub(changes))
}

/// What [`MetadataCopy::keep`] wrote.
pub(in super::super) fn read_copy(folder: &Path) -> anyhow::Result<Option<ClusterImage>> {
    let recovered = recovery::recover(&folder.join(SNAPSHOT), &folder.join(JOURNAL))?;
    Ok(recovered.map(|recovered| recovered.image))
}
