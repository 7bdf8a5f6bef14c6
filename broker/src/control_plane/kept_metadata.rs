//! The copy of the cluster's metadata that each broker keeps in the folder `metadata-copy`, in the form of the controller's
//! own folder: a controller that lost its disk starts from a copy of any broker.
//!
//! What is new is written before it is acted by, so that whoever led by it, and acknowledged, can tell of it whatever
//! happens to the process. It is forced to the disk right after: the time a disk takes is none that a failover has.

use super::metadata_file::{MetadataCopy, read_copy};
use crate::metadata_cache::MetadataCache;
use ::control_plane::{Published, session::client::KnownMetadata};
use controller::ClusterImage;
use model::MetadataVersion;
use parking_lot::Mutex;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{sync::Notify, task::JoinHandle};

const FOLDER: &str = "metadata-copy";

/// What writes it.
#[derive(Debug, Clone)]
pub(super) struct KeptMetadata {
    copy: Arc<Mutex<MetadataCopy>>,
    written: Arc<Notify>,
}

impl KeptMetadata {
    pub(super) fn new(data_dir: &Path) -> Self {
        let copy = MetadataCopy::in_folder(data_dir.join(FOLDER));
        Self { copy: Arc::new(Mutex::new(copy)), written: Arc::default() }
    }

    /// Before it is acted by; `false` where that would wait for as much as all metadata to be written.
    pub(super) async fn keep_change(&self, published: &Published) -> bool {
        if !self.copy.lock().is_followed_by(published) {
            return false;
        }
        self.keep(published.clone()).await;
        true
    }

    /// A broker goes on without its copy: others have one.
    pub(super) async fn keep(&self, published: Published) {
        let copy = Arc::clone(&self.copy);
        let version = published.image.metadata_version;
        let write = tokio::task::spawn_blocking(move || copy.lock().keep(published));
        match write.await {
            Ok(Ok(())) => {
                tracing::debug!(%version, "copy of the metadata written");
                self.written.notify_one();
            }
            Ok(Err(error)) => self.failed(&error),
            // The runtime ends.
            Err(_) => {}
        }
    }

    fn failed(&self, error: &std::io::Error) {
        let copy = self.copy.lock();
        tracing::warn!(%error, folder = %copy.folder().display(), "copy of the metadata could not be written");
    }

    /// Forces to the disk what was written, until it is aborted.
    pub(super) fn start_syncing(&self) -> JoinHandle<()> {
        let kept = self.clone();
        tokio::spawn(async move {
            loop {
                kept.written.notified().await;
                kept.sync().await;
            }
        })
    }

    async fn sync(&self) {
        let copy = Arc::clone(&self.copy);
        let sync = tokio::task::spawn_blocking(move || {
            let journal = copy.lock().journal();
            journal.map_or(Ok(()), |journal| journal?.sync_data())
        });
        if let Ok(Err(error)) = sync.await {
            self.failed(&error);
        }
    }

    /// When nothing new comes any more.
    pub(super) async fn finish(self) {
        self.sync().await;
        let copy = self.copy.lock();
        if let Some(version) = copy.version() {
            tracing::info!(%version, folder = %copy.folder().display(), "copy of the metadata is the newest that is known");
        }
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
        read_copy(&self.data_dir.join(FOLDER)).unwrap_or_else(|error| {
            tracing::warn!(error = %format!("{error:#}"), "the copy of the metadata cannot be read");
            None
        })
    }
}

impl KnownMetadata for Known {
    fn newest(&self) -> Option<Arc<ClusterImage>> {
        let committed = self.metadata.committed();
        if committed.metadata_version > MetadataVersion(0) { Some(committed) } else { self.kept().map(Arc::new) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller::{MetadataChange, MetadataRecord};
    use model::{ClusterId, ControllerEpoch};

    /// Version `version`, of a controller of that epoch.
    fn after(before: &ClusterImage, version: u64) -> Published {
        let record = MetadataRecord::ControllerEpochRaised(ControllerEpoch(version.try_into().unwrap()));
        let change = MetadataChange { version: MetadataVersion(version), records: vec![record] };
        let mut image = before.clone();
        image.apply(&change).unwrap();
        Published { image: Arc::new(image), changes: vec![change] }
    }

    #[tokio::test]
    async fn what_is_acted_by_is_kept_also_by_a_process_that_is_killed_then() {
        let data_dir = tempfile::tempdir().unwrap();
        let (metadata, cluster) = (MetadataCache::new(ClusterId::from("kept")), ClusterId::from("kept"));
        let known = Known { metadata, data_dir: data_dir.path().to_owned() };
        let kept = KeptMetadata::new(data_dir.path());
        let first = after(&ClusterImage::empty(cluster), 1);
        assert!(!kept.keep_change(&first).await, "nothing is there that it could follow");
        kept.keep(Published { changes: Vec::new(), ..first.clone() }).await;
        assert_eq!(known.kept_version(), MetadataVersion(1));
        let second = after(&first.image, 2);
        assert!(kept.keep_change(&second).await);
        assert_eq!(known.kept().as_ref(), Some(&*second.image));
        // One was not seen: the image is written as a whole.
        let fourth = after(&after(&second.image, 3).image, 4);
        assert!(!kept.keep_change(&fourth).await);
        kept.keep(fourth.clone()).await;
        assert_eq!(known.kept().as_ref(), Some(&*fourth.image));
        assert!(kept.keep_change(&after(&fourth.image, 5)).await);
        assert_eq!(known.kept_version(), MetadataVersion(5));
    }

    #[tokio::test]
    async fn copy_that_could_not_be_written_is_written_anew() {
        let data_dir = tempfile::tempdir().unwrap();
        let cluster = ClusterId::from("kept");
        let known = Known { metadata: MetadataCache::new(cluster.clone()), data_dir: data_dir.path().to_owned() };
        let folder = data_dir.path().join(FOLDER);
        std::fs::write(&folder, b"in the way").unwrap();
        let kept = KeptMetadata::new(data_dir.path());
        let first = after(&ClusterImage::empty(cluster), 1);
        kept.keep(first.clone()).await;
        std::fs::remove_file(&folder).unwrap();
        let second = after(&first.image, 2);
        assert!(!kept.keep_change(&second).await);
        kept.keep(second).await;
        assert_eq!(known.kept_version(), MetadataVersion(2));
    }
}
