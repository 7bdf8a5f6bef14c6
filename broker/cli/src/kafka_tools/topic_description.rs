//! The layout of `kafka-topics --describe`.

use super::{
    flags::Given,
    topics::{REPORTS, expect_some, matching},
};
use crate::{
    client::{
        ClientError,
        admin::{Admin, ConfigEntry, ConfigSource, PartitionDescription, Reassignment, TopicDescription},
    },
    output::Out,
};
use model::{BrokerId, TopicName, TopicPartition};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

pub(super) async fn describe(admin: &Admin, given: &Given, out: &mut Out) -> anyhow::Result<()> {
    let names = names(admin, given).await?;
    let topics = admin.describe_topics(&names).await?;
    let configs = admin.topic_configs(&names).await?;
    let reassignments = admin.reassignments().await?;
    let live: BTreeSet<BrokerId> = admin.cluster.brokers().into_keys().collect();
    let view = View { given, configs: &configs, reassignments: &reassignments, live: &live };
    topics.iter().try_for_each(|topic| view.print(topic, out))?;
    Ok(())
}

async fn names(admin: &Admin, given: &Given) -> anyhow::Result<Vec<TopicName>> {
    let Some(id) = given.value("topic-id") else {
        let names = matching(admin, given).await?;
        expect_some(given, &names)?;
        return Ok(names);
    };
    let topics = admin.topics().await?;
    let found: Vec<_> =
        topics.into_iter().filter(|(_, topic)| topic.id.to_string() == id).map(|(name, _)| name).collect();
    if found.is_empty() && !given.has("if-exists") {
        return Err(ClientError::Invalid(format!("TopicId '{id}' does not exist as expected")).into());
    }
    Ok(found)
}

struct View<'a> {
    given: &'a Given,
    configs: &'a BTreeMap<TopicName, Vec<ConfigEntry>>,
    reassignments: &'a BTreeMap<TopicPartition, Reassignment>,
    live: &'a BTreeSet<BrokerId>,
}

impl View<'_> {
    fn print(&self, topic: &TopicDescription, out: &mut Out) -> io::Result<()> {
        let configs = self.configs.get(&topic.name).map_or(&[][..], Vec::as_slice);
        // A report on replicas shows partitions only.
        let whole = !REPORTS.iter().any(|report| self.given.has(report));
        let overridden: Vec<String> = configs
            .iter()
            .filter(|config| config.source != ConfigSource::Default)
            .map(|config| format!("{}={}", config.name, config.value.as_deref().unwrap_or("null")))
            .collect();
        if whole && (!self.given.has("topics-with-overrides") || !overridden.is_empty()) {
            self.print_topic(topic, &overridden.join(","), out)?;
        }
        if self.given.has("topics-with-overrides") {
            return Ok(());
        }
        for partition in &topic.partitions {
            let moving = self.moving(topic, partition);
            if whole || self.is_reported(partition, moving, configs) {
                out.line(&partition_line(&topic.name, partition, moving))?;
            }
        }
        Ok(())
    }

    fn print_topic(&self, topic: &TopicDescription, configs: &str, out: &mut Out) -> io::Result<()> {
        let id = if topic.id.is_zero() { String::new() } else { format!("\tTopicId: {}", topic.id) };
        let factor = topic.partitions.first().map_or(0, |first| replication_factor(first, self.moving(topic, first)));
        let count = topic.partitions.len();
        out.line(&format!(
            "Topic: {}{id}\tPartitionCount: {count}\tReplicationFactor: {factor}\tConfigs: {configs}",
            topic.name
        ))
    }

    fn moving(&self, topic: &TopicDescription, partition: &PartitionDescription) -> Option<&Reassignment> {
        self.reassignments.get(&TopicPartition { topic: topic.name.clone(), partition: partition.index })
    }

    fn is_reported(
        &self,
        partition: &PartitionDescription,
        moving: Option<&Reassignment>,
        configs: &[ConfigEntry],
    ) -> bool {
        let min_isr = configs.iter().find(|config| config.name == "min.insync.replicas");
        let min_isr: usize = min_isr.and_then(|config| config.value.as_deref()?.parse().ok()).unwrap_or(1);
        let in_sync = partition.isr.len();
        let holds = |report: &str| match report {
            "under-replicated-partitions" => replication_factor(partition, moving) > in_sync,
            "unavailable-partitions" => partition.leader.is_none_or(|leader| !self.live.contains(&leader)),
            "under-min-isr-partitions" => partition.leader.is_none() || in_sync < min_isr,
            _ => in_sync == min_isr,
        };
        REPORTS.iter().any(|report| self.given.has(report) && holds(report))
    }
}

/// Replicas that are only being added do not count yet.
fn replication_factor(partition: &PartitionDescription, moving: Option<&Reassignment>) -> usize {
    match moving {
        Some(moving)
            if partition.replicas.iter().any(|id| moving.adding.contains(id) || moving.removing.contains(id)) =>
        {
            moving.replicas.len() - moving.adding.len().min(moving.replicas.len())
        }
        _ => partition.replicas.len(),
    }
}

fn partition_line(topic: &TopicName, partition: &PartitionDescription, moving: Option<&Reassignment>) -> String {
    let list = |ids: &[BrokerId]| ids.iter().map(BrokerId::to_string).collect::<Vec<_>>().join(",");
    let known = |ids: &Option<Vec<BrokerId>>| ids.as_deref().map_or_else(|| "N/A".to_owned(), list);
    let leader = partition.leader.map_or_else(|| "none".to_owned(), |id| id.to_string());
    let moving = moving.map_or_else(String::new, |moving| {
        format!("\tAdding Replicas: {}\tRemoving Replicas: {}", list(&moving.adding), list(&moving.removing))
    });
    format!(
        "\tTopic: {topic}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}{moving}\tElr: {}\tLastKnownElr: {}",
        partition.index,
        list(&partition.replicas),
        list(&partition.isr),
        known(&partition.elr),
        known(&partition.last_known_elr)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PartitionIndex;

    fn partition() -> PartitionDescription {
        PartitionDescription {
            index: PartitionIndex(0),
            leader: Some(BrokerId(1)),
            leader_epoch: 3,
            replicas: vec![BrokerId(1), BrokerId(2)],
            isr: vec![BrokerId(1)],
            elr: Some(Vec::new()),
            last_known_elr: None,
        }
    }

    #[test]
    fn a_partition_is_laid_out_as_by_kafka() {
        let line = partition_line(&"t".into(), &partition(), None);
        assert_eq!(line, "\tTopic: t\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: 1\tElr: \tLastKnownElr: N/A");
    }

    #[test]
    fn replicas_being_added_do_not_count_yet() {
        let moving =
            Reassignment { replicas: vec![BrokerId(1), BrokerId(2)], adding: vec![BrokerId(2)], removing: vec![] };
        assert_eq!(replication_factor(&partition(), Some(&moving)), 1);
        assert!(
            partition_line(&"t".into(), &partition(), Some(&moving))
                .contains("\tAdding Replicas: 2\tRemoving Replicas: \t")
        );
    }
}
