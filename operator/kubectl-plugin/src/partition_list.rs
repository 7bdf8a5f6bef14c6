//! The partitions of a cluster: pure.

use crate::{
    partition_state::{PartitionState, states},
    table::{ids, render},
};
use controller::{ClusterImage, PartitionImage, TopicImage};
use model::BrokerId;
use serde::Serialize;

#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) topic: Option<String>,
    /// Those with a replica on it.
    pub(crate) broker: Option<i32>,
    pub(crate) unhealthy: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct PartitionList {
    pub(crate) partitions: Vec<PartitionLine>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartitionLine {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) partition_epoch: i32,
    /// The first is the preferred leader.
    pub(crate) replicas: Vec<i32>,
    pub(crate) isr: Vec<i32>,
    pub(crate) eligible_leader_replicas: Vec<i32>,
    pub(crate) adding_replicas: Vec<i32>,
    pub(crate) removing_replicas: Vec<i32>,
    pub(crate) states: Vec<PartitionState>,
}

impl PartitionList {
    pub(crate) fn new(image: &ClusterImage, filter: &Filter) -> Self {
        let of_topic =
            |topic: &&std::sync::Arc<TopicImage>| filter.topic.as_deref().is_none_or(|wanted| *topic.name == *wanted);
        let lines = image.topics.iter().filter(of_topic).flat_map(|topic| {
            topic.indexed_partitions().map(|(index, partition)| line(image, topic, index.0, partition))
        });
        let is_wanted = |line: &PartitionLine| {
            filter.broker.is_none_or(|broker| line.replicas.contains(&broker))
                && (!filter.unhealthy || line.states.iter().any(|state| state.is_problem()))
        };
        Self { partitions: lines.filter(is_wanted).collect() }
    }

    pub(crate) fn text(&self) -> String {
        let row = |line: &PartitionLine| {
            let states: Vec<_> = line.states.iter().map(|state| state.as_str()).collect();
            [
                line.topic.clone(),
                line.partition.to_string(),
                line.leader.map_or_else(|| "none".to_owned(), |leader| leader.to_string()),
                line.leader_epoch.to_string(),
                ids(&line.replicas),
                ids(&line.isr),
                ids(&line.eligible_leader_replicas),
                if states.is_empty() { "-".to_owned() } else { states.join(",") },
            ]
        };
        let heading = ["TOPIC", "PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "ELR", "STATE"];
        render(heading, &self.partitions.iter().map(row).collect::<Vec<_>>())
    }
}

fn line(image: &ClusterImage, topic: &TopicImage, index: i32, partition: &PartitionImage) -> PartitionLine {
    let numbers = |ids: &[BrokerId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
    PartitionLine {
        topic: topic.name.to_string(),
        partition: index,
        leader: partition.leader.map(|id| id.0),
        leader_epoch: partition.leader_epoch.0,
        partition_epoch: partition.partition_epoch.0,
        replicas: numbers(&partition.replicas),
        isr: numbers(&partition.isr),
        eligible_leader_replicas: numbers(&partition.elr),
        adding_replicas: numbers(&partition.adding_replicas),
        removing_replicas: numbers(&partition.removing_replicas),
        states: states(image, topic, partition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::image;

    #[test]
    fn only_what_was_asked_for_is_told() {
        let image = image(3, &[2], &[&[(&[0, 1], &[0, 1]), (&[2], &[2])], &[(&[1, 2], &[1]), (&[1, 0], &[1, 0])]]);
        let told = |filter: Filter| {
            let list = PartitionList::new(&image, &filter);
            list.partitions.into_iter().map(|line| format!("{}-{}", line.topic, line.partition)).collect::<Vec<_>>()
        };
        let all = ["topic-0-0", "topic-0-1", "topic-1-0", "topic-1-1"];
        assert_eq!(told(Filter::default()), all);
        assert_eq!(told(Filter { topic: Some("topic-1".to_owned()), ..Filter::default() }), all[2..]);
        assert_eq!(told(Filter { broker: Some(2), ..Filter::default() }), all[1..3]);
        assert_eq!(told(Filter { unhealthy: true, ..Filter::default() }), all[1..3]);
        let both = Filter { topic: Some("topic-0".to_owned()), broker: Some(0), unhealthy: true };
        assert_eq!(told(both), [""; 0]);
    }

    #[test]
    fn line_tells_who_leads_and_who_is_in_sync() {
        let image = image(3, &[2], &[&[(&[0, 1, 2], &[0, 1]), (&[2], &[2])]]);
        let expected = "\
TOPIC     PARTITION   LEADER   EPOCH   REPLICAS   ISR   ELR   STATE
topic-0   0           0        3       0,1,2      0,1   -     UnderReplicated
topic-0   1           none     3       2          2     -     Offline,UnderMinISR
";
        assert_eq!(PartitionList::new(&image, &Filter::default()).text(), expected);
    }
}
