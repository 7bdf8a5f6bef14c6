//! Replicas leave the brokers that a person drains (`kubectl weir drain`), a few at a time. The broker stays and leads what it
//! has until others are in sync in its place.
//!
//! Nothing is remembered here: what is still there is what is left to do. So a take-over, or a replica that somebody places
//! there by hand, changes nothing.

use super::{
    offline::{in_the_way, is_offline},
    scale,
};
use crate::reconcilers::replicas::Places;
use controller::{ClusterImage, Leaving};
use model::{BrokerId, TopicPartition};

/// What a drain is to do next, and what is said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drain {
    pub moves: Vec<(TopicPartition, Vec<BrokerId>)>,
    /// Why it is not over.
    pub held: Option<String>,
}

/// `leaving`: brokers that are given nothing. `others`: partitions that are about to move for another reason. `at_once`: how many may be
/// on the move.
pub fn decide(leaving: Leaving, others: usize, at_once: usize, image: Option<&ClusterImage>) -> Drain {
    let Some(image) = image else { return Drain::default() };
    let is_drained = |id: BrokerId| image.hold(id).drained;
    let drained: Vec<_> = image.holds.iter().filter(|(_, hold)| hold.drained).map(|(id, _)| *id).collect();
    let replicas = |id: BrokerId| {
        let partitions = image.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.filter(|partition| partition.replicas.contains(&id)).count()
    };
    let left: Vec<_> = drained.iter().map(|id| (*id, replicas(*id))).filter(|(_, replicas)| *replicas > 0).collect();
    if left.is_empty() {
        return Drain::default();
    }
    let mut places = Places::new(image, leaving);
    let mut moving = others + scale::moving(image);
    let mut moves = Vec::new();
    let mut without_place = 0;
    for topic in image.topics.iter() {
        for (index, partition) in topic.indexed_partitions() {
            let leaves = partition.replicas.iter().any(|id| is_drained(*id));
            if !leaves || partition.is_being_reassigned() || is_offline(partition) || moving >= at_once {
                continue;
            }
            match places.without(partition, is_drained) {
                Some(replicas) => {
                    moves.push((TopicPartition { topic: topic.name.clone(), partition: index }, replicas));
                    moving += 1;
                }
                None => without_place += 1,
            }
        }
    }
    let told = |(id, replicas): &(BrokerId, usize)| format!("{replicas} replicas to move off broker {id}");
    let mut held = left.iter().map(told).collect::<Vec<_>>().join(", ");
    held.extend(in_the_way(image, is_drained));
    if without_place > 0 {
        held.push_str(&format!(
            "; {without_place} partitions find no broker that serves and has none of their replicas"
        ));
    }
    Drain { moves, held: Some(held) }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::image, *};
    use controller::Hold;

    const MOVES_AT_ONCE: usize = 20;

    fn decide(staying: i32, others: usize, at_once: usize, image: Option<&ClusterImage>) -> Drain {
        super::decide(Leaving { from: Some(BrokerId(staying)) }, others, at_once, image)
    }

    fn with_drained(mut image: ClusterImage, id: i32) -> ClusterImage {
        image.holds.insert(BrokerId(id), Hold { fenced: false, drained: true });
        image
    }

    fn numbers(drain: &Drain) -> Vec<Vec<i32>> {
        drain.moves.iter().map(|(_, replicas)| replicas.iter().map(|id| id.0).collect()).collect()
    }

    #[test]
    fn nothing_moves_where_nobody_is_drained() {
        assert_eq!(decide(3, 0, MOVES_AT_ONCE, None), Drain::default());
        assert_eq!(decide(3, 0, MOVES_AT_ONCE, Some(&image(3, &[], &[&[(&[0, 1], &[0, 1])]]))), Drain::default());
        let empty = with_drained(image(3, &[], &[&[(&[0, 1], &[0, 1])]]), 2);
        assert_eq!(decide(3, 0, MOVES_AT_ONCE, Some(&empty)), Drain::default(), "it is drained, and stays so");
    }

    #[test]
    fn replicas_of_a_drained_broker_go_to_another_in_their_place() {
        let image = with_drained(image(4, &[], &[&[(&[1, 0, 2], &[1, 0, 2]), (&[0, 2, 3], &[0, 2, 3])]]), 1);
        let drain = decide(4, 0, MOVES_AT_ONCE, Some(&image));
        assert_eq!(numbers(&drain), [[3, 0, 2]]);
        assert_eq!(drain.held.as_deref(), Some("1 replicas to move off broker 1"));
    }

    #[test]
    fn partition_without_a_place_waits_and_says_so() {
        // Broker 3 is down, and broker 4 is to go.
        let image = with_drained(image(5, &[3], &[&[(&[1, 0, 2], &[1, 0, 2])]]), 1);
        let drain = decide(4, 0, MOVES_AT_ONCE, Some(&image));
        assert!(drain.moves.is_empty());
        assert!(drain.held.as_deref().is_some_and(|held| held.contains("find no broker")), "{:?}", drain.held);
    }

    #[test]
    fn broker_that_is_held_is_no_place() {
        let mut image = with_drained(image(4, &[], &[&[(&[1, 0], &[1, 0])]]), 1);
        image.holds.insert(BrokerId(2), Hold { fenced: false, drained: true });
        assert_eq!(numbers(&decide(4, 0, MOVES_AT_ONCE, Some(&image))), [[3, 0]]);
    }

    #[test]
    fn few_partitions_move_at_once_whatever_they_move_for() {
        let partitions: Vec<(&[i32], &[i32])> = vec![(&[1, 0], &[1, 0]); 50];
        let image = with_drained(image(4, &[], &[&partitions]), 1);
        assert_eq!(decide(4, 0, MOVES_AT_ONCE, Some(&image)).moves.len(), MOVES_AT_ONCE);
        assert_eq!(decide(4, 5, MOVES_AT_ONCE, Some(&image)).moves.len(), MOVES_AT_ONCE - 5);
        assert!(decide(4, MOVES_AT_ONCE, MOVES_AT_ONCE, Some(&image)).held.is_some());
    }

    #[test]
    fn partition_without_a_leader_stays_and_is_named() {
        // Broker 3 is lost, and had the only replica in sync of the first.
        let image = with_drained(image(4, &[3], &[&[(&[1, 3], &[3]), (&[1, 0], &[1, 0])]]), 1);
        let drain = decide(4, 0, 1, Some(&image));
        assert_eq!(numbers(&drain), [[2, 0]]);
        assert!(drain.held.as_deref().is_some_and(|held| held.ends_with("topic-0-0")), "{:?}", drain.held);
    }
}
