//! The copy of the cluster's metadata that each broker keeps in the folder `metadata-copy`, in the form of the controller's
//! own folder: a controller that lost its disk starts from a copy of any broker.

use super::metadata_file;
use crate::metadata_cache::MetadataCache;
use ::control_plane::session::client::KnownMetadata;
use controller::ClusterImage;
use model::MetadataVersion;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

const FOLDER: &str = "metadata-copy";

/// Changes of this time are kept together: a copy costs as much as all metadata, not as much as what changed.
const PAUSE: Duration = Duration::from_secs(5);

/// The task that keeps it.
#[derive(Debug)]
pub(super) struct KeptMetadata {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl KeptMetadata {
    pub(super) fn start(data_dir: &Path, images: watch::Receiver<Arc<ClusterImage>>) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(keep(data_dir.join(FOLDER), images, stopped)) }
    }

    /// Keeps the newest, and ends.
    pub(super) async fn stop(self) {
        // A task that ended on its own has dropped its side.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// What this broker knows: what it acts by, or the copy of before it started.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) metadata: MetadataCache,
    pub(super) data_dir: PathBuf,
}

impl Known {
    /// Of the copy; 0 where there is none that can be read.
    pub(super) fn kept_version(&self) -> MetadataVersion {
        self.kept().map_or(MetadataVersion(0), |image| image.metadata_version)
    }

    fn kept(&self) -> Option<ClusterImage> {
        metadata_file::read_copy(&self.data_dir.join(FOLDER)).unwrap_or_else(|error| {
            tracing::warn!(error = %format!("{error:#}"), "the copy of the metadata cannot be read");
            None
        })
    }
}

impl KnownMetadata for Known {
    fn newest(&self) -> Option<Arc<ClusterImage>> {
        let current = self.metadata.current();
        if current.metadata_version > MetadataVersion(0) { Some(current) } else { self.kept().map(Arc::new) }
    }
}

async fn keep(folder: PathBuf, mut images: watch::Receiver<Arc<ClusterImage>>, mut stopped: oneshot::Receiver<()>) {
    let mut kept = None;
    let mut is_stopping = false;
    while !is_stopping {
        tokio::select! {
            changed = images.changed() => match changed {
                Ok(()) => is_stopping = tokio::time::timeout(PAUSE, &mut stopped).await.is_ok(),
                Err(_) => return,
            },
            _ = &mut stopped => is_stopping = true,
        }
        let image = Arc::clone(&images.borrow_and_update());
        let version = image.metadata_version;
        if version.0 == 0 || kept == Some(version) {
            continue;
        }
        let into = folder.clone();
        match tokio::task::spawn_blocking(move || metadata_file::write_copy(into, image)).await {
            Ok(Ok(())) => {
                kept = Some(version);
                tracing::debug!(%version, "copy of the metadata written");
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, folder = %folder.display(), "copy of the metadata could not be written");
            }
            // The runtime ends.
            Err(_) => return,
        }
    }
    if let Some(version) = kept {
        tracing::info!(%version, folder = %folder.display(), "copy of the metadata is the newest that is known");
    }
}
