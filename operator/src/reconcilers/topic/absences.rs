//! What a cluster is without, mostly only for a moment: it counts once it has lasted.
//!
//! A cluster may be not known, or its controller not decide. For a moment after an operator began that is so of all of them, and says
//! nothing about any topic: a thousand statuses would turn, and turn back. It is reported of a topic that there was once it has lasted.
//! What else may be away: [`super::away`].

use crate::valid_cluster::ClusterKey;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// An operator that takes over decides long before.
pub(super) const LASTS: Duration = Duration::from_secs(10);

/// Of each cluster what is absent, and since when that is the same.
#[derive(Debug, Default)]
pub(super) struct Absences<T = ()>(Mutex<HashMap<ClusterKey, (T, Instant)>>);

impl<T: PartialEq> Absences<T> {
    /// How long to wait before it counts; `None`: it counts now, or nothing is absent.
    pub(super) fn rest(&self, cluster: &ClusterKey, absent: Option<T>) -> Option<Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(absent) = absent else {
            known.remove(cluster);
            return None;
        };
        let since = match known.get(cluster) {
            Some((same, since)) if *same == absent => *since,
            _ => Instant::now(),
        };
        known.insert(cluster.clone(), (absent, since));
        Some(LASTS.saturating_sub(since.elapsed())).filter(|rest| !rest.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn absence_is_reported_once_it_lasts_and_counts_anew_after_its_end() {
        let absences = Absences::<()>::default();
        let [events, other] =
            ["events", "other"].map(|name| ClusterKey { namespace: "shop".to_owned(), name: name.to_owned() });
        assert_eq!(absences.rest(&events, Some(())), Some(LASTS));
        advance(LASTS / 2).await;
        assert_eq!(absences.rest(&events, Some(())), Some(LASTS / 2));
        assert_eq!(absences.rest(&other, Some(())), Some(LASTS), "each by itself");
        advance(LASTS / 2).await;
        assert_eq!(absences.rest(&events, Some(())), None);
        assert_eq!(absences.rest(&events, None), None);
        assert_eq!(absences.rest(&events, Some(())), Some(LASTS));
    }
}
