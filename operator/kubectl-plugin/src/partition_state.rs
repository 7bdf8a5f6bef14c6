//! What is wrong with a partition, and what is under way.

use controller::{ClusterImage, PartitionImage, TopicImage};
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum PartitionState {
    /// Nobody leads.
    Offline,
    /// acks=all is refused.
    UnderMinISR,
    /// A replica is not in sync.
    UnderReplicated,
    /// Replicas move.
    Reassigning,
    /// An unclean election made the leader, which has not recovered yet.
    Recovering,
}

impl PartitionState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "Offline",
            Self::UnderMinISR => "UnderMinISR",
            Self::UnderReplicated => "UnderReplicated",
            Self::Reassigning => "Reassigning",
            Self::Recovering => "Recovering",
        }
    }

    /// Not one that passes by itself as planned.
    pub(crate) fn is_problem(self) -> bool {
        matches!(self, Self::Offline | Self::UnderMinISR | Self::UnderReplicated)
    }
}

/// The worst first.
pub(crate) fn states(image: &ClusterImage, topic: &TopicImage, partition: &PartitionImage) -> Vec<PartitionState> {
    let out_of_sync = |id: &&model::BrokerId| !partition.isr.contains(id) && !partition.adding_replicas.contains(id);
    [
        (partition.leader.is_none(), PartitionState::Offline),
        (image.is_under_min_isr(topic, partition), PartitionState::UnderMinISR),
        (partition.replicas.iter().any(|id| out_of_sync(&id)), PartitionState::UnderReplicated),
        (partition.is_being_reassigned(), PartitionState::Reassigning),
        (partition.recovering, PartitionState::Recovering),
    ]
    .into_iter()
    .filter_map(|(holds, state)| holds.then_some(state))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{PartitionState::*, *};
    use crate::testing::image;
    use model::BrokerId;

    #[test]
    fn partitions_are_as_clients_and_their_replicas_feel() {
        // Broker 2 is fenced; the minimum is 2.
        let image = image(
            3,
            &[2],
            &[&[
                (&[0, 1, 2], &[0, 1]),
                (&[0, 2], &[0]),
                (&[2, 1], &[2]),
                (&[0, 1], &[0, 1]),
                (&[2, 0], &[2, 0]),
                (&[1], &[1]),
            ]],
        );
        let topic = image.topics.iter().next().unwrap();
        let found: Vec<_> = topic.partitions.iter().map(|partition| states(&image, topic, partition)).collect();
        let expected: [&[PartitionState]; 6] = [
            &[UnderReplicated],
            &[UnderMinISR, UnderReplicated],
            &[Offline, UnderMinISR, UnderReplicated],
            &[],
            &[UnderMinISR],
            &[],
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn replica_that_is_being_added_is_not_missed() {
        let mut image = image(3, &[], &[&[(&[0, 1, 2], &[0, 1])]]);
        let mut topic = controller::TopicImage::clone(image.topics.iter().next().unwrap());
        topic.partitions[0].adding_replicas = vec![BrokerId(2)];
        image.topics = std::sync::Arc::new(vec![std::sync::Arc::new(topic)].into());
        let topic = image.topics.iter().next().unwrap();
        assert_eq!(states(&image, topic, &topic.partitions[0]), [Reassigning]);
    }
}
