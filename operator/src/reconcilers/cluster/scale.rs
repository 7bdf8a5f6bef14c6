//! How many pods there are to be, and what moves before there are fewer.
//!
//! A pod goes only when no replica is on its broker: until then the StatefulSet stays as large as it is. Scaling back up
//! cancels: what moved stays where it is.

use crate::reconcilers::replicas::Places;
use controller::{ClusterImage, PartitionImage};
use model::{BrokerId, TopicPartition};

/// Partitions on the move at once. Each copies a log; all at once would be felt by clients.
pub(super) const MOVES_AT_ONCE: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// Of the StatefulSet.
    pub replicas: i32,
    /// Why these are more than the spec says.
    pub held: Option<String>,
    /// Replicas to move off brokers that are to go.
    pub moves: Vec<(TopicPartition, Vec<BrokerId>)>,
    /// Brokers that are gone for good.
    pub forgotten: Vec<BrokerId>,
}

/// `current`: pods that the StatefulSet is to have now; `None` where there is none yet.
pub fn decide(wanted: i32, current: Option<i32>, image: Option<&ClusterImage>) -> Scale {
    let current = current.unwrap_or(wanted);
    let shrinks = wanted < current;
    let Some(image) = image else {
        let held = shrinks.then(|| "the controller of the cluster does not decide".to_owned());
        return Scale { replicas: current.max(wanted), held, moves: Vec::new(), forgotten: Vec::new() };
    };
    let forgotten = forgotten(image, current.min(wanted));
    let at = |replicas, held: Option<String>, moves| Scale { replicas, held, moves, forgotten: forgotten.clone() };
    let all = || image.topics.iter().flat_map(|topic| &topic.partitions);
    let remaining: usize = all().map(|partition| partition.replicas.iter().filter(|id| id.0 >= wanted).count()).sum();
    // Also after the pod went: a topic may have been placed there in the last moment.
    if remaining == 0 {
        return at(wanted, None, Vec::new());
    }
    let staying = usize::try_from(wanted).unwrap_or(0);
    if let Some(topic) = image.topics.iter().find(|topic| topic.replication_factor() > staying) {
        let (name, replicas) = (&topic.name, topic.replication_factor());
        let held = format!("topic {name} has {replicas} replicas, more than the {wanted} brokers that would be left");
        return at(current.max(wanted), Some(held), Vec::new());
    }
    let held = Some(format!("{remaining} replicas to move off the brokers that are to go"));
    at(current.max(wanted), held, moves(image, wanted))
}

/// Registered, gone, and without replicas.
fn forgotten(image: &ClusterImage, brokers: i32) -> Vec<BrokerId> {
    let holds = |id: BrokerId| {
        let tombstones = image.tombstones.values().map(|tombstone| &tombstone.topic);
        let mut partitions = image.topics.iter().chain(tombstones).flat_map(|topic| &topic.partitions);
        partitions.any(|partition| partition.replicas.contains(&id))
    };
    let gone = image.brokers.values().filter(|broker| broker.id.0 >= brokers && broker.fenced);
    gone.map(|broker| broker.id).filter(|id| !holds(*id)).collect()
}

fn moves(image: &ClusterImage, wanted: i32) -> Vec<(TopicPartition, Vec<BrokerId>)> {
    let mut places = Places::new(image, |id| id.0 < wanted);
    let mut moving = image.topics.iter().flat_map(|t| &t.partitions).filter(|p| p.is_being_reassigned()).count();
    let mut moves = Vec::new();
    for topic in image.topics.iter() {
        for (index, partition) in topic.indexed_partitions() {
            let leaves = partition.replicas.iter().any(|id| id.0 >= wanted);
            if !leaves || partition.is_being_reassigned() {
                continue;
            }
            if moving >= MOVES_AT_ONCE {
                return moves;
            }
            if let Some(replicas) = without_leaving(partition, wanted, &mut places) {
                moves.push((TopicPartition { topic: topic.name.clone(), partition: index }, replicas));
                moving += 1;
            }
        }
    }
    moves
}

