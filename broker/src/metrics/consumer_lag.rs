//! How far consumer groups are behind, under the names and labels of kafka-exporter, which this spares.

use super::{
    CollectSlowly,
    exposition::{Exposition, Kind},
};
use crate::Broker;
use group_coordinator::request::FetchOffsets;
use model::{GroupId, PartitionIndex, TopicName};
use std::{collections::BTreeMap, pin::Pin, sync::Weak};

/// Weak, because the broker owns the metrics that own this.
#[derive(Debug)]
pub(crate) struct ConsumerLag(pub(crate) Weak<Broker>);

#[derive(Debug)]
struct GroupRow {
    group: GroupId,
    members: usize,
    offsets: Vec<OffsetRow>,
}

#[derive(Debug)]
struct OffsetRow {
    topic: TopicName,
    partition: PartitionIndex,
    committed: i64,
    /// `None` where the partition is gone.
    lag: Option<i64>,
}

impl CollectSlowly for ConsumerLag {
    fn collect<'a>(&'a self, exposition: &'a mut Exposition) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let Some(broker) = self.0.upgrade().filter(|broker| broker.config.partition_metrics) else { return };
            // While groups load there is nothing to say yet.
            let Ok(listed) = broker.groups.list().await else { return };
            let mut rows = Vec::new();
            for group in listed {
                rows.extend(read(&broker, group.group).await);
            }
            write(exposition, &rows);
        })
    }
}

/// `None` where the group went away meanwhile.
async fn read(broker: &Broker, group: GroupId) -> Option<GroupRow> {
    let all = FetchOffsets { group: group.clone(), topics: None, require_stable: false };
    let topics = broker.groups.fetch_offsets(all).await.ok()?;
    let members = broker.groups.describe(group.clone()).await.ok()?.members.len();
    let mut offsets = Vec::new();
    for topic in topics {
        for fetched in topic.partitions.iter().filter(|fetched| fetched.offset.0 >= 0) {
            let end =
                broker.partitions.get(&topic.topic, fetched.partition).map(|held| held.offsets().high_watermark.0);
            offsets.push(OffsetRow {
                topic: topic.topic.clone(),
                partition: fetched.partition,
                committed: fetched.offset.0,
                // A consumer may have committed beyond what a deletion of records left.
                lag: end.map(|end| (end - fetched.offset.0).max(0)),
            });
        }
    }
    Some(GroupRow { group, members, offsets })
}

fn write(exposition: &mut Exposition, rows: &[GroupRow]) {
    exposition.family("kafka_consumergroup_members", Kind::Gauge, "Members of a group");
    for row in rows {
        exposition.sample(&[("consumergroup", &row.group)], row.members as f64);
    }
    type Value = fn(&OffsetRow) -> Option<i64>;
    let families: [(&str, &str, Value); 2] = [
        ("kafka_consumergroup_current_offset", "Committed offset", |row| Some(row.committed)),
        ("kafka_consumergroup_lag", "Records between the committed offset and the end", |row| row.lag),
    ];
    for (name, help, value) in families {
        exposition.family(name, Kind::Gauge, help);
        for row in rows {
            for offset in &row.offsets {
                let Some(number) = value(offset) else { continue };
                let partition = offset.partition.to_string();
                let labels = [("consumergroup", &*row.group), ("topic", &*offset.topic), ("partition", &*partition)];
                exposition.sample(&labels, number as f64);
            }
        }
    }
    exposition.family("kafka_consumergroup_lag_sum", Kind::Gauge, "Lag over the partitions of a topic");
    for row in rows {
        let mut sums: BTreeMap<&TopicName, i64> = BTreeMap::new();
        for offset in &row.offsets {
            *sums.entry(&offset.topic).or_default() += offset.lag.unwrap_or(0);
        }
        for (topic, sum) in sums {
            exposition.sample(&[("consumergroup", &row.group), ("topic", topic)], sum as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_shows_its_lag_per_partition_and_topic() {
        let offset = |partition, committed, lag| OffsetRow {
            topic: TopicName::from("orders"),
            partition: PartitionIndex(partition),
            committed,
            lag,
        };
        let offsets = vec![offset(0, 5, Some(3)), offset(1, 7, Some(0)), offset(2, 9, None)];
        let mut exposition = Exposition::new();
        write(&mut exposition, &[GroupRow { group: GroupId::from("billing"), members: 2, offsets }]);
        let page = exposition.finish();
        for line in [
            "kafka_consumergroup_members{consumergroup=\"billing\"} 2\n",
            "kafka_consumergroup_current_offset{consumergroup=\"billing\",topic=\"orders\",partition=\"2\"} 9\n",
            "kafka_consumergroup_lag{consumergroup=\"billing\",topic=\"orders\",partition=\"0\"} 3\n",
            "kafka_consumergroup_lag_sum{consumergroup=\"billing\",topic=\"orders\"} 3\n",
        ] {
            assert!(page.contains(line), "{page}");
        }
        assert!(!page.contains("kafka_consumergroup_lag{consumergroup=\"billing\",topic=\"orders\",partition=\"2\"}"));
    }
}
