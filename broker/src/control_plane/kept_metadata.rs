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

/// Changes of this time after one that was kept are kept together: a copy costs as much as all metadata, not as much as what changed.
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

async fn keep(folder: PathBuf, images: watch::Receiver<Arc<ClusterImage>>, mut stopped: oneshot::Receiver<()>) {
    let mut copy = Copy { folder, images, version: None };
    let mut is_stopping = false;
    while !is_stopping {
        tokio::select! {
            changed = copy.images.changed() => match changed {
                // What comes after quiet is kept at once: it may be an election.
                Ok(()) => {
                    copy.renew().await;
                    is_stopping = tokio::time::timeout(PAUSE, &mut stopped).await.is_ok();
                }
                Err(_) => return,
            },
            _ = &mut stopped => is_stopping = true,
        }
    }
    copy.renew().await;
    if let Some(version) = copy.version {
        tracing::info!(%version, folder = %copy.folder.display(), "copy of the metadata is the newest that is known");
    }
}

struct Copy {
    folder: PathBuf,
    images: watch::Receiver<Arc<ClusterImage>>,
    /// Of what is in the folder.
    version: Option<MetadataVersion>,
}

impl Copy {
    async fn renew(&mut self) {
        let image = Arc::clone(&self.images.borrow_and_update());
        let version = image.metadata_version;
        if version.0 == 0 || self.version == Some(version) {
            return;
        }
        let into = self.folder.clone();
        match tokio::task::spawn_blocking(move || metadata_file::write_copy(into, image)).await {
            Ok(Ok(())) => {
                self.version = Some(version);
                tracing::debug!(%version, "copy of the metadata written");
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, folder = %self.folder.display(), "copy of the metadata could not be written");
            }
            // The runtime ends.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClusterId;

    #[tokio::test(start_paused = true)]
    async fn what_comes_after_quiet_is_kept_at_once_and_the_rest_at_the_end_at_last() {
        let image = |version| {
            let mut image = ClusterImage::empty(ClusterId::from("kept"));
            image.metadata_version = MetadataVersion(version);
            Arc::new(image)
        };
        let data_dir = tempfile::tempdir().unwrap();
        let (images, received) = watch::channel(image(0));
        let known =
            Known { metadata: MetadataCache::new(ClusterId::from("kept")), data_dir: data_dir.path().to_owned() };
        let kept = KeptMetadata::start(data_dir.path(), received);
        let began = tokio::time::Instant::now();
        images.send_replace(image(1));
        while known.kept_version() != MetadataVersion(1) {
            tokio::task::yield_now().await;
        }
        images.send_replace(image(2));
        kept.stop().await;
        assert_eq!(known.kept_version(), MetadataVersion(2));
        assert!(began.elapsed() < PAUSE, "nothing waited for a pause to end");
    }
}
