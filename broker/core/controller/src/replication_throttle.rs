//! The throttle of a reassignment as Kafka's tools set it: which replicas, in two configurations of the topic, and how fast,
//! in two of each broker. And one of our own, for every replica that a reassignment adds: nothing has to be set on topics,
//! and nothing be taken back.

use crate::{
    errors::ConfigError,
    image::{BrokerConfigs, ConfigMap},
    topic_config::parse_list,
};
use model::{BrokerId, PartitionIndex};
use std::collections::BTreeSet;

/// Broker keys that exist at run time only: bytes a second.
pub const LEADER_RATE: &str = "leader.replication.throttled.rate";
pub const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";

/// Of what a reassignment adds, whoever began it: as leader and as follower.
pub const REASSIGNMENT_RATE: &str = "weir.reassignment.throttled.rate";

/// Topic keys.
pub const LEADER_REPLICAS: &str = "leader.replication.throttled.replicas";
pub const FOLLOWER_REPLICAS: &str = "follower.replication.throttled.replicas";

/// The replicas of one topic that a throttle is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThrottledReplicas {
    All,
    Some(BTreeSet<(PartitionIndex, BrokerId)>),
}

impl ThrottledReplicas {
    /// What a topic says under one of the two keys. Such a value was checked when it was set.
    pub fn of(topic: &ConfigMap, key: &str) -> Self {
        let items = || parse_list(topic.get(key).map_or("", String::as_str));
        if items().eq(["*"]) {
            return Self::All;
        }
        let pair = |item: &str| {
            let (partition, broker) = item.split_once(':')?;
            Some((PartitionIndex(partition.parse().ok()?), BrokerId(broker.parse().ok()?)))
        };
        Self::Some(items().filter_map(pair).collect())
    }

    pub fn contains(&self, partition: PartitionIndex, broker: BrokerId) -> bool {
        match self {
            Self::All => true,
            Self::Some(replicas) => replicas.contains(&(partition, broker)),
        }
    }
}

/// Bytes a second under one of the keys; `None`: as fast as it goes.
pub fn rate(configs: &BrokerConfigs, broker: BrokerId, key: &str) -> Option<u64> {
    let set = configs.of(broker).and_then(|own| own.get(key)).or_else(|| configs.cluster.get(key));
    set.and_then(|value| value.trim().parse().ok()).filter(|rate| *rate < i64::MAX.unsigned_abs())
}

/// Other keys are not looked at.
pub(crate) fn validate(configs: &ConfigMap) -> Result<(), ConfigError> {
    let rates =
        [LEADER_RATE, FOLLOWER_RATE, REASSIGNMENT_RATE].into_iter().filter_map(|key| Some((key, configs.get(key)?)));
    for (key, value) in rates {
        if !value.trim().parse::<i64>().is_ok_and(|rate| rate >= 0) {
            return Err(ConfigError::Invalid(format!("{key} is {value}, not a number of bytes a second from 0 on")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, value: &str) -> ConfigMap {
        ConfigMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn throttled_replicas_are_all_those_named_or_none() {
        let throttled = |value: &str| {
            let replicas = ThrottledReplicas::of(&one(LEADER_REPLICAS, value), LEADER_REPLICAS);
            [(0, 1), (0, 2), (1, 1)]
                .map(|(partition, broker)| replicas.contains(PartitionIndex(partition), BrokerId(broker)))
        };
        assert_eq!(throttled("*"), [true; 3]);
        assert_eq!(throttled("0:2, 1:1"), [false, true, true]);
        assert_eq!(throttled(""), [false; 3]);
        let other = ThrottledReplicas::of(&one(LEADER_REPLICAS, "*"), FOLLOWER_REPLICAS);
        assert!(!other.contains(PartitionIndex(0), BrokerId(1)));
    }

    #[test]
    fn rate_of_the_broker_comes_before_that_of_all() {
        let mut configs = BrokerConfigs { cluster: one(LEADER_RATE, "10"), ..BrokerConfigs::default() };
        configs.per_broker.insert(BrokerId(1), one(LEADER_RATE, "20"));
        assert_eq!(rate(&configs, BrokerId(1), LEADER_RATE), Some(20));
        assert_eq!(rate(&configs, BrokerId(2), LEADER_RATE), Some(10));
        assert_eq!(rate(&configs, BrokerId(2), FOLLOWER_RATE), None);
        configs.cluster = one(LEADER_RATE, &i64::MAX.to_string());
        assert_eq!(rate(&configs, BrokerId(2), LEADER_RATE), None, "Kafka's way to say that there is no limit");
    }

    #[test]
    fn rate_is_a_number_from_0_on() {
        for good in ["0", " 1048576 ", "9223372036854775807"] {
            assert_eq!(validate(&one(FOLLOWER_RATE, good)), Ok(()), "{good}");
        }
        for bad in ["-1", "fast", "", "9223372036854775808"] {
            assert!(validate(&one(FOLLOWER_RATE, bad)).is_err(), "{bad}");
            assert!(validate(&one(REASSIGNMENT_RATE, bad)).is_err(), "{bad}");
        }
    }
}
