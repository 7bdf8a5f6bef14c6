//! What a Cluster's spec means for its controller.

use crate::valid_cluster::ValidCluster;
use controller::{DefaultReplication, HandBack, Leaving, SessionSettings, Settings};
use std::{str::FromStr, time::Duration};

/// A broker whose connection broke and that is alive has it back within this time; one that was killed is not waited for.
const RECONNECT_GRACE: Duration = Duration::from_millis(200);

/// Kafka's `leader.imbalance.per.broker.percentage`, which is no key of Kafka 4 any more.
const TOLERATED_IMBALANCE: u32 = 10;

/// Kafka's default of `leader.imbalance.check.interval.seconds`.
const HAND_BACK_INTERVAL: Duration = Duration::from_secs(300);

/// Until then clients in Kubernetes may have the address that a pod had before it restarted: so long do its resolvers keep names.
const CLIENTS_FIND_IT: Duration = Duration::from_secs(30);

/// Replicas of internal topics in a cluster that has as many brokers.
const INTERNAL_REPLICATION_FACTOR: i16 = 3;

/// What counts until the brokers have their dynamic default, which follows their number: rather too much is refused.
const MIN_INSYNC_REPLICAS: u32 = 2;

pub fn of(cluster: &ValidCluster) -> Settings {
    let given_min = cluster.topics.min_in_sync_replicas;
    Settings {
        num_partitions: cluster.topics.partitions,
        default_replication: DefaultReplication::Exactly(cluster.topics.replicas(cluster.spec.replicas)),
        min_insync_replicas: given_min.map_or(MIN_INSYNC_REPLICAS, |min| min.unsigned_abs().into()),
        delete_topic_enable: !is_off(cluster, "delete.topic.enable"),
        deletion_undo_window: cluster.deletion_undo_window,
        internal_replication_factor: number(cluster, "offsets.topic.replication.factor")
            .unwrap_or(INTERNAL_REPLICATION_FACTOR),
        sessions: SessionSettings { timeout: cluster.session_timeout, reconnect_grace: RECONNECT_GRACE },
        hand_back: (!is_off(cluster, "auto.leader.rebalance.enable")).then(|| HandBack {
            interval: number(cluster, "leader.imbalance.check.interval.seconds")
                .map_or(HAND_BACK_INTERVAL, |seconds: u64| Duration::from_secs(seconds.max(1))),
            percentage: TOLERATED_IMBALANCE,
            min_here: CLIENTS_FIND_IT,
        }),
        // It changes without a start of its own, and not by the spec alone.
        leaving: Leaving::NOBODY,
    }
}

/// Keys that count where the controller runs. The brokers, which have the same file, check their values.
fn is_off(cluster: &ValidCluster, key: &str) -> bool {
    cluster.spec.config.get(key).is_some_and(|value| value.to_string().eq_ignore_ascii_case("false"))
}

fn number<T: FromStr>(cluster: &ValidCluster, key: &str) -> Option<T> {
    cluster.spec.config.get(key)?.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::valid_cluster::tests::valid;

    #[test]
    fn spec_and_its_config_are_heard() {
        let settings = of(&valid(
            "{replicas: 5, storage: {size: 1Gi}, failover: {sessionTimeout: 6s}, topicDefaults: {partitions: 12},
              config: {delete.topic.enable: 'false', leader.imbalance.check.interval.seconds: 30, offsets.topic.replication.factor: 5}}",
        ));
        assert_eq!(
            (settings.num_partitions, settings.default_replication, settings.min_insync_replicas),
            (12, DefaultReplication::Exactly(3), 2)
        );
        assert_eq!(settings.internal_replication_factor, 5);
        assert_eq!(settings.sessions.timeout, Duration::from_secs(6));
        assert!(!settings.delete_topic_enable);
        assert_eq!(settings.hand_back.map(|hand_back| hand_back.interval), Some(Duration::from_secs(30)));
        let off = of(&valid("{storage: {size: 1Gi}, config: {auto.leader.rebalance.enable: 'false'}}"));
        assert_eq!(off.hand_back, None);
    }

    /// A topic that is made while the first broker is there, and the others are on their way, waits for them.
    #[test]
    fn topics_have_replicas_on_brokers_that_are_wanted() {
        for (brokers, replicas) in [(1, 1), (2, 2), (3, 3), (5, 3)] {
            let with = of(&valid(&format!("{{replicas: {brokers}, storage: {{size: 1Gi}}}}")));
            assert_eq!(with.default_replication, DefaultReplication::Exactly(replicas));
        }
    }
}
