//! What never happens to a cluster, whatever a scenario does: its controller's epoch goes back, it becomes another cluster, or its
//! metadata contradicts what it was before ([`metadata`]).

mod metadata;

use crate::{Place, epoch};
use anyhow::ensure;
use custom_resources::{Cluster, ClusterMetadataSpec};
use futures_util::StreamExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use tokio::task::JoinHandle;

/// Watches until it is dropped.
#[derive(Debug)]
pub(crate) struct Invariants {
    watching: JoinHandle<()>,
    findings: Arc<Findings>,
}

#[derive(Debug, Default)]
struct Findings {
    broken: Mutex<Vec<String>>,
    /// Metadata that the scenario wrote, in the controller's place.
    by_hand: Mutex<Option<String>>,
    /// Statuses and versions of the metadata that were looked at.
    statuses: AtomicU64,
    versions: AtomicU64,
}

impl Findings {
    fn note(&self, what: String) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn is_by_hand(&self, root: &str) -> bool {
        self.by_hand.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(root)
    }
}

impl Invariants {
    pub(crate) fn watch(place: &Place) -> Self {
        let findings = Arc::<Findings>::default();
        let (place, found) = (place.clone(), Arc::clone(&findings));
        let watching = tokio::spawn(async move {
            tokio::join!(watch_status(&place, &found), metadata::watch(&place, &found));
        });
        Self { watching, findings }
    }

    /// The scenario is about to write this into the root.
    pub(crate) fn excuse(&self, root: &ClusterMetadataSpec) {
        *self.findings.by_hand.lock().unwrap_or_else(PoisonError::into_inner) = Some(root.data.clone());
    }

    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.watching.is_finished(), "the watches of what never happens ended");
        let looked_at = [&self.findings.statuses, &self.findings.versions].map(|count| count.load(Ordering::Relaxed));
        ensure!(!looked_at.contains(&0), "so many statuses and versions of the metadata were looked at: {looked_at:?}");
        let broken = self.findings.broken.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(broken.is_empty(), "what never happens was seen: {broken:?}");
        Ok(())
    }
}

impl Drop for Invariants {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Beside the cluster under load there may be others.
fn of_load() -> watcher::Config {
    watcher::Config::default().fields("metadata.name=events")
}

async fn watch_status(place: &Place, findings: &Findings) {
    let clusters = watcher(place.api::<Cluster>(), of_load()).default_backoff().applied_objects();
    let mut clusters = std::pin::pin!(clusters);
    let (mut highest, mut known) = (None, None);
    while let Some(cluster) = clusters.next().await {
        let Ok(cluster) = cluster else { continue };
        findings.statuses.fetch_add(1, Ordering::Relaxed);
        let epoch = epoch(&cluster);
        if epoch.is_some() && epoch < highest {
            findings.note(format!("the status tells epoch {epoch:?} after {highest:?}"));
        }
        highest = highest.max(epoch);
        let id = cluster.status.and_then(|status| status.cluster_id);
        if id.is_some() && known.is_some() && id != known {
            findings.note(format!("the status tells cluster {id:?} after {known:?}"));
        }
        known = id.or(known);
    }
}
