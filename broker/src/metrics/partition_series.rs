//! One series per partition and name: only on request, for there may be very many. The names are those of Kafka's own
//! metrics and of kafka-exporter, which reads the same through the client API.

use super::exposition::{Exposition, Kind};
use crate::partitions::{Partition, assignment};
use controller::{ClusterImage, PartitionImage};
use std::sync::Arc;

/// What there is to say about one partition at a time.
struct Seen<'a> {
    partition: &'a Partition,
    image: &'a PartitionImage,
    index: String,
}

pub(super) fn collect(exposition: &mut Exposition, image: &ClusterImage, held: &[Arc<Partition>]) {
    let seen: Vec<Seen<'_>> = held
        .iter()
        .filter_map(|partition| {
            let image = image.partition(partition.id())?;
            Some(Seen { partition, image, index: partition.id().partition.to_string() })
        })
        .collect();
    for (name, help, value) in FAMILIES {
        exposition.family(name, Kind::Gauge, help);
        for seen in &seen {
            let Some(value) = value(seen) else { continue };
            exposition.sample(&[("topic", &seen.partition.id().topic), ("partition", &seen.index)], value as f64);
        }
    }
    exposition.family("kafka_topic_partitions", Kind::Gauge, "Partitions of a topic");
    for topic in image.topics.iter() {
        exposition.sample(&[("topic", &topic.name)], topic.partitions.len() as f64);
    }
}

/// `None` where it is not known.
type Value = fn(&Seen<'_>) -> Option<i64>;

const FAMILIES: &[(&str, &str, Value)] = &[
    ("kafka_log_log_size", "Bytes on disk", |seen| Some(seen.partition.size())),
    (
        "kafka_log_log_retentionsizein_percent",
        "Bytes on disk in percent of retention.bytes, 0 without that limit",
        |seen| Some(seen.size_of_retention_percent()),
    ),
    ("kafka_log_log_numlogsegments", "Segments, while the log is open", |seen| {
        seen.partition.view().map(|view| view.segment_count() as i64)
    }),
    ("kafka_log_log_logstartoffset", "Offset of the oldest record", |seen| Some(seen.partition.offsets().log_start.0)),
    ("kafka_log_log_logendoffset", "Offset of the next record", |seen| Some(seen.partition.offsets().log_end.0)),
    ("kafka_cluster_partition_underreplicated", "Whether a replica is out of sync", |seen| is(seen.out_of_sync())),
    ("kafka_cluster_partition_underminisr", "Whether acks=all is refused", |seen| {
        is(seen.image.isr.len() < seen.min_isr())
    }),
    ("kafka_cluster_partition_atminisr", "Whether no replica may be lost", |seen| {
        is(seen.image.isr.len() == seen.min_isr())
    }),
    ("kafka_cluster_partition_replicascount", "Replicas", |seen| Some(seen.image.replicas.len() as i64)),
    ("kafka_cluster_partition_insyncreplicascount", "Replicas in sync", |seen| Some(seen.in_sync())),
    ("kafka_topic_partition_current_offset", "End of what consumers see", |seen| {
        Some(seen.partition.offsets().high_watermark.0)
    }),
    ("kafka_topic_partition_oldest_offset", "Offset of the oldest record", |seen| {
        Some(seen.partition.offsets().log_start.0)
    }),
    ("kafka_topic_partition_replicas", "Replicas", |seen| Some(seen.image.replicas.len() as i64)),
    ("kafka_topic_partition_in_sync_replica", "Replicas in sync", |seen| Some(seen.in_sync())),
    ("kafka_topic_partition_leader", "Broker that leads, or -1", |seen| {
        Some(seen.image.leader.map_or(-1, |id| id.0.into()))
    }),
    ("kafka_topic_partition_leader_is_preferred", "Whether the preferred replica leads", |seen| {
        is(seen.image.leader.as_ref() == seen.image.replicas.first())
    }),
    ("kafka_topic_partition_under_replicated_partition", "Whether a replica is out of sync", |seen| {
        is(seen.out_of_sync())
    }),
];

/// In-sync replicas without which acks=all is refused.
pub(super) fn effective_min_isr(partition: &Partition, image: &PartitionImage) -> usize {
    assignment(image, &partition.settings()).effective_min_in_sync()
}

fn is(fact: bool) -> Option<i64> {
    Some(i64::from(fact))
}

impl Seen<'_> {
    fn in_sync(&self) -> i64 {
        self.image.isr.len() as i64
    }

    fn min_isr(&self) -> usize {
        effective_min_isr(self.partition, self.image)
    }

    fn size_of_retention_percent(&self) -> i64 {
        let limit = self.partition.settings().retention_bytes.filter(|limit| *limit > 0);
        limit.map_or(0, |limit| (self.partition.size() as f64 * 100.0 / limit as f64) as i64)
    }

    fn out_of_sync(&self) -> bool {
        self.image.isr.len() < self.image.replicas.len()
    }
}
