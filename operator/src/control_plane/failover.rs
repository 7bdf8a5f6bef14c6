//! A broker is lost, and others lead what it led: how many partitions, and how long after it was heard last.

use controller::{ClusterImage, MetadataChange, MetadataRecord, PartitionImage};
use k8s_openapi::jiff::Timestamp;
use model::BrokerId;
use std::time::Duration;

/// Brokers have been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    pub broker: BrokerId,
    /// Partitions that it led and others lead now.
    pub moved: usize,
    /// Partitions that it led and nobody leads now.
    pub offline: usize,
    /// From its last sign of life, or the end of its connection, until others were told.
    pub took: Duration,
    pub at: Timestamp,
}

/// Those of a broker that led nothing are none. `silent_for`: how long a broker has not been heard; `None`: it said farewell.
pub(super) fn failovers(
    before: &ClusterImage,
    after: &ClusterImage,
    fenced: &[BrokerId],
    silent_for: impl Fn(BrokerId) -> Option<Duration>,
) -> Vec<Failover> {
    let of_broker = |broker: &BrokerId| {
        let (moved, offline) = led(before, after, *broker);
        let took = silent_for(*broker).filter(|_| moved + offline > 0)?;
        Some(Failover { broker: *broker, moved, offline, took, at: Timestamp::now() })
    };
    fenced.iter().filter_map(of_broker).collect()
}

/// Brokers that these changes count as lost.
pub(super) fn fenced(changes: &[MetadataChange]) -> Vec<BrokerId> {
    let fenced = |record: &MetadataRecord| match record {
        MetadataRecord::BrokerFenced { id, .. } => Some(*id),
        _ => None,
    };
    changes.iter().flat_map(|change| &change.records).filter_map(fenced).collect()
}

/// Partitions that a broker led, by whether there is another leader.
fn led(before: &ClusterImage, after: &ClusterImage, broker: BrokerId) -> (usize, usize) {
    let (mut moved, mut offline) = (0, 0);
    for topic in before.topics.iter() {
        let now = after.topics.get(&topic.name).filter(|now| now.id == topic.id);
        let partitions: &[PartitionImage] = now.map_or(&[], |now| &now.partitions);
        let pairs = topic.partitions.iter().zip(partitions);
        for (_, now) in pairs.filter(|(was, _)| was.leader == Some(broker)) {
            moved += usize::from(now.leader.is_some_and(|leader| leader != broker));
            offline += usize::from(now.leader.is_none());
        }
    }
    (moved, offline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcilers::cluster::testing::image;

    const ALL: &[i32] = &[0, 1, 2];
    const LOST: BrokerId = BrokerId(0);

    #[test]
    fn partitions_of_a_lost_broker_are_others_or_nobodys() {
        let with = |fenced: &[i32]| image(3, fenced, &[&[(ALL, ALL), (&[1, 2], &[1, 2]), (ALL, &[0])]]);
        let silent = |_| Some(Duration::from_millis(300));
        let found = failovers(&with(&[]), &with(&[0]), &[LOST], silent).remove(0);
        assert_eq!((found.broker, found.moved, found.offline), (LOST, 1, 1));
        assert_eq!(found.took, Duration::from_millis(300));
    }

    #[test]
    fn broker_that_led_nothing_or_said_farewell_is_no_failover() {
        let with = |fenced: &[i32]| image(3, fenced, &[&[(&[1, 2], &[1, 2])]]);
        assert!(failovers(&with(&[]), &with(&[0]), &[LOST], |_| Some(Duration::ZERO)).is_empty());
        let led = |fenced: &[i32]| image(3, fenced, &[&[(ALL, ALL)]]);
        assert!(failovers(&led(&[]), &led(&[0]), &[LOST], |_| None).is_empty());
    }
}
