use super::*;
use crate::image::{ConfigMap, PartitionImage, Tombstone};
use model::ClusterId;

fn known(epoch: i64, version: u64) -> ClusterImage {
    ClusterImage {
        controller_epoch: ControllerEpoch(epoch),
        metadata_version: MetadataVersion(version),
        ..ClusterImage::empty(ClusterId::from("test"))
    }
}

fn topic(name: &str, id: u128, leader_epoch: i32, partition_epoch: i32) -> Arc<TopicImage> {
    let partition = PartitionImage {
        replicas: vec![BrokerId(0), BrokerId(1)],
        isr: vec![BrokerId(0)],
        elr: Vec::new(),
        leader: Some(BrokerId(0)),
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: PartitionEpoch(partition_epoch),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        recovering: false,
    };
    let id = TopicId(uuid::Uuid::from_u128(id));
    Arc::new(TopicImage { id, name: name.into(), partitions: vec![partition], configs: ConfigMap::new(), raised_to: 0 })
}

fn with_topics(image: ClusterImage, topics: Vec<Arc<TopicImage>>) -> ClusterImage {
    ClusterImage { topics: Arc::new(topics.into()), ..image }
}

/// Of the brokers 0, 1, …
fn offers(brought: Vec<(i64, Option<ClusterImage>)>) -> Offers {
    let offers = (0..).map(BrokerId).zip(brought);
    offers
        .map(|(broker, (obeyed, image))| {
            (broker, Offer { broker, obeyed: ControllerEpoch(obeyed), reign: None, image })
        })
        .collect()
}

fn reign(epoch: i64, found: u64, newest: u64) -> Option<Reign> {
    let version = MetadataVersion;
    Some(Reign {
        id: ReignId(uuid::Uuid::from_u128(1)),
        epoch: ControllerEpoch(epoch),
        found: version(found),
        newest: version(newest),
    })
}

fn source(offers: &Offers, disproved: Option<Reign>) -> Option<i32> {
    rebuild(offers, disproved).map(|rebuilt| rebuilt.from.0)
}

fn epochs(image: &ClusterImage, name: &str) -> (i32, i32) {
    let partition = &image.topic(name).unwrap().partitions[0];
    (partition.leader_epoch.0, partition.partition_epoch.0)
}

/// The store had version 900 of epoch 7 again; broker 0 acted by 1000, and broker 1 by what was decided on 900.
#[test]
fn what_was_decided_on_a_store_that_went_back_is_not_taken() {
    let honest = known(7, 1000);
    for newest in [902, 1000, 1500] {
        let all = offers(vec![(7, Some(honest.clone())), (8, Some(known(8, newest)))]);
        assert_eq!(source(&all, reign(8, 900, newest)), Some(0), "it came to {newest}");
    }
    // Nobody has told which reign it was: the later controller is the one with the earlier version.
    let all = offers(vec![(7, Some(honest.clone())), (8, Some(known(8, 902)))]);
    assert_eq!(source(&all, None), Some(0));
    // Nothing else is known.
    let all = offers(vec![(7, None), (8, Some(known(8, 902)))]);
    assert_eq!(source(&all, reign(8, 900, 902)), None);
}

/// The rollback went over a take-over, so the new controller got the number of one before.
#[test]
fn honest_metadata_of_an_epoch_that_was_given_twice_is_taken() {
    let all = offers(vec![(8, Some(known(8, 1000))), (8, Some(known(8, 902)))]);
    assert_eq!(source(&all, reign(8, 890, 902)), Some(0));
    // The new one made more commits than that of before: only its name tells them apart.
    let mut all = offers(vec![(8, Some(known(8, 1000))), (8, Some(known(8, 1200)))]);
    for (offer, id) in all.values_mut().zip([7, 1]) {
        offer.reign = Some(ReignId(uuid::Uuid::from_u128(id)));
    }
    assert_eq!(source(&all, reign(8, 890, 1200)), Some(0));
}

#[test]
fn without_a_disproved_reign_the_newest_is_taken() {
    let all = offers(vec![(5, Some(known(5, 98))), (5, Some(known(5, 99))), (6, Some(known(4, 80))), (0, None)]);
    assert_eq!(source(&all, None), Some(1));
    assert_eq!(source(&offers(vec![(0, None), (3, None)]), None), None);
}

#[test]
fn next_controller_and_next_version_are_above_all_that_brokers_know() {
    let all = offers(vec![(7, Some(known(7, 1000))), (9, Some(known(8, 1500))), (4, None)]);
    let image = rebuild(&all, reign(8, 900, 1500)).unwrap().image;
    assert_eq!((image.controller_epoch, image.metadata_version), (ControllerEpoch(9), MetadataVersion(1500)));
}

