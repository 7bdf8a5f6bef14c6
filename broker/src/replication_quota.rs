//! The throttle of replicas that catch up (KIP-73): how many bytes a second they may take here, as leader and as follower.
//! Replicas in sync are never held up: a producer may wait for them.

use crate::metadata_cache::MetadataCache;
use controller::{
    ClusterImage,
    replication_throttle::{
        FOLLOWER_RATE, FOLLOWER_REPLICAS, LEADER_RATE, LEADER_REPLICAS, REASSIGNMENT_RATE, ThrottledReplicas, rate,
    },
};
use model::{BrokerId, MonotonicTime, TopicPartition};
use parking_lot::Mutex;
use std::sync::Arc;

/// Which end of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Leader,
    Follower,
}

/// Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub(crate) struct ReplicationQuota {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    me: BrokerId,
    metadata: MetadataCache,
    leader: Mutex<Bucket>,
    follower: Mutex<Bucket>,
}

/// Holds at most the bytes of a second. May be overdrawn by one answer, which later ones make up for.
#[derive(Debug, Default)]
struct Bucket {
    bytes: f64,
    filled_at: MonotonicTime,
}

impl ReplicationQuota {
    pub(crate) fn new(me: BrokerId, metadata: MetadataCache) -> Self {
        Self { shared: Arc::new(Shared { me, metadata, leader: Mutex::default(), follower: Mutex::default() }) }
    }

    /// Whether `follower` has to wait with this partition. Where nobody throttles anything this is a look at a map.
    pub(crate) fn holds_up(
        &self,
        side: Side,
        partition: &TopicPartition,
        follower: BrokerId,
        now: MonotonicTime,
    ) -> bool {
        let image = self.shared.metadata.current();
        let Some(rate) = bytes_a_second(&image, self.shared.me, side, partition, follower) else { return false };
        let mut bucket = self.bucket(side).lock();
        bucket.fill(rate, now);
        bucket.bytes <= 0.0
    }

    /// These bytes were taken.
    pub(crate) fn took(&self, side: Side, partition: &TopicPartition, follower: BrokerId, bytes: usize) {
        let image = self.shared.metadata.current();
        if bytes > 0 && bytes_a_second(&image, self.shared.me, side, partition, follower).is_some() {
            self.bucket(side).lock().bytes -= bytes as f64;
        }
    }

    fn bucket(&self, side: Side) -> &Mutex<Bucket> {
        match side {
            Side::Leader => &self.shared.leader,
            Side::Follower => &self.shared.follower,
        }
    }
}

/// For a replica that is throttled on the broker `me`.
fn bytes_a_second(
    image: &ClusterImage,
    me: BrokerId,
    side: Side,
    partition: &TopicPartition,
    follower: BrokerId,
) -> Option<u64> {
    let (rate_key, replicas_key) = match side {
        Side::Leader => (LEADER_RATE, LEADER_REPLICAS),
        Side::Follower => (FOLLOWER_RATE, FOLLOWER_REPLICAS),
    };
    let of_named = rate(&image.broker_configs, me, rate_key);
    let of_added = rate(&image.broker_configs, me, REASSIGNMENT_RATE);
    if of_named.is_none() && of_added.is_none() {
        return None;
    }
    let topic = image.topic(&partition.topic)?;
    let state = topic.partition(partition.partition)?;
    if state.isr.contains(&follower) {
        return None;
    }
    let is_named = || ThrottledReplicas::of(&topic.configs, replicas_key).contains(partition.partition, me);
    let rates = [of_named.filter(|_| is_named()), of_added.filter(|_| state.adding_replicas.contains(&follower))];
    rates.into_iter().flatten().min()
}

impl Bucket {
    fn fill(&mut self, rate: u64, now: MonotonicTime) {
        let rate = rate as f64;
        self.bytes = (self.bytes + rate * now.since(self.filled_at).as_secs_f64()).min(rate);
        self.filled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller::{BrokerConfigs, PartitionImage, TopicImage, TopicsImage, image::ConfigMap};
    use model::{ClusterId, LeaderEpoch, PartitionEpoch, TopicId, TopicName};

    fn configs(pairs: &[(&str, &str)]) -> ConfigMap {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// Broker 0 leads, 1 is in sync, 2 was in sync and 3 is being added.
    fn image(of_brokers: &[(&str, &str)], of_topic: &[(&str, &str)]) -> ClusterImage {
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
        let partition = PartitionImage {
            replicas: ids(&[0, 1, 2, 3]),
            isr: ids(&[0, 1]),
            elr: Vec::new(),
            leader: Some(BrokerId(0)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            adding_replicas: ids(&[3]),
            removing_replicas: Vec::new(),
            recovering: false,
        };
        let topic = TopicImage {
            id: TopicId(uuid::Uuid::from_u128(1)),
            name: TopicName::from("t"),
            partitions: vec![partition],
            configs: configs(of_topic),
            raised_to: 0,
        };
        let mut image = ClusterImage::empty(ClusterId::from("test"));
        image.topics = Arc::new(TopicsImage::from(vec![Arc::new(topic)]));
        let cluster = configs(of_brokers);
        image.broker_configs = Arc::new(BrokerConfigs { cluster, ..BrokerConfigs::default() });
        image
    }

    #[test]
    fn reassignment_throttles_what_it_adds_and_nothing_else() {
        let partition = TopicPartition::new("t", 0);
        let rate = |image: &ClusterImage, side, follower: i32| {
            let me = if side == Side::Leader { 0 } else { follower };
            bytes_a_second(image, BrokerId(me), side, &partition, BrokerId(follower))
        };
        let moving = image(&[(REASSIGNMENT_RATE, "100")], &[]);
        for side in [Side::Leader, Side::Follower] {
            assert_eq!([1, 2, 3].map(|follower| rate(&moving, side, follower)), [None, None, Some(100)], "{side:?}");
        }
        let named = [(LEADER_REPLICAS, "0:0"), (FOLLOWER_REPLICAS, "0:2")];
        let both = image(&[(REASSIGNMENT_RATE, "100"), (LEADER_RATE, "50"), (FOLLOWER_RATE, "70")], &named);
        assert_eq!([1, 2, 3].map(|follower| rate(&both, Side::Leader, follower)), [None, Some(50), Some(50)]);
        assert_eq!([1, 2, 3].map(|follower| rate(&both, Side::Follower, follower)), [None, Some(70), Some(100)]);
        assert_eq!(rate(&image(&[], &named), Side::Leader, 3), None);
    }

    #[test]
    fn bucket_gives_a_second_at_once_and_makes_up_for_what_was_too_much() {
        let at = MonotonicTime::from_ms;
        let mut bucket = Bucket::default();
        bucket.fill(1000, at(60_000));
        assert!(bucket.bytes == 1000.0, "a second, however long nothing was taken");
        bucket.bytes -= 3000.0;
        bucket.fill(1000, at(62_000));
        assert!(bucket.bytes <= 0.0);
        bucket.fill(1000, at(62_001));
        assert!(bucket.bytes > 0.0);
    }
}
