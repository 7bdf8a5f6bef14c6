//! Images and pods for the tables of tests.

use super::brokers::BrokerPod;
use controller::{BrokerRegistration, ClusterImage, PartitionImage, TopicImage};
use model::{BrokerEpoch, BrokerId, ClusterId, Incarnation, LeaderEpoch, PartitionEpoch, TopicId, TopicName};
use std::sync::Arc;

pub(in crate::reconcilers) fn registration(id: i32, fenced: bool) -> BrokerRegistration {
    BrokerRegistration {
        id: BrokerId(id),
        epoch: BrokerEpoch(i64::from(id) + 1),
        incarnation: Incarnation::default(),
        log_life: None,
        rack: Some(format!("zone-{}", id % 3)),
        endpoints: Vec::new(),
        fenced,
        in_controlled_shutdown: false,
    }
}

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

/// Replicas and ISR of a partition.
pub(crate) type Members<'a> = (&'a [i32], &'a [i32]);

/// A cluster of `brokers` brokers, of which `fenced` are, and one topic per list: replicas and ISR of its partitions.
pub(crate) fn image(brokers: i32, fenced: &[i32], topics: &[&[Members<'_>]]) -> ClusterImage {
    let mut image = ClusterImage::empty(ClusterId::from("test"));
    let registrations = (0..brokers).map(|id| (BrokerId(id), registration(id, fenced.contains(&id))));
    image.brokers = Arc::new(registrations.collect());
    image.default_min_insync_replicas = 2;
    let topic = |(number, partitions): (usize, &&[Members<'_>])| {
        let partition = |(replicas, isr): &Members<'_>| PartitionImage {
            replicas: ids(replicas),
            isr: ids(isr),
            elr: Vec::new(),
            leader: isr.iter().copied().map(BrokerId).find(|id| image.is_usable(*id)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            adding_replicas: Vec::new(),
            removing_replicas: Vec::new(),
            recovering: false,
        };
        Arc::new(TopicImage {
            id: TopicId(uuid::Uuid::from_u128(number as u128 + 1)),
            name: TopicName::from(format!("topic-{number}")),
            partitions: partitions.iter().map(partition).collect(),
            configs: [].into(),
            raised_to: 0,
        })
    };
    let topics: Vec<_> = topics.iter().enumerate().map(topic).collect();
    image.topics = Arc::new(topics.into());
    image
}

pub(in crate::reconcilers) fn pod(id: i32, revision: &str, is_ready: bool) -> BrokerPod {
    BrokerPod {
        broker: BrokerId(id),
        name: format!("events-{id}"),
        uid: format!("uid-{id}"),
        version: Some(format!("{id}")),
        revision: Some(revision.to_owned()),
        node: Some(format!("node-{id}")),
        is_ready,
        ready_since: None,
        is_settling: false,
        unschedulable: None,
        is_going: false,
        created: None,
    }
}
