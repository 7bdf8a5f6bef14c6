//! Clusters that are not known, or whose controllers do not decide. For a moment after an operator began that is so of all of them, and says
//! nothing about any topic: a thousand statuses would turn, and turn back. It is reported of a topic that there was once it has lasted.

use crate::valid_cluster::ClusterKey;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// An operator that takes over decides long before.
const LASTS: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Absences(Mutex<HashMap<ClusterKey, Instant>>);

impl Absences {
    /// How long to wait before it is reported; `None`: it is reported now, or nothing is absent.
    pub(super) fn rest(&self, cluster: &ClusterKey, is_absent: bool) -> Option<Duration> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_absent {
            since.remove(cluster);
            return None;
        }
        let since = *since.entry(cluster.clone()).or_insert_with(Instant::now);
        Some(LASTS.saturating_sub(since.elapsed())).filter(|rest| !rest.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn absence_is_reported_once_it_lasts_and_counts_anew_after_its_end() {
        let absences = Absences::default();
        let [events, other] =
            ["events", "other"].map(|name| ClusterKey { namespace: "shop".to_owned(), name: name.to_owned() });
        assert_eq!(absences.rest(&events, true), Some(LASTS));
        advance(LASTS / 2).await;
        assert_eq!(absences.rest(&events, true), Some(LASTS / 2));
        assert_eq!(absences.rest(&other, true), Some(LASTS), "each by itself");
        advance(LASTS / 2).await;
        assert_eq!(absences.rest(&events, true), None);
        assert_eq!(absences.rest(&events, false), None);
        assert_eq!(absences.rest(&events, true), Some(LASTS));
    }
}
