//! What moves onto brokers that were added: as much as makes each of them hold its share, and nothing between those that were
//! there before.
//!
//! ```text
//! share = ⌊replicas of all partitions / brokers⌋
//! ```
//!
//! A replica goes from the broker that has most, of the topic of which that broker has most more. It takes the place of the one
//! that leaves, so preferred leaders spread, too. A partition stays on as many racks as it was, which may leave a new broker
//! below its share.

use super::{super::offline::is_offline, Wanted};
use controller::{ClusterImage, PartitionImage};
use model::{BrokerId, PartitionIndex, TopicName, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filling {
    pub(super) moves: Vec<(TopicPartition, Vec<BrokerId>)>,
    /// Replicas that have yet to arrive. 0: it is done.
    pub(super) remaining: usize,
}

/// `onto`: the brokers that were added. `most`: how many partitions may begin to move.
pub(super) fn decide(image: &ClusterImage, spec: &Wanted, onto: &[BrokerId], most: usize) -> Filling {
    let mut state = State::new(image, spec.replicas);
    let missing: usize = onto.iter().map(|id| state.missing(*id)).sum();
    let arriving = state.arriving(onto);
    let mut hopeless = BTreeSet::new();
    let mut moves = Vec::new();
    while moves.len() < most {
        let may_take = |id: &BrokerId| !spec.leaving.includes(*id) && image.is_usable(*id) && !image.hold(*id).drained;
        let candidates = onto.iter().copied().filter(|id| may_take(id) && !hopeless.contains(id));
        let neediest = candidates.max_by_key(|id| state.missing(*id)).filter(|id| state.missing(*id) > 0);
        let Some(taker) = neediest else { break };
        match state.give(taker, onto) {
            Some(moved) => moves.push(moved),
            None => {
                hopeless.insert(taker);
            }
        }
    }
    // What nobody can give is not waited for; a broker that does not serve yet is.
    let never: usize = hopeless.iter().map(|id| state.missing(*id)).sum();
    Filling { moves, remaining: missing.saturating_sub(never) + arriving }
}

struct State<'a> {
    image: &'a ClusterImage,
    share: usize,
    /// Replicas that a broker is to have once everything that moves has moved.
    load: BTreeMap<BrokerId, usize>,
    of_topic: BTreeMap<(&'a TopicName, BrokerId), usize>,
    /// Partitions that may begin to move, with their replicas.
    resting: BTreeMap<(&'a TopicName, PartitionIndex), &'a PartitionImage>,
}

impl<'a> State<'a> {
    fn new(image: &'a ClusterImage, brokers: i32) -> Self {
        let mut load: BTreeMap<BrokerId, usize> = (0..brokers).map(|id| (BrokerId(id), 0)).collect();
        let (mut of_topic, mut resting) = (BTreeMap::new(), BTreeMap::new());
        for topic in image.topics.iter() {
            for (index, partition) in topic.indexed_partitions() {
                for id in staying(partition) {
                    if let Some(replicas) = load.get_mut(&id) {
                        *replicas += 1;
                        *of_topic.entry((&topic.name, id)).or_default() += 1;
                    }
                }
                if !partition.is_being_reassigned() && !is_offline(partition) {
                    resting.insert((&topic.name, index), partition);
                }
            }
        }
        let share = load.values().sum::<usize>() / load.len().max(1);
        Self { image, share, load, of_topic, resting }
    }

    fn missing(&self, id: BrokerId) -> usize {
        self.share.saturating_sub(self.load.get(&id).copied().unwrap_or(0))
    }

    fn arriving(&self, onto: &[BrokerId]) -> usize {
        let partitions = self.image.topics.iter().flat_map(|topic| &topic.partitions);
        partitions
            .filter(|partition| !is_offline(partition))
            .flat_map(|partition| &partition.adding_replicas)
            .filter(|id| onto.contains(id))
            .count()
    }

    /// One replica for `taker` from whoever has most to give.
    fn give(&mut self, taker: BrokerId, onto: &[BrokerId]) -> Option<(TopicPartition, Vec<BrokerId>)> {
        let taken = self.load.get(&taker).copied().unwrap_or(0);
        let has_more = |(id, replicas): &(&BrokerId, &usize)| **replicas > taken + 1 && !onto.contains(id);
        let mut givers: Vec<_> = self.load.iter().filter(has_more).map(|(id, replicas)| (*replicas, *id)).collect();
        givers.sort_unstable_by(|a, b| b.cmp(a));
        let (giver, (topic, index), replicas) = givers.into_iter().find_map(|(_, giver)| {
            let may = |(at, partition): (&(&'a TopicName, PartitionIndex), &&'a PartitionImage)| {
                let replicas = self.replaced(partition, giver, taker)?;
                let of_topic = |id| self.of_topic.get(&(at.0, id)).copied().unwrap_or(0);
                Some((of_topic(giver).saturating_sub(of_topic(taker)), *at, replicas))
            };
            let best =
                self.resting.iter().filter_map(may).reduce(|best, next| if next.0 > best.0 { next } else { best });
            best.map(|(_, at, replicas)| (giver, at, replicas))
        })?;
        self.resting.remove(&(topic, index));
        for (id, more) in [(giver, false), (taker, true)] {
            for count in [self.load.entry(id).or_default(), self.of_topic.entry((topic, id)).or_default()] {
                *count = if more { *count + 1 } else { count.saturating_sub(1) };
            }
        }
        Some((TopicPartition { topic: topic.clone(), partition: index }, replicas))
    }

    /// The replicas with one broker in the place of another; `None` where it is there already, or a rack would be lost.
    fn replaced(&self, partition: &PartitionImage, giver: BrokerId, taker: BrokerId) -> Option<Vec<BrokerId>> {
        if partition.replicas.contains(&taker) {
            return None;
        }
        let place = partition.replicas.iter().position(|id| *id == giver)?;
        let mut replicas = partition.replicas.clone();
        replicas[place] = taker;
        (self.racks(&replicas) >= self.racks(&partition.replicas)).then_some(replicas)
    }

    fn racks(&self, replicas: &[BrokerId]) -> usize {
        let rack = |id: &BrokerId| self.image.brokers.get(id)?.rack.as_deref();
        replicas.iter().filter_map(rack).collect::<BTreeSet<_>>().len()
    }
}

/// Replicas that are there once what moves has moved.
fn staying(partition: &PartitionImage) -> impl Iterator<Item = BrokerId> {
    partition.replicas.iter().copied().filter(|id| !partition.removing_replicas.contains(id))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            super::testing::{Members, image},
            tests::spec,
        },
        *,
    };
    use std::sync::Arc;

    fn decide(image: &ClusterImage, brokers: i32, onto: &[BrokerId], most: usize) -> Filling {
        super::decide(image, &spec(brokers), onto, most)
    }

    const NEW: [BrokerId; 1] = [BrokerId(3)];
    const ALONE: Members<'static> = (&[0], &[0]);
    const OLD: Members<'static> = (&[0, 1, 2], &[0, 1, 2]);

    /// Carries out what is decided until nothing is; the replicas of each broker afterwards.
    fn filled(image: &mut ClusterImage, brokers: i32, onto: &[BrokerId]) -> Vec<usize> {
        for _ in 0..1000 {
            let Filling { moves, remaining } = decide(image, brokers, onto, 2);
            if moves.is_empty() {
                assert_eq!(remaining, 0);
                let count =
                    |id| image.topics.iter().flat_map(|t| &t.partitions).filter(|p| p.replicas.contains(&id)).count();
                return (0..brokers).map(BrokerId).map(count).collect();
            }
            let mut topics: Vec<_> = image.topics.iter().map(|topic| controller::TopicImage::clone(topic)).collect();
            for (at, replicas) in moves {
                let topic = topics.iter_mut().find(|topic| topic.name == at.topic).unwrap();
                topic.partitions[usize::try_from(at.partition.0).unwrap()].replicas = replicas;
            }
            image.topics = Arc::new(topics.into_iter().map(Arc::new).collect::<Vec<_>>().into());
        }
        panic!("does not end")
    }

    #[test]
    fn new_broker_gets_its_share_and_no_more() {
        let mut even = image(6, &[], &[&[OLD; 8], &[OLD; 4]]);
        assert_eq!(filled(&mut even, 6, &[3, 4, 5].map(BrokerId)), [6; 6]);
        let of_topic = |name: &str| {
            let partitions = &even.topic(name).unwrap().partitions;
            partitions.iter().filter(|partition| partition.replicas.contains(&NEW[0])).count()
        };
        assert_eq!((of_topic("topic-0"), of_topic("topic-1")), (4, 2), "it has its part of each topic");
    }

    #[test]
    fn brokers_that_were_there_keep_what_they_have_among_themselves() {
        let mut uneven = image(4, &[], &[&[ALONE; 12]]);
        assert_eq!(filled(&mut uneven, 4, &NEW), [9, 0, 0, 3]);
    }

    #[test]
    fn partition_stays_on_as_many_racks() {
        // Brokers 0 and 3 are in zone-0: 3 can only take the place of 0.
        let mut image = image(4, &[], &[&[OLD; 4]]);
        let moves = decide(&image, 4, &NEW, 100).moves;
        assert!(!moves.is_empty());
        assert!(moves.iter().all(|(_, replicas)| *replicas == [3, 1, 2].map(BrokerId)), "{moves:?}");
        assert_eq!(filled(&mut image, 4, &NEW), [2, 4, 4, 2]);
    }

    #[test]
    fn what_is_on_its_way_counts_and_is_waited_for() {
        let mut image = image(4, &[], &[&[OLD; 4]]);
        let mut topic = controller::TopicImage::clone(image.topic("topic-0").unwrap());
        for partition in &mut topic.partitions[..3] {
            partition.replicas = [3, 1, 2, 0].map(BrokerId).into();
            partition.adding_replicas = NEW.into();
            partition.removing_replicas = vec![BrokerId(0)];
        }
        image.topics = Arc::new(vec![Arc::new(topic)].into());
        assert_eq!(decide(&image, 4, &NEW, 100), Filling { moves: vec![], remaining: 3 });
    }

    #[test]
    fn broker_that_does_not_serve_yet_is_waited_for() {
        let starting = image(4, &[3], &[&[OLD; 4]]);
        assert_eq!(decide(&starting, 4, &NEW, 100), Filling { moves: vec![], remaining: 3 });
        let unsure = Wanted { leaving: spec(3).leaving, ..spec(4) };
        let there = image(4, &[], &[&[OLD; 4]]);
        assert_eq!(super::decide(&there, &unsure, &NEW, 100), Filling { moves: vec![], remaining: 3 });
        let idle = image(4, &[3], &[]);
        assert_eq!(decide(&idle, 4, &NEW, 100), Filling::default(), "there is nothing to take");
    }

    #[test]
    fn partition_without_a_leader_does_not_move() {
        let offline = image(4, &[0], &[&[ALONE; 8]]);
        assert_eq!(decide(&offline, 4, &NEW, 100), Filling::default());
    }
}
