//! Keys of `spec.config` that take effect while brokers run: the controller has them as the default of every broker, as after
//! `kafka-configs --entity-type brokers --entity-default --alter`. The brokers' file is without them, so that nobody restarts.
//!
//! Which of them come from the spec is written on the ConfigMap, before they are set and until they are no more: a key that is
//! taken out of the spec is taken back, and one that a person set with a client is left alone.

use crate::{
    resources::broker_config::{self, DYNAMIC_ANNOTATION},
    valid_cluster::ValidCluster,
};
use controller::{ClusterImage, replication_throttle::REASSIGNMENT_RATE};
use k8s_openapi::api::core::v1::ConfigMap;
use std::collections::{BTreeMap, BTreeSet};

/// Keys with their new values; `None`: the value of before the spec said one.
pub type Changes = BTreeMap<String, Option<String>>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DynamicConfig {
    /// What the ConfigMap is to say.
    pub from_spec: BTreeSet<String>,
    pub changes: Changes,
}

/// `brokers`: all that there are. `there`: the ConfigMap as it is.
pub fn decide(
    cluster: &ValidCluster,
    brokers: i32,
    there: Option<&ConfigMap>,
    image: Option<&ClusterImage>,
) -> DynamicConfig {
    let wanted = broker_config::dynamic(cluster, brokers);
    let named: BTreeSet<String> = there
        .and_then(|map| map.metadata.annotations.as_ref()?.get(DYNAMIC_ANNOTATION))
        .map(|keys| keys.split(',').filter(|key| broker_config::is_dynamic(key)).map(str::to_owned).collect())
        .unwrap_or_default();
    let is_set = |key: &str| image.is_none_or(|image| image.broker_configs.cluster.contains_key(key));
    let (kept, gone): (BTreeSet<_>, BTreeSet<_>) = named.into_iter().partition(|key| wanted.contains_key(&**key));
    let taken_back: BTreeSet<_> = gone.into_iter().filter(|key| is_set(key)).collect();
    let mut changes = Changes::new();
    if let Some(image) = image {
        let known = &image.broker_configs.cluster;
        // Before it may be set, it is named. What cannot be is told of the spec, and what was there stays.
        let may_be_set = |key: &str, value: &str| kept.contains(key) && broker_config::check(key, value).is_ok();
        let differs = wanted.iter().filter(|(key, value)| may_be_set(key, value) && known.get(**key) != Some(value));
        changes.extend(differs.map(|(key, value)| ((*key).to_owned(), Some(value.clone()))));
        changes.extend(taken_back.iter().map(|key| (key.clone(), None)));
        changes.extend(throttle(cluster, image).map(|rate| (REASSIGNMENT_RATE.to_owned(), rate)));
    }
    let from_spec = wanted.into_keys().map(str::to_owned).chain(taken_back).collect();
    DynamicConfig { from_spec, changes }
}

