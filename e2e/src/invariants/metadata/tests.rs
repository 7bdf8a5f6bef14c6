use super::*;
use controller::TopicImage;
use model::{BrokerId, ClusterId, ControllerEpoch, LeaderEpoch, MetadataVersion, PartitionEpoch, TopicId};

fn partition(leader: Option<i32>, isr: &[i32], leader_epoch: i32, partition_epoch: i32) -> PartitionImage {
    PartitionImage {
        replicas: [1, 2, 3].map(BrokerId).to_vec(),
        isr: isr.iter().copied().map(BrokerId).collect(),
        elr: Vec::new(),
        leader: leader.map(BrokerId),
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: PartitionEpoch(partition_epoch),
        adding_replicas: Vec::new(),
        removing_replicas: Vec::new(),
        recovering: false,
    }
}

fn image(version: u64, epoch: i64, partition: PartitionImage) -> Arc<ClusterImage> {
    let mut image = ClusterImage::empty(ClusterId::from_random_bytes([1; 16]));
    (image.metadata_version, image.controller_epoch) = (MetadataVersion(version), ControllerEpoch(epoch));
    let topic = TopicImage {
        id: TopicId(uuid::Uuid::from_u128(7)),
        name: "orders".into(),
        partitions: vec![partition],
        configs: Default::default(),
        raised_to: 0,
    };
    image.topics = Arc::new(vec![Arc::new(topic)].into());
    Arc::new(image)
}

#[track_caller]
fn found(after: PartitionImage) -> bool {
    let before = image(7, 2, partition(Some(1), &[1, 2, 3], 4, 9));
    let broken = broken(Some(&before), &image(8, 2, after));
    !broken.is_empty()
}

#[test]
fn what_a_cluster_goes_through_is_sound() {
    assert!(!found(partition(Some(1), &[1, 2, 3], 4, 9)), "nothing happened");
    assert!(!found(partition(Some(1), &[1, 3], 4, 10)), "a follower fell behind");
    assert!(!found(partition(Some(2), &[2, 3], 5, 10)), "another one leads");
    assert!(!found(partition(None, &[], 5, 10)), "nobody leads");
    assert!(broken(None, &image(8, 2, partition(Some(1), &[1], 0, 0))).is_empty(), "the first that is seen");
}

#[test]
fn what_never_happens_is_found() {
    assert!(found(partition(Some(1), &[1, 2, 4], 4, 10)), "an ISR with a stranger");
    assert!(found(partition(Some(1), &[2, 3], 5, 10)), "a leader outside of the ISR");
    assert!(found(partition(Some(1), &[1, 2, 3], 3, 10)), "an earlier leader epoch");
    assert!(found(partition(Some(1), &[1, 2, 3], 4, 8)), "an earlier partition epoch");
    assert!(found(partition(Some(2), &[1, 2, 3], 4, 10)), "two leaders of one epoch");
    assert!(found(partition(Some(1), &[1, 2], 4, 9)), "two ISRs of one epoch");
}

#[test]
fn metadata_that_goes_back_is_found() {
    let same = || partition(Some(1), &[1, 2, 3], 4, 9);
    let before = image(7, 2, same());
    assert!(!broken(Some(&before), &image(6, 2, same())).is_empty(), "an earlier version");
    assert!(!broken(Some(&before), &image(8, 1, same())).is_empty(), "an earlier controller");
    let mut fewer = ClusterImage::clone(&image(8, 2, same()));
    let topic = TopicImage { partitions: Vec::new(), ..TopicImage::clone(fewer.topics.get("orders").unwrap()) };
    fewer.topics = Arc::new(vec![Arc::new(topic)].into());
    assert!(!broken(Some(&before), &fewer).is_empty(), "fewer partitions");
    let mut another = ClusterImage::clone(&image(8, 2, same()));
    another.cluster_id = ClusterId::from_random_bytes([2; 16]);
    assert!(!broken(Some(&before), &another).is_empty(), "another cluster");
}