#[test]
fn no_epoch_and_no_producer_id_is_given_twice() {
    let ids = |image, next| ClusterImage { next_producer_id: ProducerId(next), ..image };
    let honest = with_topics(ids(known(7, 1000), 9_000), vec![topic("a", 1, 20, 33), topic("b", 2, 5, 5)]);
    let other = with_topics(ids(known(8, 902), 12_000), vec![topic("a", 1, 31, 30)]);
    let image = rebuild(&offers(vec![(7, Some(honest)), (8, Some(other))]), reign(8, 900, 902)).unwrap().image;
    assert_eq!(image.next_producer_id, ProducerId(12_000 + 1_000_000_000));
    assert_eq!(epochs(&image, "a"), (1031, 1033));
    assert_eq!(epochs(&image, "b"), (1005, 1005));
    assert_eq!(image.topic("a").unwrap().partitions[0].leader, Some(BrokerId(0)), "and nothing else of them changes");
}

#[test]
fn partitions_of_deleted_topics_are_raised_too() {
    let tombstone = Tombstone { topic: topic("a", 1, 3, 4), deleted_at: MetadataVersion(950) };
    let tombstones = Arc::new(BTreeMap::from([(tombstone.topic.id, tombstone)]));
    let honest = ClusterImage { tombstones, ..known(7, 1000) };
    let other = with_topics(known(8, 902), vec![topic("a", 1, 6, 2)]);
    let image = rebuild(&offers(vec![(7, Some(honest)), (8, Some(other))]), reign(8, 900, 902)).unwrap().image;
    let kept = &image.tombstones.values().next().unwrap().topic.partitions[0];
    assert_eq!((kept.leader_epoch, kept.partition_epoch), (LeaderEpoch(1006), PartitionEpoch(1004)));
    assert!(image.topics.is_empty(), "its deletion counts");
}

#[test]
fn partitions_that_only_the_disproved_reign_added_are_kept() {
    let grown = |id: u128, epochs: &[i32]| {
        let mut grown = (*topic("orders", id, 0, 0)).clone();
        grown.partitions = epochs.iter().flat_map(|epoch| topic("", id, *epoch, *epoch).partitions.clone()).collect();
        Arc::new(grown)
    };
    let honest = with_topics(known(7, 1000), vec![grown(1, &[9])]);
    let other = with_topics(known(8, 902), vec![grown(1, &[2, 5, 6])]);
    let image = rebuild(&offers(vec![(7, Some(honest)), (8, Some(other))]), reign(8, 900, 902)).unwrap().image;
    let partitions = &image.topic("orders").unwrap().partitions;
    let epochs: Vec<_> = partitions.iter().map(|partition| partition.leader_epoch.0).collect();
    assert_eq!(epochs, [1009, 1005, 1006]);
    assert_eq!(image.topics.partition_count(), 3);
}

#[test]
fn topic_that_only_the_disproved_reign_knows_is_kept_unless_its_name_is_taken() {
    let honest = with_topics(known(7, 1000), vec![topic("orders", 1, 0, 0), topic("my.own", 5, 0, 0)]);
    let made = vec![topic("orders", 2, 0, 0), topic("my_own", 3, 0, 0), topic("others", 4, 8, 9)];
    let other = with_topics(known(8, 902), made);
    let image = rebuild(&offers(vec![(7, Some(honest)), (8, Some(other))]), reign(8, 900, 902)).unwrap().image;
    let names: Vec<_> = image.topics.iter().map(|topic| (topic.name.to_string(), topic.id.0.as_u128())).collect();
    assert_eq!(names, [("my.own".to_owned(), 5), ("orders".to_owned(), 1), ("others".to_owned(), 4)]);
    assert_eq!(epochs(&image, "others"), (1008, 1009));
}

#[test]
fn largest_numbers_stay_where_they_are() {
    let largest = ClusterImage { next_producer_id: ProducerId(i64::MAX), ..known(i64::MAX, u64::MAX) };
    let largest = with_topics(largest, vec![topic("a", 1, i32::MAX, i32::MAX)]);
    let image = rebuild(&offers(vec![(i64::MAX, Some(largest))]), None).unwrap().image;
    assert_eq!((image.next_producer_id, epochs(&image, "a")), (ProducerId(i64::MAX), (i32::MAX, i32::MAX)));
}

#[test]
fn controller_that_begins_with_a_copy_gives_nothing_that_may_have_been_given_since() {
    let copy = with_topics(ClusterImage { next_producer_id: ProducerId(5), ..known(3, 80) }, vec![topic("a", 1, 7, 8)]);
    let image = begin_with_copy(&copy);
    assert_eq!((image.controller_epoch, image.metadata_version), (ControllerEpoch(1003), MetadataVersion(81)));
    assert_eq!((image.next_producer_id, epochs(&image, "a")), (ProducerId(1_000_000_005), (1007, 1008)));
}