/// Bytes a second of what a move adds, for every broker, where it is another than it is.
fn throttle(cluster: &ValidCluster, image: &ClusterImage) -> Option<Option<String>> {
    let rate = cluster.spec.rebalance.throttle_bytes_per_second;
    let wanted = (rate > 0).then(|| rate.to_string());
    (image.broker_configs.cluster.get(REASSIGNMENT_RATE) != wanted.as_ref()).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::{super::testing, *};
    use crate::{
        resources::config_map,
        valid_cluster::tests::{cluster as resource, defaults, valid},
    };
    use controller::BrokerConfigs;
    use std::sync::Arc;

    const MIN: (&str, &str) = ("min.insync.replicas", "2");

    fn cluster(config: &str) -> ValidCluster {
        valid(&format!("{{storage: {{size: 1Gi}}, rebalance: {{throttleBytesPerSecond: 0}}, config: {config}}}"))
    }

    fn decide(cluster: &ValidCluster, there: Option<&ConfigMap>, image: Option<&ClusterImage>) -> DynamicConfig {
        super::decide(cluster, 3, there, image)
    }

    fn keys(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    /// Where three brokers have the minimum of in-sync replicas that is theirs.
    fn image(set: &[(&str, &str)]) -> ClusterImage {
        let mut image = testing::image(3, &[], &[]);
        let set = set.iter().chain([&MIN]);
        let cluster = set.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        image.broker_configs = Arc::new(BrokerConfigs { cluster, ..BrokerConfigs::default() });
        image
    }

    fn map(cluster: &ValidCluster, keys: &[&str]) -> ConfigMap {
        config_map::build(cluster, &self::keys(keys).into_iter().chain([MIN.0.to_owned()]).collect())
    }

    fn changes(of: &[(&str, Option<&str>)]) -> Changes {
        of.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
    }

    #[test]
    fn key_is_named_first_then_set_and_then_nothing_is_done() {
        let cluster = cluster("{log.retention.ms: 1000, log.retention.hours: 5}");
        let named = decide(&cluster, None, Some(&image(&[])));
        let from_spec = keys(&["log.retention.ms", MIN.0]);
        assert_eq!(named, DynamicConfig { from_spec, changes: Changes::new() });
        let there = map(&cluster, &["log.retention.ms"]);
        let set = decide(&cluster, Some(&there), Some(&image(&[("log.retention.ms", "2000")])));
        assert_eq!(set.changes, changes(&[("log.retention.ms", Some("1000"))]));
        let done = decide(&cluster, Some(&there), Some(&image(&[("log.retention.ms", "1000")])));
        assert_eq!(done, DynamicConfig { from_spec: named.from_spec, changes: Changes::new() });
    }

    #[test]
    fn key_that_left_the_spec_is_taken_back_and_only_then_forgotten() {
        let (before, now) = (cluster("{log.retention.ms: 1000}"), cluster("{}"));
        let there = map(&before, &["log.retention.ms"]);
        let of_others = ("log.segment.bytes", "1048576");
        let set = image(&[("log.retention.ms", "1000"), of_others]);
        let taken_back = decide(&now, Some(&there), Some(&set));
        assert_eq!(taken_back.changes, changes(&[("log.retention.ms", None)]));
        assert_eq!(taken_back.from_spec, keys(&["log.retention.ms", MIN.0]));
        assert_eq!(decide(&now, Some(&there), None).from_spec, taken_back.from_spec, "nobody decides now");
        let forgotten = DynamicConfig { from_spec: keys(&[MIN.0]), changes: Changes::new() };
        assert_eq!(decide(&now, Some(&there), Some(&image(&[of_others]))), forgotten);
    }

    #[test]
    fn minimum_of_in_sync_replicas_is_that_of_as_many_brokers_as_there_are() {
        let cluster = cluster("{}");
        let (there, image) = (map(&cluster, &[]), image(&[]));
        let with = |brokers| super::decide(&cluster, brokers, Some(&there), Some(&image)).changes;
        assert_eq!(with(2), changes(&[(MIN.0, Some("1"))]));
        assert!(with(3).is_empty() && with(9).is_empty());
    }

    #[test]
    fn value_that_cannot_be_changes_nothing() {
        let spec =
            "{storage: {size: 1Gi}, rebalance: {throttleBytesPerSecond: 0}, config: {log.retention.ms: forever}}";
        let cluster = ValidCluster::with_substitutes(&resource(spec), &defaults()).unwrap().0;
        let there = map(&cluster, &["log.retention.ms"]);
        let decided = decide(&cluster, Some(&there), Some(&image(&[("log.retention.ms", "-1")])));
        assert_eq!((decided.changes, decided.from_spec), (Changes::new(), keys(&["log.retention.ms", MIN.0])));
    }

    #[test]
    fn moves_are_throttled_as_the_spec_says() {
        let rate = |spec: &str, image: &ClusterImage| {
            decide(&valid(&format!("{{storage: {{size: 1Gi}}, rebalance: {spec}}}")), None, Some(image)).changes
        };
        let set = image(&[(REASSIGNMENT_RATE, "52428800")]);
        assert!(rate("{}", &set).is_empty());
        assert_eq!(rate("{throttleBytesPerSecond: 1000}", &set), changes(&[(REASSIGNMENT_RATE, Some("1000"))]));
        assert_eq!(rate("{throttleBytesPerSecond: 0}", &set), changes(&[(REASSIGNMENT_RATE, None)]));
    }
}
