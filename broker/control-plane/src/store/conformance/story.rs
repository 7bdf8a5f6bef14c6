//! Commits of a small cluster's life, in the order in which they come round.

use crate::store::Commit;
use controller::{BrokerRegistration, ClusterImage, ConfigChange, MetadataChange, MetadataRecord, PartitionImage};
use model::{BrokerEpoch, BrokerId, Incarnation, LeaderEpoch, PartitionEpoch, TopicId, TopicName};
use std::sync::Arc;

const BROKERS: i32 = 3;
/// Topics are deleted where there are more.
const TOPICS: usize = 24;
const PARTITIONS: usize = 120;

/// The commit that follows in the life of this cluster. Some need shards, most do not.
pub(super) fn next(image: &ClusterImage) -> Commit {
    let fenced = image.brokers.values().filter(|broker| broker.fenced);
    let records = match fenced.count() {
        _ if image.brokers.is_empty() => {
            (0..BROKERS).map(|id| MetadataRecord::BrokerRegistered(registration(id))).collect()
        }
        2.. => (0..BROKERS).map(|id| unfence(image, id)).collect(),
        _ => records(image, image.metadata_version.next().0),
    };
    commit(image, records)
}

fn commit(image: &ClusterImage, records: Vec<MetadataRecord>) -> Commit {
    let change = MetadataChange { version: image.metadata_version.next(), records };
    let mut after = image.clone();
    after.apply(&change).expect("the records fit the image they were made for");
    Commit { expected: image.metadata_version, changes: vec![change], image: Arc::new(after) }
}

/// A broker is gone that was in every ISR.
pub(super) fn loss_of_a_broker(image: &ClusterImage) -> Commit {
    let broker = image.brokers.values().find(|broker| !broker.fenced).expect("at most one of three is fenced");
    commit(image, vec![MetadataRecord::BrokerFenced { id: broker.id, epoch: broker.epoch }])
}

/// A topic too large for the root.
pub(super) fn large(image: &ClusterImage) -> Commit {
    let records = vec![created(image.metadata_version.next().0, 4 * PARTITIONS)];
    commit(image, records)
}

fn records(image: &ClusterImage, step: u64) -> Vec<MetadataRecord> {
    let topic_at = |place: u64| image.topics.iter().nth(usize::try_from(place).ok()? % image.topics.len().max(1));
    let fenced = image.brokers.values().find(|broker| broker.fenced);
    match (step % 7, topic_at(step / 7)) {
        (1, _) if fenced.is_some() => fenced.map(|broker| unfence(image, broker.id.0)).into_iter().collect(),
        (1, _) => loss_of_a_broker(image).changes.remove(0).records,
        (2, Some(topic)) => {
            let states = topic.indexed_partitions().step_by(3).map(|(partition, state)| {
                let state = PartitionImage { partition_epoch: state.partition_epoch.next(), ..state.clone() };
                MetadataRecord::PartitionChanged { id: topic.id, partition, state }
            });
            states.collect()
        }
        (3, Some(topic)) => {
            let value = Some(format!("{step} \"quoted\"\nand on another line \u{1f30a}"));
            let changes = vec![ConfigChange { name: "a.key".to_owned(), value }];
            vec![MetadataRecord::TopicConfigChanged { id: topic.id, changes }]
        }
        (4, Some(topic)) if image.topics.len() > TOPICS => vec![MetadataRecord::TopicTombstoned { id: topic.id }],
        (5, _) if image.tombstones.len() > 3 => {
            image.tombstones.keys().take(1).map(|id| MetadataRecord::TopicDeleted { id: *id }).collect()
        }
        _ => vec![created(step, PARTITIONS)],
    }
}

fn created(step: u64, partitions: usize) -> MetadataRecord {
    // Spread over all ids, as random ones are.
    let id =
        TopicId(uuid::Uuid::from_u128(u128::from(step.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(step)));
    let replicas: Vec<_> = (0..BROKERS).map(BrokerId).collect();
    let partition = PartitionImage {
        isr: replicas.clone(),
        leader: replicas.first().copied(),
        replicas,
        elr: Vec::new(),
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        recovering: false,
    };
    let name = TopicName::from(format!("topic-{step}").as_str());
    MetadataRecord::TopicCreated { id, name, partitions: vec![partition; partitions] }
}

fn registration(id: i32) -> BrokerRegistration {
    BrokerRegistration {
        id: BrokerId(id),
        epoch: BrokerEpoch(1),
        incarnation: Incarnation::default(),
        log_life: None,
        rack: None,
        endpoints: Vec::new(),
        fenced: true,
        in_controlled_shutdown: false,
    }
}

fn unfence(image: &ClusterImage, id: i32) -> MetadataRecord {
    let epoch = image.brokers.get(&BrokerId(id)).map_or(BrokerEpoch(1), |broker| broker.epoch);
    MetadataRecord::BrokerUnfenced { id: BrokerId(id), epoch }
}
