//! The topics of a cluster, or those that were deleted and can be brought back: pure.

use crate::{
    partition_state::{PartitionState, states},
    table::{or_none, render},
};
use controller::{ClusterImage, TopicImage};
use serde::Serialize;
use std::collections::BTreeMap;

/// Resources by the id of their topic, as their status has it: a UUID, which Kafka's tools show in another way.
pub(crate) type Owned = BTreeMap<String, String>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopicList {
    pub(crate) topics: Vec<TopicLine>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopicLine {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) partitions: usize,
    pub(crate) replication_factor: usize,
    pub(crate) min_in_sync_replicas: usize,
    pub(crate) offline: usize,
    pub(crate) under_min_isr: usize,
    pub(crate) under_replicated: usize,
    pub(crate) reassigning: usize,
    pub(crate) internal: bool,
    /// `namespace/name` of its Topic.
    pub(crate) resource: Option<String>,
    /// Only what was set on the topic.
    pub(crate) configs: BTreeMap<String, String>,
}

impl TopicList {
    pub(crate) fn new(image: &ClusterImage, owned: &Owned, deleted: bool) -> Self {
        let line = |topic: &TopicImage| line(image, owned, topic);
        let topics = if deleted {
            image.tombstones.values().map(|tombstone| line(&tombstone.topic)).collect()
        } else {
            image.topics.iter().map(|topic| line(topic)).collect()
        };
        Self { topics }
    }

    pub(crate) fn text(&self) -> String {
        let row = |line: &TopicLine| {
            let configs: Vec<_> = line.configs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            [
                line.name.clone(),
                line.partitions.to_string(),
                line.replication_factor.to_string(),
                line.min_in_sync_replicas.to_string(),
                line.offline.to_string(),
                line.under_min_isr.to_string(),
                line.under_replicated.to_string(),
                or_none(line.resource.as_deref()),
                line.id.clone(),
                or_none(Some(configs.join(",").as_str()).filter(|configs| !configs.is_empty())),
            ]
        };
        let heading = [
            "TOPIC",
            "PARTITIONS",
            "REPLICAS",
            "MIN-ISR",
            "OFFLINE",
            "UNDER-MIN",
            "UNDER-REPL",
            "RESOURCE",
            "ID",
            "CONFIG",
        ];
        render(heading, &self.topics.iter().map(row).collect::<Vec<_>>())
    }
}

fn line(image: &ClusterImage, owned: &Owned, topic: &TopicImage) -> TopicLine {
    let states: Vec<_> = topic.partitions.iter().map(|partition| states(image, topic, partition)).collect();
    let with = |state| states.iter().filter(|states| states.contains(&state)).count();
    TopicLine {
        name: topic.name.to_string(),
        id: topic.id.to_string(),
        partitions: topic.partitions.len(),
        replication_factor: topic.replication_factor(),
        min_in_sync_replicas: image.min_insync_replicas(topic),
        offline: with(PartitionState::Offline),
        under_min_isr: with(PartitionState::UnderMinISR),
        under_replicated: with(PartitionState::UnderReplicated),
        reassigning: with(PartitionState::Reassigning),
        internal: topic.is_internal(),
        resource: owned.get(&topic.id.0.to_string()).cloned(),
        configs: topic.configs.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::image;
    use controller::Tombstone;
    use model::MetadataVersion;
    use std::sync::Arc;

    #[test]
    fn topics_are_told_with_their_resource_and_what_is_wrong() {
        let mut image = image(3, &[2], &[&[(&[0, 2], &[0]), (&[2], &[2])], &[(&[0, 1], &[0, 1])]]);
        let mut with_minimum = TopicImage::clone(image.topic("topic-1").unwrap());
        with_minimum.configs = [("min.insync.replicas".to_owned(), "1".to_owned())].into();
        let first = Arc::clone(image.topic("topic-0").unwrap());
        let (id, uuid) = (first.id.to_string(), first.id.0.to_string());
        image.topics = Arc::new(vec![first, Arc::new(with_minimum)].into());
        let list = TopicList::new(&image, &[(uuid, "data/orders".to_owned())].into(), false);
        let told = &list.topics[0];
        assert_eq!((told.offline, told.under_min_isr, told.under_replicated), (1, 2, 1));
        assert_eq!((&told.id, told.resource.as_deref()), (&id, Some("data/orders")));
        assert_eq!((list.topics[1].min_in_sync_replicas, &list.topics[1].resource), (1, &None));
        let expected = format!(
            "\
TOPIC     PARTITIONS   REPLICAS   MIN-ISR   OFFLINE   UNDER-MIN   UNDER-REPL   RESOURCE      ID                       CONFIG
topic-0   2            2          2         1         2           1            data/orders   {id}   -
topic-1   1            2          1         0         0           0            -             {}   min.insync.replicas=1
",
            list.topics[1].id
        );
        assert_eq!(list.text(), expected);
    }

    #[test]
    fn deleted_topics_are_told_only_where_asked_for() {
        let mut image = image(1, &[], &[&[(&[0], &[0])], &[(&[0], &[0])]]);
        let topics: Vec<_> = image.topics.iter().cloned().collect();
        image.topics = Arc::new(vec![Arc::clone(&topics[0])].into());
        let tombstone = Tombstone { topic: Arc::clone(&topics[1]), deleted_at: MetadataVersion(9) };
        image.tombstones = Arc::new([(topics[1].id, tombstone)].into());
        let names = |deleted| {
            let list = TopicList::new(&image, &Owned::new(), deleted);
            list.topics.into_iter().map(|topic| topic.name).collect::<Vec<_>>()
        };
        assert_eq!((names(false), names(true)), (vec!["topic-0".to_owned()], vec!["topic-1".to_owned()]));
    }
}
