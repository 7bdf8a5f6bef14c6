//! Logs of deleted topics that could not be moved away, because the disk refused.

use super::{
    undone::{UNDO, deleted, restore, rests_at},
    *,
};
use crate::api::fixture::until;
use std::{fs, path::Path};

/// A folder cannot take the place of a file.
fn block(place: &Path) {
    fs::write(place, "in the way").unwrap();
}

fn is_stray(broker: &Fixture) -> bool {
    let mut names = fs::read_dir(broker.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    names.any(|name| name.to_str().unwrap().ends_with("-stray"))
}

/// Three records, and a deletion that left them where they were.
async fn deleted_in_place() -> (Fixture, TopicId) {
    let broker = Fixture::start_with(UNDO).await;
    let id = broker.topic("orders", 1, &[]).await;
    for value in ["a", "b", "c"] {
        broker.append("orders", 0, &[value]).await;
    }
    block(&rests_at(&broker, id));
    broker.delete_topic(id).await;
    assert!(broker.folder.path().join("orders-0").exists());
    (broker, id)
}

/// The same, found by a start.
async fn missed_in_place() -> (Fixture, TopicId) {
    let (mut broker, id) = deleted().await;
    broker.stop().await;
    fs::rename(rests_at(&broker, id), broker.folder.path().join("orders-0")).unwrap();
    block(&rests_at(&broker, id));
    broker.start_again(UNDO).await;
    (broker, id)
}

async fn both() -> [(Fixture, TopicId); 2] {
    [deleted_in_place().await, missed_in_place().await]
}

#[tokio::test]
async fn log_that_was_not_moved_is_restored_from_where_it_lies() {
    for (broker, id) in both().await {
        assert_eq!(restore(&broker, id).await, Ok(id));
        broker.broker().partitions.recovered().await;
        assert_eq!(broker.values("orders", 0).await, ["a", "b", "c"]);
        assert_eq!(broker.append("orders", 0, &["d"]).await, 3);
        assert!(!is_stray(&broker));
    }
}

#[tokio::test]
async fn topic_of_the_same_name_fails_until_the_log_can_be_moved() {
    for (mut broker, id) in both().await {
        for round in 0..2 {
            let other = broker.topic("orders", 1, &[]).await;
            assert!(!broker.partition("orders", 0).ensure_open().await);
            if round == 1 {
                broker.stop().await;
                broker.start_again(UNDO).await;
                assert!(!broker.partition("orders", 0).ensure_open().await);
                fs::remove_file(rests_at(&broker, id)).unwrap();
                assert!(broker.partition("orders", 0).ensure_open().await);
                assert_eq!(broker.append("orders", 0, &["new"]).await, 0);
                assert!(rests_at(&broker, id).exists());
            }
            broker.delete_topic(other).await;
            assert_eq!(restore(&broker, id).await, Ok(id));
            broker.broker().partitions.recovered().await;
            assert_eq!(broker.values("orders", 0).await, ["a", "b", "c"]);
            if round == 0 {
                broker.delete_topic(id).await;
            }
        }
        assert!(!is_stray(&broker));
    }
}

#[tokio::test]
async fn log_that_was_not_moved_is_known_after_a_start() {
    for (mut broker, id) in both().await {
        broker.stop().await;
        broker.start_again(UNDO).await;
        assert_eq!(restore(&broker, id).await, Ok(id));
        broker.broker().partitions.recovered().await;
        assert_eq!(broker.values("orders", 0).await, ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn log_that_was_not_moved_is_removed_after_the_window() {
    let (mut broker, _) = deleted_in_place().await;
    broker.stop().await;
    broker.start_again(&[("weir.delete.topic.undo.ms", "1")]).await;
    let log = broker.folder.path().join("orders-0");
    until("the log is removed", || !log.exists()).await;
    broker.topic("orders", 1, &[]).await;
    assert_eq!(broker.append("orders", 0, &["new"]).await, 0);
}

/// While the log of the old topic is about to be removed, the new one gets hold of the name.
#[tokio::test]
async fn log_of_the_new_topic_outlives_the_window_of_the_old_one() {
    let (broker, id) = deleted_in_place().await;
    broker.topic("orders", 1, &[]).await;
    assert!(!broker.partition("orders", 0).ensure_open().await, "the name is taken");
    let host = Arc::clone(&broker.broker().partitions.host);
    host.resting.lock().clear();
    assert!(broker.partition("orders", 0).ensure_open().await);
    assert_eq!(broker.append("orders", 0, &["new"]).await, 0);
    assert_eq!(host.free_name("orders-0".to_owned(), id), None);
    assert_eq!(broker.values("orders", 0).await, ["new"]);
    assert!(broker.folder.path().join("orders-0").exists());
}

/// The same, a moment earlier.
#[tokio::test]
async fn name_that_was_freed_meanwhile_is_free() {
    let (broker, id) = deleted_in_place().await;
    let host = &broker.broker().partitions.host;
    host.resting.lock().clear();
    assert!(host.free_name("orders-0".to_owned(), id).is_some());
    host.make_way("orders-0").unwrap();
    broker.topic("orders", 1, &[]).await;
    assert_eq!(broker.append("orders", 0, &["new"]).await, 0);
}
