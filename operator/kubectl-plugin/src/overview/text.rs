//! The page for people.

use super::{BrokerLine, Overview};
use crate::table::{or_none, render};
use std::fmt::Write as _;

impl Overview {
    pub(crate) fn text(&self) -> String {
        let mut page = String::new();
        let verdict = if self.healthy { "healthy" } else { "NOT HEALTHY" };
        // Writing into a string does not fail.
        let _ = writeln!(page, "Cluster {}/{}: {verdict}", self.namespace, self.cluster);
        for problem in &self.problems {
            let _ = writeln!(page, "  ! {problem}");
        }
        for note in &self.notes {
            let _ = writeln!(page, "  - {note}");
        }
        let _ = writeln!(page, "\nCluster id        {}", or_none(self.cluster_id.as_deref()));
        let _ = writeln!(
            page,
            "Controller        {}, epoch {}",
            or_none(self.controller.as_deref()),
            number(self.controller_epoch)
        );
        let _ = writeln!(page, "Metadata version  {}", number(self.metadata_version));
        let _ = writeln!(page, "Up to date        {} of {} brokers", self.rollout.updated, self.rollout.of);
        if let Some(counts) = &self.partitions {
            let _ = writeln!(
                page,
                "Partitions        {} of {} topics; {} offline, {} under min ISR, {} under-replicated, {} reassigning",
                counts.total,
                counts.topics,
                counts.offline,
                counts.under_min_isr,
                counts.under_replicated,
                counts.reassigning
            );
            if counts.deleted_topics > 0 {
                let _ = writeln!(page, "Deleted           {} topics that can be brought back", counts.deleted_topics);
            }
        }
        if !self.brokers.is_empty() {
            page.push('\n');
            page.push_str(&brokers(&self.brokers));
        }
        if !self.unhealthy_partitions.is_empty() {
            let row = |named: &super::NamedPartition| {
                let states: Vec<_> = named.states.iter().map(|state| state.as_str()).collect();
                [named.topic.clone(), named.partition.to_string(), states.join(",")]
            };
            let rows: Vec<_> = self.unhealthy_partitions.iter().map(row).collect();
            page.push('\n');
            page.push_str(&render(["TOPIC", "PARTITION", "STATE"], &rows));
        }
        page
    }
}

fn number(number: Option<impl ToString>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn brokers(brokers: &[BrokerLine]) -> String {
    let row = |broker: &BrokerLine| {
        [
            broker.id.to_string(),
            broker.state.clone(),
            broker.leaders.to_string(),
            broker.preferred.to_string(),
            broker.replicas.to_string(),
            broker.out_of_sync.to_string(),
            number(broker.lag),
            number(broker.epoch),
            or_none(broker.rack.as_deref()),
            or_none(broker.pod.as_deref()),
            or_none(broker.node.as_deref()),
        ]
    };
    let heading =
        ["BROKER", "STATE", "LEADS", "PREFERRED", "REPLICAS", "OUT-OF-SYNC", "LAG", "EPOCH", "RACK", "POD", "NODE"];
    render(heading, &brokers.iter().map(row).collect::<Vec<_>>())
}
