//! The throttle of replicas that catch up (KIP-73): how many bytes a second they may take here, as leader and as follower.
//! Replicas in sync are never held up: a producer may wait for them.

use crate::metadata_cache::MetadataCache;
use controller::{
    ClusterImage,
    replication_throttle::{FOLLOWER_RATE, FOLLOWER_REPLICAS, LEADER_RATE, LEADER_REPLICAS, ThrottledReplicas, rate},
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
        let Some(rate) = self.rate(side, &image, partition, follower) else { return false };
        let mut bucket = self.bucket(side).lock();
        bucket.fill(rate, now);
        bucket.bytes <= 0.0
    }

    /// These bytes were taken.
    pub(crate) fn took(&self, side: Side, partition: &TopicPartition, follower: BrokerId, bytes: usize) {
        if bytes > 0 && self.rate(side, &self.shared.metadata.current(), partition, follower).is_some() {
            self.bucket(side).lock().bytes -= bytes as f64;
        }
    }

    /// Bytes a second, if the replica is throttled.
    fn rate(&self, side: Side, image: &ClusterImage, partition: &TopicPartition, follower: BrokerId) -> Option<u64> {
        let (rate_key, replicas_key) = match side {
            Side::Leader => (LEADER_RATE, LEADER_REPLICAS),
            Side::Follower => (FOLLOWER_RATE, FOLLOWER_REPLICAS),
        };
        let rate = rate(&image.broker_configs, self.shared.me, rate_key)?;
        let topic = image.topic(&partition.topic)?;
        let throttled = ThrottledReplicas::of(&topic.configs, replicas_key);
        let in_sync = topic.partition(partition.partition)?.isr.contains(&follower);
        (!in_sync && throttled.contains(partition.partition, self.shared.me)).then_some(rate)
    }

    fn bucket(&self, side: Side) -> &Mutex<Bucket> {
        match side {
            Side::Leader => &self.shared.leader,
            Side::Follower => &self.shared.follower,
        }
    }
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