/// The replicas with each leaving one replaced in its place, which keeps who is preferred.
fn without_leaving(partition: &PartitionImage, wanted: i32, places: &mut Places<'_>) -> Option<Vec<BrokerId>> {
    let mut replicas = partition.replicas.clone();
    for place in 0..replicas.len() {
        if replicas[place].0 >= wanted {
            let others: Vec<_> = replicas.iter().copied().filter(|id| id.0 < wanted).collect();
            replicas[place] = places.take(&others)?;
        }
    }
    Some(replicas)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::image, *};

    fn numbers(scale: &Scale) -> Vec<Vec<i32>> {
        scale.moves.iter().map(|(_, replicas)| replicas.iter().map(|id| id.0).collect()).collect()
    }

    #[test]
    fn more_brokers_are_there_at_once() {
        let scale = decide(5, Some(3), None);
        assert_eq!((scale.replicas, scale.held), (5, None));
        assert_eq!(decide(3, None, None).replicas, 3);
    }

    #[test]
    fn broker_goes_once_nothing_is_on_it() {
        let full = image(4, &[], &[&[(&[3, 0, 1], &[3, 0, 1]), (&[0, 1, 2], &[0, 1, 2])]]);
        let scale = decide(3, Some(4), Some(&full));
        assert_eq!(scale.replicas, 4);
        assert_eq!(scale.held.as_deref(), Some("1 replicas to move off the brokers that are to go"));
        assert_eq!(numbers(&scale), [[2, 0, 1]]);
        let empty = image(4, &[], &[&[(&[2, 0, 1], &[2, 0, 1])]]);
        assert_eq!(
            decide(3, Some(4), Some(&empty)),
            Scale { replicas: 3, held: None, moves: vec![], forgotten: vec![] }
        );
    }

    #[test]
    fn replicas_move_to_racks_that_a_partition_lacks() {
        // Brokers 0 and 3 are in zone-0, 1 and 4 in zone-1, 2 in zone-2; broker 4 is to go.
        let image = image(5, &[], &[&[(&[4, 0], &[4, 0]), (&[2, 1], &[2, 1]), (&[2, 1], &[2, 1])]]);
        assert_eq!(numbers(&decide(4, Some(5), Some(&image))), [[1, 0]], "not to 3, which has fewer: it is in zone-0");
    }

    #[test]
    fn fewer_brokers_than_replicas_is_refused_with_the_topic() {
        let image = image(4, &[], &[&[(&[0, 1, 2], &[0, 1, 2])]]);
        let scale = decide(2, Some(4), Some(&image));
        assert!(scale.moves.is_empty() && scale.replicas == 4);
        assert_eq!(
            scale.held.as_deref(),
            Some("topic topic-0 has 3 replicas, more than the 2 brokers that would be left")
        );
        assert_eq!(decide(2, Some(4), None).replicas, 4, "nor is it known without a controller");
    }

    #[test]
    fn few_partitions_move_at_once() {
        let partitions: Vec<(&[i32], &[i32])> = vec![(&[3, 0, 1], &[3, 0, 1]); 50];
        let mut image = image(4, &[], &[&partitions]);
        assert_eq!(decide(3, Some(4), Some(&image)).moves.len(), MOVES_AT_ONCE);
        let mut topic = controller::TopicImage::clone(image.topic("topic-0").unwrap());
        for partition in &mut topic.partitions[..15] {
            partition.adding_replicas = vec![BrokerId(2)];
        }
        image.topics = std::sync::Arc::new(vec![std::sync::Arc::new(topic)].into());
        assert_eq!(decide(3, Some(4), Some(&image)).moves.len(), MOVES_AT_ONCE - 15);
    }

    #[test]
    fn broker_that_went_is_forgotten_once_it_holds_nothing() {
        let gone = image(4, &[3], &[&[(&[0, 1, 2], &[0, 1, 2])]]);
        assert_eq!(decide(3, Some(3), Some(&gone)).forgotten, [BrokerId(3)]);
        assert!(decide(4, Some(4), Some(&gone)).forgotten.is_empty(), "it is only down");
        let holding = image(4, &[3], &[&[(&[0, 1, 3], &[0, 1])]]);
        let scale = decide(3, Some(3), Some(&holding));
        assert!(scale.forgotten.is_empty());
        assert_eq!(numbers(&scale), [[0, 1, 2]], "what was placed there in the last moment moves all the same");
    }
}
