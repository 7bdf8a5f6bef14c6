//! The metadata as it is stored: one image, replaced by compare-and-swap. It checks what no commit may break.

use super::place::Place;
use controller::{ClusterImage, MetadataChange, TopicImage, driver::Commit};
use model::{BrokerId, ClusterId, PartitionEpoch};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ailment {
    /// 0: never.
    pub(super) fails_once_in: u64,
    /// A commit takes up to so much longer.
    pub(super) slow_by_ms: u64,
    /// What is committed is told as an error; 0: never.
    pub(super) lies_once_in: u64,
}

#[derive(Debug)]
pub(super) struct Store {
    pub(super) ailment: Ailment,
    pub(super) image: Arc<ClusterImage>,
    /// Earlier ones, now and then: what somebody may put in place again.
    past: Vec<Arc<ClusterImage>>,
    /// What it held before it was wiped or rolled back; what is committed since is of another history.
    parted_from: Option<Arc<ClusterImage>>,
    pub(super) commits: u64,
    /// Who has every committed record, by the rules alone: members of the ISR, and those that left one without which nothing
    /// was committed since, but for those that lost their log.
    pub(super) holders: BTreeMap<Place, BTreeSet<BrokerId>>,
    /// Every ISR there ever was.
    isrs: BTreeMap<(Place, PartitionEpoch), Vec<BrokerId>>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            ailment: Ailment::default(),
            image: Arc::new(empty()),
            past: vec![Arc::new(empty())],
            parted_from: None,
            commits: 0,
            holders: BTreeMap::new(),
            isrs: BTreeMap::new(),
        }
    }

    /// `false`: somebody else committed before.
    pub(super) fn commit(&mut self, commit: &Commit) -> bool {
        if commit.expected != self.image.metadata_version {
            return false;
        }
        let replayed = replay(&self.image, &commit.changes);
        assert_eq!(*replayed, *commit.image, "the changes do not lead to the image");
        check_succession(&self.image, &replayed);
        if self.parted_from.is_some() {
            self.image = replayed;
            return true;
        }
        if self.commits.is_multiple_of(4) {
            self.past.push(Arc::clone(&self.image));
        }
        for change in &commit.changes {
            let mut after = ClusterImage::clone(&self.image);
            after.apply(change).expect("replayed before");
            self.follow(&after);
            self.image = Arc::new(after);
        }
        self.image = replayed;
        self.commits += 1;
        true
    }

    /// Wiped, or as it was before the controller epoch before the present one: what takes over from it is known to be of before.
    /// `false`: there is no such state yet.
    pub(super) fn roll_back(&mut self, draw: u64) -> bool {
        let is_old = |image: &&Arc<ClusterImage>| image.controller_epoch.0 + 2 <= self.image.controller_epoch.0;
        let old: Vec<_> = self.past.iter().filter(is_old).cloned().collect();
        let Some(index) = draw.checked_rem(old.len() as u64).and_then(|index| usize::try_from(index).ok()) else {
            return false;
        };
        self.parted_from = Some(std::mem::replace(&mut self.image, old[index].clone()));
        true
    }

    /// Somebody puts a copy in place. `false`: it is not the newest.
    pub(super) fn restore(&mut self, copy: Arc<ClusterImage>) -> bool {
        let is_newest = self.parted_from.take().is_none_or(|newest| *newest == *copy);
        self.image = copy;
        is_newest
    }

    pub(super) fn isr(&self, place: Place, epoch: PartitionEpoch) -> Option<&Vec<BrokerId>> {
        self.isrs.get(&(place, epoch))
    }

    fn follow(&mut self, after: &ClusterImage) {
        let life = |image: &ClusterImage, id| image.brokers.get(id).and_then(|broker| broker.log_life);
        let lost: Vec<_> = after.brokers.keys().filter(|id| life(after, id) != life(&self.image, id)).collect();
        let of_topic = |topic: &Arc<TopicImage>| {
            let states = topic.indexed_partitions().map(|(index, state)| (Place::of(topic.id, index), state.clone()));
            states.collect::<Vec<_>>()
        };
        for (place, state) in after.topics.iter().flat_map(of_topic) {
            let isr = self.isrs.entry((place, state.partition_epoch)).or_insert_with(|| state.isr.clone());
            assert_eq!(*isr, state.isr, "two ISRs of {place} in one partition epoch");
            let holders = self.holders.entry(place).or_default();
            if state.leader.is_some() && state.elr.is_empty() && state.isr.len() >= place.minimum_in(after) {
                holders.clear();
            }
            holders.extend(&state.isr);
            holders.retain(|id| state.replicas.contains(id));
            for id in &lost {
                if holders.len() > 1 {
                    holders.remove(id);
                }
            }
        }
    }
}

fn empty() -> ClusterImage {
    ClusterImage::empty(ClusterId::from("simulated"))
}

fn replay(image: &ClusterImage, changes: &[MetadataChange]) -> Arc<ClusterImage> {
    let mut image = image.clone();
    for change in changes {
        image.apply(change).expect("the controller's changes fit the image they were decided on");
    }
    Arc::new(image)
}

/// Epochs never go back, and the ISR is a part of the replicas that never runs empty: the last disk with everything is not lost.
fn check_succession(before: &ClusterImage, after: &ClusterImage) {
    assert!(after.controller_epoch >= before.controller_epoch, "the controller epoch went back");
    assert!(after.metadata_version > before.metadata_version, "the metadata version did not rise");
    for topic in after.topics.iter() {
        for (index, partition) in topic.indexed_partitions() {
            let (isr, replicas) = (&partition.isr, &partition.replicas);
            assert!(!isr.is_empty() && isr.iter().all(|id| replicas.contains(id)), "{isr:?} is no ISR of {replicas:?}");
            assert!(partition.leader.is_none_or(|leader| isr.contains(&leader)), "the leader is not in the ISR");
            let is_outside = |id| replicas.contains(id) && !isr.contains(id);
            assert!(partition.elr.iter().all(is_outside), "{:?} may not lead beside {isr:?}", partition.elr);
            let Some(old) = before.topic_by_id(topic.id).and_then(|topic| topic.partition(index)) else { continue };
            assert!(partition.leader_epoch >= old.leader_epoch, "a leader epoch went back");
            let changed = partition != old;
            assert_eq!(partition.partition_epoch > old.partition_epoch, changed, "{old:?} became {partition:?}");
            assert!(
                partition.leader == old.leader || partition.leader_epoch > old.leader_epoch,
                "an epoch with two leaders"
            );
        }
    }
}
