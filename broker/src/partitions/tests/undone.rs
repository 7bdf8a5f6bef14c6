//! Deletions that are undone.

use super::*;
use crate::api::fixture::until;
use controller::{TopicError, requests::TopicReference};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Longer than a test.
pub(super) const UNDO: &[(&str, &str)] = &[("weir.delete.topic.undo.ms", "3600000")];

pub(super) async fn restore(broker: &Fixture, id: TopicId) -> Result<TopicId, TopicError> {
    let restored = broker.broker().controller.restore_topics(vec![TopicReference::Id(id)]).await;
    restored.unwrap().remove(0).result
}

fn resting(broker: &Fixture) -> Vec<PathBuf> {
    let entries = fs::read_dir(broker.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut resting: Vec<_> = entries.filter(|path| path.to_str().unwrap().ends_with("-tombstone")).collect();
    resting.sort();
    resting
}

pub(super) fn rests_at(broker: &Fixture, id: TopicId) -> PathBuf {
    broker.folder.path().join(format!("{:032x}-0-tombstone", id.0.as_u128()))
}

/// Answers what the folder said before.
fn make_of_another_topic(folder: &Path) -> Vec<u8> {
    let path = folder.join("partition.metadata");
    let before = fs::read(&path).unwrap();
    fs::write(&path, format!("version: 0\ntopic_id: {}\n", TopicId(uuid::Uuid::from_u128(7)))).unwrap();
    before
}

/// Three records in one partition of two, and the topic deleted.
pub(super) async fn deleted() -> (Fixture, TopicId) {
    let broker = Fixture::start_with(UNDO).await;
    let id = broker.topic("orders", 2, &[]).await;
    for value in ["a", "b", "c"] {
        broker.append("orders", 0, &[value]).await;
    }
    broker.delete_topic(id).await;
    (broker, id)
}

async fn is_as_it_was(broker: &Fixture) {
    broker.broker().partitions.recovered().await;
    assert_eq!(broker.values("orders", 0).await, ["a", "b", "c"]);
    assert_eq!(broker.append("orders", 0, &["d"]).await, 3);
    assert_eq!(broker.append("orders", 1, &["first"]).await, 0);
    assert!(resting(broker).is_empty());
}

#[tokio::test]
async fn restored_topic_has_its_records() {
    let (broker, id) = deleted().await;
    assert!(broker.broker().partitions.get("orders", PartitionIndex(0)).is_none());
    assert_eq!(resting(&broker).len(), 1, "of the partition that was never written there is nothing");
    assert_eq!(restore(&broker, id).await, Ok(id));
    is_as_it_was(&broker).await;
}

#[tokio::test]
async fn name_is_free_meanwhile() {
    let (broker, id) = deleted().await;
    let other = broker.topic("orders", 1, &[]).await;
    assert_eq!(broker.append("orders", 0, &["new"]).await, 0);
    assert!(matches!(restore(&broker, id).await, Err(TopicError::AlreadyExists(_))));
    broker.delete_topic(other).await;
    assert_eq!(resting(&broker).len(), 2);
    assert_eq!(restore(&broker, id).await, Ok(id));
    assert_eq!(broker.values("orders", 0).await, ["a", "b", "c"]);
    broker.delete_topic(id).await;
    assert_eq!(restore(&broker, other).await, Ok(other));
    assert_eq!(broker.values("orders", 0).await, ["new"]);
}

/// The broker went down while another topic of the same name was there, and that was deleted and the first one restored.
#[tokio::test]
async fn a_start_that_missed_a_deletion_and_a_restoration_serves_what_was_restored() {
    for other_is_gone_for_good in [false, true] {
        let (mut broker, id) = deleted().await;
        let other = broker.topic("orders", 1, &[]).await;
        broker.append("orders", 0, &["new"]).await;
        broker.delete_topic(other).await;
        assert_eq!(restore(&broker, id).await, Ok(id));
        assert_eq!(broker.values("orders", 0).await, ["a", "b", "c"]);
        broker.stop().await;
        let served = broker.folder.path().join("orders-0");
        fs::rename(&served, rests_at(&broker, id)).unwrap();
        fs::rename(rests_at(&broker, other), &served).unwrap();
        if other_is_gone_for_good {
            make_of_another_topic(&served);
        }
        broker.start_again(UNDO).await;
        broker.broker().partitions.recovered().await;
        assert_eq!(broker.values("orders", 0).await, ["a", "b", "c"]);
        assert_eq!(rests_at(&broker, other).exists(), !other_is_gone_for_good);
        let stray = fs::read_dir(broker.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let strays = stray.filter(|name| name.to_str().unwrap().ends_with("-stray")).count();
        assert_eq!(strays, usize::from(other_is_gone_for_good), "nothing is thrown away");
    }
}

#[tokio::test]
async fn restored_log_that_cannot_be_moved_fails_until_it_can() {
    let (mut broker, id) = deleted().await;
    assert_eq!(restore(&broker, id).await, Ok(id));
    broker.values("orders", 0).await;
    broker.stop().await;
    let rests = rests_at(&broker, id);
    fs::rename(broker.folder.path().join("orders-0"), &rests).unwrap();
    let own = make_of_another_topic(&rests);
    broker.start_again(UNDO).await;
    broker.broker().partitions.recovered().await;
    assert_eq!(broker.produce("orders", 0, batch(&["d"])).await.error_code, Code::KafkaStorageError.code());
    assert!(!broker.partition("orders", 0).ensure_open().await);
    broker.delete_topic(id).await;
    assert_eq!(restore(&broker, id).await, Ok(id));
    assert!(!broker.partition("orders", 0).ensure_open().await);
    broker.stop().await;
    broker.start_again(UNDO).await;
    assert!(rests.exists() && !broker.partition("orders", 0).ensure_open().await);
    fs::write(rests.join("partition.metadata"), own).unwrap();
    assert!(broker.partition("orders", 0).ensure_open().await);
    is_as_it_was(&broker).await;
    broker.restart().await;
    assert_eq!(broker.values("orders", 0).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn records_outlive_a_stop_and_a_crash() {
    let (mut broker, id) = deleted().await;
    broker.stop().await;
    broker.start_again(UNDO).await;
    assert_eq!(resting(&broker).len(), 1);
    let mut crashed = broker.left_behind().await;
    for broker in [&mut broker, &mut crashed] {
        if broker.has_stopped() {
            broker.start_again(UNDO).await;
        }
        assert_eq!(restore(broker, id).await, Ok(id));
        is_as_it_was(broker).await;
        broker.stop().await;
        broker.start_again(UNDO).await;
        assert_eq!(broker.values("orders", 0).await, ["a", "b", "c", "d"]);
    }
}

#[tokio::test]
async fn a_start_makes_up_for_what_was_missed() {
    let (mut broker, id) = deleted().await;
    let served = broker.folder.path().join("orders-0");
    let tombstone = resting(&broker).remove(0);
    broker.stop().await;
    // The metadata says it is deleted, the folder not yet.
    fs::rename(&tombstone, &served).unwrap();
    broker.start_again(UNDO).await;
    assert!(tombstone.exists() && !served.exists());
    assert_eq!(restore(&broker, id).await, Ok(id));
    broker.broker().partitions.recovered().await;
    assert_eq!(broker.values("orders", 0).await, ["a", "b", "c"]);
    broker.stop().await;
    // The metadata says it is restored, the folder not yet.
    fs::rename(&served, &tombstone).unwrap();
    broker.start_again(UNDO).await;
    is_as_it_was(&broker).await;
    broker.delete_topic(id).await;
    let tombstone = resting(&broker).remove(0);
    broker.stop().await;
    // The metadata says that it is gone for good.
    fs::rename(&tombstone, broker.folder.path().join(format!("{}-0-tombstone", "7".repeat(32)))).unwrap();
    broker.start_again(UNDO).await;
    until("the log is removed", || resting(&broker).len() == 1).await;
    assert!(resting(&broker)[0].ends_with(format!("{:032x}-1-tombstone", id.0.as_u128())));
}

#[tokio::test]
async fn records_are_gone_after_the_window() {
    let broker = Fixture::start_with(&[("weir.delete.topic.undo.ms", "1")]).await;
    let id = broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.delete_topic(id).await;
    until("the log is removed", || {
        resting(&broker).is_empty() && broker.broker().metadata.current().tombstones.is_empty()
    })
    .await;
    assert_eq!(restore(&broker, id).await, Err(TopicError::UnknownTopicId));
    assert!(!broker.folder.path().join("orders-0").exists());
}

#[tokio::test]
async fn topic_with_the_longest_name_is_deleted_and_made_anew() {
    let name = "n".repeat(249);
    for keys in [&[][..], UNDO] {
        let broker = Fixture::start_with(keys).await;
        let id = broker.topic(&name, 1, &[]).await;
        broker.append(&name, 0, &["old"]).await;
        broker.delete_topic(id).await;
        broker.topic(&name, 1, &[]).await;
        assert_eq!(broker.append(&name, 0, &["new"]).await, 0);
        assert_eq!(broker.values(&name, 0).await, ["new"]);
    }
}
