//! What controllers do: sessions, elections, failovers, and how large the metadata is. Only the operator that decides knows.

use super::{heading, series};
use crate::{control_plane::Failover, valid_cluster::ClusterKey};
use control_plane::session::Updates;
use controller::ClusterImage;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const SESSIONS: &str = "weir_controller_sessions";
const ELECTIONS: &str = "weir_controller_elections_total";
const FAILOVER: &str = "weir_controller_failover_seconds";
const SHARDS: &str = "weir_controller_metadata_shards";
const BYTES: &str = "weir_controller_metadata_bytes";

/// Name, type and help; each has the labels namespace and cluster.
const FAMILIES: [(&str, &str, &str); 5] = [
    (SESSIONS, "gauge", "Brokers whose session with the controller is open."),
    (ELECTIONS, "counter", "Partitions that were given another leader, for whatever reason."),
    (
        FAILOVER,
        "histogram",
        "From the last sign of life of a broker that led partitions, or the end of its connection, until the others were told who leads instead.",
    ),
    (SHARDS, "gauge", "Objects that hold the metadata, besides the root."),
    (
        BYTES,
        "gauge",
        "Size of the metadata in its objects; by object: the root, the largest shard, all shards together.",
    ),
];

/// Upper bounds in seconds.
const BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

#[derive(Debug, Default)]
pub struct ControllerMetrics(Mutex<BTreeMap<ClusterKey, Arc<OneController>>>);

/// Of one cluster, whichever controllers follow one another for it here.
#[derive(Debug, Default)]
pub struct OneController(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// While one decides.
    updates: Option<Updates>,
    elections: u64,
    failovers: [u64; BUCKETS.len()],
    failover_count: u64,
    failover_time: Duration,
    root_bytes: usize,
    shard_bytes: BTreeMap<String, usize>,
}

impl ControllerMetrics {
    pub fn of(&self, cluster: &ClusterKey) -> Arc<OneController> {
        Arc::clone(self.lock().entry(cluster.clone()).or_default())
    }

    /// Clusters that are no more have no series.
    pub fn keep_only(&self, exists: impl Fn(&ClusterKey) -> bool) {
        self.lock().retain(|cluster, _| exists(cluster));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterKey, Arc<OneController>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn render(&self, text: &mut String) {
        let clusters = self.lock();
        for (family, kind, help) in FAMILIES {
            heading(text, family, kind, help);
            for (cluster, one) in &*clusters {
                for (suffix, label, number) in one.lock().samples(family) {
                    series(text, format_args!("{family}{suffix}"), cluster, &label, number);
                }
            }
        }
    }
}

impl OneController {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn decides(&self, by: Option<Updates>) {
        self.lock().updates = by;
    }

    /// Brokers have just been told.
    pub fn told(&self, before: &ClusterImage, image: &ClusterImage, failovers: &[Failover]) {
        let elections = elections(before, image);
        let mut counts = self.lock();
        counts.elections += elections;
        failovers.iter().for_each(|failover| counts.failed_over(failover.took));
    }

    pub fn root_is(&self, bytes: usize) {
        self.lock().root_bytes = bytes;
    }

    /// `None`: there is no such shard any more.
    pub fn shard_is(&self, shard: String, bytes: Option<usize>) {
        let mut counts = self.lock();
        match bytes {
            Some(bytes) => counts.shard_bytes.insert(shard, bytes),
            None => counts.shard_bytes.remove(&shard),
        };
    }
}

impl Counts {
    fn failed_over(&mut self, after: Duration) {
        self.failover_count += 1;
        self.failover_time += after;
        for (bucket, bound) in self.failovers.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(after.as_secs_f64() <= bound);
        }
    }

    /// What follows the name, labels, and the number.
    fn samples(&self, family: &str) -> Vec<(&'static str, String, String)> {
        let one = |number: String| vec![("", String::new(), number)];
        match family {
            SESSIONS => self.updates.iter().flat_map(|updates| one(updates.sessions().to_string())).collect(),
            ELECTIONS => one(self.elections.to_string()),
            FAILOVER => {
                let bucket = |(bound, count): (f64, &u64)| ("_bucket", format!(",le=\"{bound}\""), count.to_string());
                let count = self.failover_count.to_string();
                let mut samples: Vec<_> = BUCKETS.into_iter().zip(&self.failovers).map(bucket).collect();
                samples.push(("_bucket", ",le=\"+Inf\"".to_owned(), count.clone()));
                samples.push(("_sum", String::new(), self.failover_time.as_secs_f64().to_string()));
                samples.push(("_count", String::new(), count));
                samples
            }
            SHARDS => one(self.shard_bytes.len().to_string()),
            _ => {
                let of = |object, bytes: usize| ("", format!(",object=\"{object}\""), bytes.to_string());
                let largest = self.shard_bytes.values().max().copied().unwrap_or_default();
                vec![
                    of("root", self.root_bytes),
                    of("largest_shard", largest),
                    of("all_shards", self.shard_bytes.values().sum()),
                ]
            }
        }
    }
}

fn elections(before: &ClusterImage, after: &ClusterImage) -> u64 {
    let moved = |topic: &controller::TopicImage| {
        let Some(known) = before.topics.get(&topic.name).filter(|known| known.id == topic.id) else { return 0 };
        let pairs = known.partitions.iter().zip(&topic.partitions);
        pairs.filter(|(was, now)| now.leader.is_some() && was.leader != now.leader).count() as u64
    };
    if Arc::ptr_eq(&before.topics, &after.topics) { 0 } else { after.topics.iter().map(|topic| moved(topic)).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcilers::cluster::testing::image;

    #[test]
    fn leaders_that_changed_are_counted() {
        let all: &[i32] = &[0, 1, 2];
        let with = |fenced: &[i32]| image(3, fenced, &[&[(all, all), (&[1, 2], &[1, 2]), (all, &[0])]]);
        let (before, after) = (with(&[]), with(&[0]));
        assert_eq!(elections(&before, &before.clone()), 0);
        assert_eq!(elections(&before, &after), 1, "nobody is no leader");
    }

    #[test]
    fn series_of_a_controller() {
        let metrics = ControllerMetrics::default();
        let key = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
        let one = metrics.of(&key);
        one.lock().failed_over(Duration::from_millis(300));
        one.lock().failed_over(Duration::from_secs(40));
        one.root_is(100);
        one.shard_is("a".to_owned(), Some(5));
        one.shard_is("b".to_owned(), Some(7));
        one.decides(Some(Updates::new()));
        let mut text = String::new();
        metrics.render(&mut text);
        let labels = "namespace=\"shop\",cluster=\"events\"";
        for line in [
            format!("{SESSIONS}{{{labels}}} 0"),
            format!("{FAILOVER}_bucket{{{labels},le=\"0.25\"}} 0"),
            format!("{FAILOVER}_bucket{{{labels},le=\"0.5\"}} 1"),
            format!("{FAILOVER}_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("{FAILOVER}_sum{{{labels}}} 40.3"),
            format!("{BYTES}{{{labels},object=\"largest_shard\"}} 7"),
            format!("{BYTES}{{{labels},object=\"all_shards\"}} 12"),
            format!("{SHARDS}{{{labels}}} 2"),
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
        one.shard_is("b".to_owned(), None);
        one.decides(None);
        metrics.keep_only(|_| true);
        let mut text = String::new();
        metrics.render(&mut text);
        assert!(!text.contains(&format!("{SESSIONS}{{")), "nobody decides: {text}");
    }
}
