//! Replicas of a partition are on as many racks as there are.

use super::*;
use crate::{Leaving, placement::place, topic_name::GROUP_OFFSETS};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

impl Cluster {
    fn register_in(&mut self, id: i32, rack: &str) {
        self.force(MetadataRecord::BrokerRegistered(registration(id, Some(rack), false)));
    }
}

fn registration(id: i32, rack: Option<&str>, fenced: bool) -> BrokerRegistration {
    BrokerRegistration {
        id: BrokerId(id),
        epoch: BrokerEpoch(i64::from(id)),
        incarnation: Incarnation::default(),
        log_life: None,
        rack: rack.map(str::to_owned),
        endpoints: Vec::new(),
        fenced,
        in_controlled_shutdown: false,
    }
}

/// Brokers from 1 on, each with its rack and whether it is fenced.
fn image(brokers: &[(&str, bool)]) -> ClusterImage {
    let mut image = ClusterImage::empty(ClusterId::from("test"));
    for ((rack, fenced), id) in brokers.iter().zip(1..) {
        Arc::make_mut(&mut image.brokers).insert(BrokerId(id), registration(id, Some(rack), *fenced));
    }
    image
}

fn racks_of<'a>(image: &'a ClusterImage, replicas: &[BrokerId]) -> BTreeSet<Option<&'a str>> {
    replicas.iter().map(|id| image.brokers[id].rack.as_deref()).collect()
}

fn count(ids: impl Iterator<Item = BrokerId>) -> BTreeMap<i32, usize> {
    let mut counts = BTreeMap::new();
    ids.for_each(|id| *counts.entry(id.0).or_insert(0) += 1);
    counts
}

#[test]
fn replicas_are_spread_over_racks_and_leaders_over_brokers() {
    const UP: bool = false;
    const FENCED: bool = true;
    type Case<'a> = (&'a str, &'a [(&'a str, bool)], usize, usize);
    let cases: &[Case<'_>] = &[
        ("two racks, as many brokers in each", &[("a", UP), ("a", UP), ("b", UP), ("b", UP)], 2, 2),
        ("two racks, more replicas than racks", &[("a", UP), ("a", UP), ("b", UP), ("b", UP)], 3, 2),
        ("three racks", &[("a", UP), ("a", UP), ("b", UP), ("b", UP), ("c", UP), ("c", UP)], 3, 3),
        ("three racks, fewer replicas", &[("a", UP), ("b", UP), ("c", UP)], 2, 2),
        ("two racks, uneven", &[("a", UP), ("a", UP), ("a", UP), ("b", UP)], 2, 2),
        ("three racks, uneven", &[("a", UP), ("a", UP), ("a", UP), ("b", UP), ("b", UP), ("c", UP)], 3, 3),
        ("a fenced broker in a rack with another", &[("a", UP), ("a", FENCED), ("b", UP), ("c", UP)], 3, 3),
        ("a fenced broker alone in its rack", &[("a", UP), ("a", UP), ("b", UP), ("c", FENCED)], 2, 2),
    ];
    for (what, brokers, replicas, racks) in cases {
        let image = image(brokers);
        let up: BTreeSet<i32> = brokers.iter().zip(1..).filter(|((_, fenced), _)| !fenced).map(|(_, id)| id).collect();
        let partitions = up.len() * 3;
        let placed = place(&image, Leaving::default(), partitions, *replicas);
        for one in &placed {
            assert_eq!(one.len(), *replicas, "{what}: {placed:?}");
            assert_eq!(racks_of(&image, one).len(), *racks, "{what}: {placed:?}");
            assert!(one.iter().all(|id| up.contains(&id.0)), "{what}: {placed:?}");
        }
        let leaders = count(placed.iter().map(|one| one[0]));
        assert_eq!(leaders, up.iter().map(|id| (*id, 3)).collect(), "{what}: {placed:?}");
    }
}

#[test]
fn a_fenced_broker_is_taken_where_the_others_are_too_few() {
    let image = image(&[("a", false), ("b", false), ("c", true)]);
    for one in place(&image, Leaving::default(), 6, 3) {
        assert_eq!((one.len(), one[2]), (3, BrokerId(3)), "it comes last: {one:?}");
    }
}

#[test]
fn replicas_that_an_internal_topic_gets_are_in_other_racks() {
    let mut cluster = Cluster::with(Settings::default(), 0);
    cluster.register_in(1, "a");
    cluster.create(vec![topic(GROUP_OFFSETS, 4, 1)]);
    for (id, rack) in [(2, "a"), (3, "a"), (4, "b"), (5, "b"), (6, "c")] {
        cluster.register_in(id, rack);
    }
    cluster.pass(Duration::ZERO);
    let image = cluster.image();
    let partitions = &image.topic(GROUP_OFFSETS).unwrap().partitions;
    for partition in partitions {
        assert_eq!(partition.replicas.len(), 3);
        assert_eq!(racks_of(image, &partition.replicas).len(), 3, "{partition:?}");
    }
    let held = count(partitions.iter().flat_map(|one| one.replicas.iter().copied()));
    assert_eq!((held.get(&4), held.get(&5)), (Some(&2), Some(&2)), "the brokers of a rack take turns: {held:?}");
}

const RACKS: [&str; 4] = ["a", "b", "c", "d"];

proptest! {
    #[test]
    fn no_rack_has_two_replicas_while_one_has_none(
        brokers in proptest::collection::vec(0..RACKS.len(), 1..12),
        partitions in 1..20usize,
        replicas in 1..6usize,
    ) {
        let brokers: Vec<_> = brokers.iter().map(|rack| (RACKS[*rack], false)).collect();
        let image = image(&brokers);
        let replicas = replicas.min(brokers.len());
        let racks = brokers.iter().collect::<BTreeSet<_>>().len();
        for one in place(&image, Leaving::default(), partitions, replicas) {
            prop_assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), replicas);
            prop_assert_eq!(racks_of(&image, &one).len(), racks.min(replicas), "{:?} of {:?}", one, brokers);
        }
    }
}
