//! A store that tells when there is no metadata to load, or less than there was, which a running controller would take for a
//! failure that passes, or for what another one committed.

use control_plane::{Commit, CommitError, LoadError, MetadataStore, store::SeenRoot};
use controller::ClusterImage;
use model::MetadataVersion;
use std::{fmt, sync::Arc};
use tokio::sync::{mpsc, watch};

/// Hears of every commit: why it failed, if it did.
type Commits = Box<dyn FnMut(Option<String>) + Send>;

pub struct WatchedStore<S, R> {
    store: S,
    /// Of what it is known to have held.
    newest: MetadataVersion,
    seen: watch::Receiver<SeenRoot<R>>,
    lost: mpsc::Sender<LostRoot<R>>,
    commits: Commits,
}

impl<S: fmt::Debug, R> fmt::Debug for WatchedStore<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedStore").field("store", &self.store).field("newest", &self.newest).finish_non_exhaustive()
    }
}

/// What was found in place of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRoot<R> {
    pub error: LoadError,
    /// The root that was read then, if there was one. Later the store may see another, by whoever mended it.
    pub found: Option<R>,
}

impl<S, R> WatchedStore<S, R> {
    /// What is told is that the metadata is missing or damaged, or went back. `seen`: by that store.
    pub fn new(
        store: S,
        seen: watch::Receiver<SeenRoot<R>>,
        commits: impl FnMut(Option<String>) + Send + 'static,
    ) -> (Self, mpsc::Receiver<LostRoot<R>>) {
        let (lost, told) = mpsc::channel(1);
        (Self { store, newest: MetadataVersion(0), seen, lost, commits: Box::new(commits) }, told)
    }
}

impl<S: MetadataStore, R: Clone + Send + Sync + 'static> MetadataStore for WatchedStore<S, R> {
    async fn load(&mut self) -> Result<Arc<ClusterImage>, LoadError> {
        let loaded = self.store.load().await.and_then(|image| {
            let (found, held) = (image.metadata_version, self.newest);
            if found < held {
                return Err(LoadError::Damaged(format!("it went back from version {held} to {found}")));
            }
            Ok(image)
        });
        match &loaded {
            Ok(image) => self.newest = image.metadata_version,
            Err(error @ (LoadError::Missing | LoadError::Damaged(_))) => {
                let found = self.seen.borrow().revision.clone();
                // Told once is enough.
                let _ = self.lost.try_send(LostRoot { error: error.clone(), found });
            }
            Err(LoadError::Failed(_)) => {}
        }
        loaded
    }

    async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        let version = commit.image.metadata_version;
        let committed = self.store.commit(commit).await;
        match &committed {
            Ok(()) => {
                self.newest = version;
                (self.commits)(None);
            }
            // Somebody else's succeeded.
            Err(CommitError::Conflict) => {}
            Err(CommitError::Failed(reason)) => (self.commits)(Some(reason.clone())),
        }
        committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClusterId;

    /// Somebody else puts into it what they like.
    struct Shared(tokio::sync::watch::Receiver<u64>);

    fn image(version: u64) -> Arc<ClusterImage> {
        let metadata_version = MetadataVersion(version);
        Arc::new(ClusterImage { metadata_version, ..ClusterImage::empty(ClusterId::from("test")) })
    }

    impl MetadataStore for Shared {
        async fn load(&mut self) -> Result<Arc<ClusterImage>, LoadError> {
            Ok(image(*self.0.borrow()))
        }

        async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
            let holds = MetadataVersion(*self.0.borrow());
            if commit.expected == holds { Ok(()) } else { Err(CommitError::Conflict) }
        }
    }

    #[tokio::test]
    async fn store_that_was_put_back_under_a_running_controller_is_lost() {
        let (holds, held) = tokio::sync::watch::channel(900);
        let (sees, seen) = watch::channel(SeenRoot { revision: Some(7), loads: 1 });
        let (mut store, mut lost) = WatchedStore::new(Shared(held), seen, drop);
        assert!(store.load().await.is_ok());
        let commit = |from| Commit { expected: MetadataVersion(from), changes: Vec::new(), image: image(from + 1) };
        store.commit(commit(900)).await.expect("nobody else was there");
        holds.send_replace(950);
        assert_eq!(store.commit(commit(901)).await, Err(CommitError::Conflict));
        assert!(store.load().await.is_ok(), "another controller committed");
        assert!(lost.try_recv().is_err());
        holds.send_replace(949);
        assert!(matches!(store.load().await, Err(LoadError::Damaged(_))));
        // By whoever mended it.
        sees.send_modify(|seen| seen.revision = Some(8));
        let told = lost.try_recv();
        assert!(matches!(told, Ok(LostRoot { error: LoadError::Damaged(_), found: Some(7) })), "{told:?}");
    }
}
