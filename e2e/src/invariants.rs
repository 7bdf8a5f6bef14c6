//! What never happens to a cluster, whatever a scenario does: its controller's epoch goes back, or it becomes another cluster.

use crate::{Place, epoch};
use anyhow::ensure;
use custom_resources::Cluster;
use futures_util::StreamExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// Watches until it is dropped.
#[derive(Debug)]
pub(crate) struct Invariants {
    watching: JoinHandle<()>,
    broken: Arc<Mutex<Vec<String>>>,
}

impl Invariants {
    pub(crate) fn watch(place: &Place) -> Self {
        let broken = Arc::new(Mutex::new(Vec::new()));
        let watching = tokio::spawn(watch(place.clone(), Arc::clone(&broken)));
        Self { watching, broken }
    }

    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(broken.is_empty(), "the cluster's status told: {broken:?}");
        Ok(())
    }
}

impl Drop for Invariants {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch(place: Place, broken: Arc<Mutex<Vec<String>>>) {
    // Beside it there may be others, which are not under load.
    let of_load = watcher::Config::default().fields("metadata.name=events");
    let clusters = watcher(place.api::<Cluster>(), of_load).default_backoff().applied_objects();
    let mut clusters = std::pin::pin!(clusters);
    let (mut highest, mut known) = (None, None);
    let note = |what: String| broken.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    while let Some(cluster) = clusters.next().await {
        let Ok(cluster) = cluster else { continue };
        let epoch = epoch(&cluster);
        if epoch.is_some() && epoch < highest {
            note(format!("epoch {epoch:?} after {highest:?}"));
        }
        highest = highest.max(epoch);
        let id = cluster.status.and_then(|status| status.cluster_id);
        if id.is_some() && known.is_some() && id != known {
            note(format!("cluster {id:?} after {known:?}"));
        }
        known = id.or(known);
    }
}
