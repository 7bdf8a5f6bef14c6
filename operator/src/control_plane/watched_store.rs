//! A store that tells when there is no metadata to load, which a running controller would take for a failure that passes.

use control_plane::{Commit, CommitError, LoadError, MetadataStore};
use controller::ClusterImage;
use std::sync::Arc;
use tokio::sync::mpsc;

#[derive(Debug)]
pub struct WatchedStore<S> {
    store: S,
    lost: mpsc::Sender<LoadError>,
}

impl<S> WatchedStore<S> {
    /// What is told is that the metadata is missing or damaged.
    pub fn new(store: S) -> (Self, mpsc::Receiver<LoadError>) {
        let (lost, told) = mpsc::channel(1);
        (Self { store, lost }, told)
    }
}

impl<S: MetadataStore> MetadataStore for WatchedStore<S> {
    async fn load(&mut self) -> Result<Arc<ClusterImage>, LoadError> {
        let loaded = self.store.load().await;
        if let Err(error @ (LoadError::Missing | LoadError::Damaged(_))) = &loaded {
            // Told once is enough.
            let _ = self.lost.try_send(error.clone());
        }
        loaded
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        self.store.commit(commit).await
    }
}
