//! Brokers that are ready only since a moment ago. What leads clients to them follows later: proxies of nodes take a second to learn of
//! an address, resolvers keep the one of before for longer. While there is such a broker no other one restarts, and it is given no leaders,
//! for clients would be sent where they reach nobody. How long that is `minReadySeconds` says.
//!
//! Since when a pod is ready is what this operator has seen. Of pods that it found ready it believes what Kubernetes says: where the clock
//! of a node is wrong, that is a wait too long, by `minReadySeconds`, or too short.

use super::brokers::BrokerPod;
use crate::valid_cluster::ClusterKey;
use k8s_openapi::jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// When pods were first seen ready, by their UIDs.
#[derive(Debug, Default)]
pub struct Settling(Mutex<BTreeMap<ClusterKey, BTreeMap<String, Instant>>>);

/// Those of one cluster, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsettled {
    pub uids: BTreeSet<String>,
    /// Until the next of them is settled.
    pub wait: Option<Duration>,
}

impl Settling {
    pub fn look(
        &self,
        cluster: &ClusterKey,
        pods: &[BrokerPod],
        min_ready: Duration,
        (now, wall): (Instant, Timestamp),
    ) -> Unsettled {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(cluster.clone()).or_insert_with(|| {
            let found = pods.iter().filter(|pod| pod.is_ready);
            found.map(|pod| (pod.uid.clone(), since(pod, min_ready, now, wall))).collect()
        });
        let ready: BTreeSet<_> = pods.iter().filter(|pod| pod.is_ready).map(|pod| &pod.uid).collect();
        known.retain(|uid, _| ready.contains(uid));
        let mut unsettled = Unsettled::default();
        for uid in ready {
            let since = *known.entry(uid.clone()).or_insert(now);
            let left = min_ready.saturating_sub(now.saturating_duration_since(since));
            if !left.is_zero() {
                unsettled.uids.insert(uid.clone());
                unsettled.wait = Some(unsettled.wait.map_or(left, |wait| wait.min(left)));
            }
        }
        unsettled
    }

    pub fn keep_only(&self, is_known: impl Fn(&ClusterKey) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|cluster, _| is_known(cluster));
    }
}

/// Not longer ago than matters.
fn since(pod: &BrokerPod, min_ready: Duration, now: Instant, wall: Timestamp) -> Instant {
    let told = pod.ready_since.and_then(|since| Duration::try_from(wall.duration_since(since)).ok());
    now.checked_sub(told.unwrap_or_default().min(min_ready)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::pod, *};

    const MIN_READY: Duration = Duration::from_secs(5);

    #[test]
    fn pod_is_settled_once_it_was_ready_for_long_enough_without_a_break() {
        let (settling, began) = (Settling::default(), Instant::now());
        let cluster = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
        let look = |seconds, is_ready| {
            let pods = [pod(0, "new", true), pod(1, "new", is_ready)];
            let at = (began + Duration::from_secs(seconds), Timestamp::UNIX_EPOCH);
            let unsettled = settling.look(&cluster, &pods, MIN_READY, at);
            (unsettled.uids.len(), unsettled.wait.map(|wait| wait.as_secs()))
        };
        assert_eq!(look(0, false), (1, Some(5)));
        assert_eq!(look(3, true), (2, Some(2)));
        assert_eq!(look(5, true), (1, Some(3)));
        assert_eq!(look(7, false), (0, None));
        assert_eq!(look(8, true), (1, Some(5)), "it counts anew");
        assert_eq!(look(13, true), (0, None));
        settling.keep_only(|_| false);
        assert_eq!(look(14, true), (2, Some(5)), "of another cluster by the same name");
    }

    #[test]
    fn operator_that_takes_over_believes_what_kubernetes_says() {
        let cluster = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
        let ready_for = |seconds: i64| {
            let wall = Timestamp::from_second(1_000_000).unwrap();
            let since = Timestamp::from_second(1_000_000 - seconds).unwrap();
            let found = BrokerPod { ready_since: Some(since), ..pod(0, "new", true) };
            // It has run for a while itself, or there would be no time before.
            let now = Instant::now() + MIN_READY;
            Settling::default().look(&cluster, &[found], MIN_READY, (now, wall)).wait.map(|wait| wait.as_secs())
        };
        assert_eq!([ready_for(3600), ready_for(5), ready_for(2)], [None, None, Some(3)]);
        assert_eq!(ready_for(-3600), Some(5), "by a clock that is ahead");
    }

    #[test]
    fn nobody_waits_where_the_spec_says_so() {
        let (settling, at) = (Settling::default(), (Instant::now(), Timestamp::UNIX_EPOCH));
        let cluster = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
        let unsettled = settling.look(&cluster, &[pod(0, "new", true)], Duration::ZERO, at);
        assert_eq!(unsettled, Unsettled::default());
    }
}
