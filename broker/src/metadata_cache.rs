//! The newest committed metadata as this broker knows it. Readers take a snapshot and never wait.

use arc_swap::ArcSwap;
use controller::ClusterImage;
use model::ClusterId;
use std::sync::Arc;
use tokio::sync::watch;

/// Cheap to clone; all clones show the same image.
///
/// An image appears here after its change is committed and after [`crate::partitions::Partitions::apply`] has made the
/// partitions ready, so whatever a client learns from it is served.
#[derive(Debug, Clone)]
pub(crate) struct MetadataCache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    current: ArcSwap<ClusterImage>,
    changes: watch::Sender<Arc<ClusterImage>>,
}

impl MetadataCache {
    /// Shows a cluster without brokers and topics until the first [`MetadataCache::publish`].
    pub(crate) fn new(cluster_id: ClusterId) -> Self {
        let empty = Arc::new(ClusterImage::empty(cluster_id));
        let changes = watch::Sender::new(Arc::clone(&empty));
        Self { shared: Arc::new(Shared { current: ArcSwap::new(empty), changes }) }
    }

    pub(crate) fn current(&self) -> Arc<ClusterImage> {
        self.shared.current.load_full()
    }

    /// Sees every newest image, not every image: several changes may have come between two looks.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<ClusterImage>> {
        self.shared.changes.subscribe()
    }

    /// Only the host of the control plane calls this.
    pub(crate) fn publish(&self, image: Arc<ClusterImage>) {
        self.shared.current.store(Arc::clone(&image));
        self.shared.changes.send_replace(image);
    }
}
