//! Brokers that do not serve when a topic is to be made. One that is placed without them has none of them for a preferred leader, for good;
//! and in a cluster that was applied with its topics they come a moment later. So it is waited for them, until nobody has come or gone for
//! a while.

use crate::valid_cluster::ClusterKey;
use controller::{ClusterImage, Leaving};
use model::BrokerId;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Away(Mutex<HashMap<ClusterKey, (BTreeSet<BrokerId>, Instant)>>);

impl Away {
    /// How long to wait for those that are to stay and do not serve; `None`: there are none, or they do not seem to come.
    pub(super) fn wait(&self, cluster: &ClusterKey, image: &ClusterImage, leaving: Leaving) -> Option<Duration> {
        let away = away(image, leaving);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if away.is_empty() {
            known.remove(cluster);
            return None;
        }
        let now = Instant::now();
        let since = match known.get(cluster) {
            Some((same, since)) if *same == away => *since,
            _ => now,
        };
        known.insert(cluster.clone(), (away, since));
        Some(PATIENCE.saturating_sub(now - since)).filter(|wait| !wait.is_zero())
    }
}

fn away(image: &ClusterImage, leaving: Leaving) -> BTreeSet<BrokerId> {
    let wanted = (0..leaving.from.map_or(0, |end| end.0)).map(BrokerId);
    wanted.filter(|id| !image.is_usable(*id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcilers::cluster::testing::image;
    use tokio::time::advance;

    const THREE: Leaving = Leaving { from: Some(BrokerId(3)) };

    fn events() -> ClusterKey {
        ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn brokers_of_a_new_cluster_are_waited_for_while_they_come() {
        let (away, cluster) = (Away::default(), events());
        let slow = Duration::from_secs(9);
        for there in [0, 1, 2] {
            assert_eq!(away.wait(&cluster, &image(there, &[], &[]), THREE), Some(PATIENCE));
            advance(slow).await;
            assert_eq!(away.wait(&cluster, &image(there, &[], &[]), THREE), Some(PATIENCE - slow));
        }
        assert_eq!(
            away.wait(&cluster, &image(3, &[2], &[]), THREE),
            Some(PATIENCE - slow),
            "it registered, and does not serve"
        );
        assert_eq!(away.wait(&cluster, &image(3, &[], &[]), THREE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_come_holds_up_topics_once_and_another_one_again() {
        let (away, cluster) = (Away::default(), events());
        assert_eq!(away.wait(&cluster, &image(3, &[2], &[]), THREE), Some(PATIENCE));
        advance(PATIENCE).await;
        assert_eq!(away.wait(&cluster, &image(3, &[2], &[]), THREE), None);
        advance(PATIENCE).await;
        assert_eq!(away.wait(&cluster, &image(3, &[2], &[]), THREE), None);
        assert_eq!(away.wait(&cluster, &image(3, &[1], &[]), THREE), Some(PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_are_to_go_are_not_waited_for() {
        let (away, cluster) = (Away::default(), events());
        let two = Leaving { from: Some(BrokerId(2)) };
        assert_eq!(away.wait(&cluster, &image(3, &[2], &[]), two), None);
        assert_eq!(
            away.wait(&cluster, &image(3, &[2], &[]), Leaving::NOBODY),
            None,
            "nobody says how many there are to be"
        );
    }
}
