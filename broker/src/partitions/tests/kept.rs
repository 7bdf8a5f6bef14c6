//! What is known of a log outlives its deletion and restoration: where it starts, and what it may have lost.

use super::{
    undone::{UNDO, deleted, restore, rests_at},
    *,
};
use model::Offset;
use partition_log::Crash;
use std::fs;

/// Three records of which the first was deleted, durably.
async fn with_deleted_records() -> (Fixture, TopicId) {
    let broker = Fixture::start_with(UNDO).await;
    let id = broker.topic("orders", 1, &[]).await;
    for value in ["a", "b", "c"] {
        broker.append("orders", 0, &[value]).await;
    }
    assert_eq!(broker.partition("orders", 0).delete_records(Some(Offset(1))).await, Ok(Offset(1)));
    broker.broker().partitions.checkpoint().await.unwrap();
    (broker, id)
}

async fn assert_deleted_records_stay_deleted(broker: &Fixture) {
    broker.broker().partitions.recovered().await;
    let partition = broker.partition("orders", 0);
    assert!(partition.ensure_open().await);
    assert_eq!((partition.offsets().log_start, partition.offsets().log_end), (Offset(1), Offset(3)));
}

#[tokio::test]
async fn deleted_records_of_a_log_that_could_not_be_closed_stay_deleted() {
    let (broker, id) = with_deleted_records().await;
    let full = Arc::clone(&broker.broker().partitions.host.disk.full);
    full.store(true, Ordering::Relaxed);
    broker.delete_topic(id).await;
    full.store(false, Ordering::Relaxed);
    assert_eq!(restore(&broker, id).await, Ok(id));
    assert_deleted_records_stay_deleted(&broker).await;
}

#[tokio::test]
async fn deleted_records_stay_deleted_after_a_crash_behind_a_deletion() {
    let (broker, id) = with_deleted_records().await;
    broker.delete_topic(id).await;
    let mut crashed = broker.left_behind().await;
    crashed.start_again(UNDO).await;
    assert_eq!(restore(&crashed, id).await, Ok(id));
    assert_deleted_records_stay_deleted(&crashed).await;
}

#[tokio::test]
async fn deleted_records_stay_deleted_after_a_crash_behind_a_restoration() {
    for name_was_taken in [false, true] {
        let (broker, id) = with_deleted_records().await;
        broker.delete_topic(id).await;
        let mut other = None;
        if name_was_taken {
            other = Some(broker.topic("orders", 1, &[]).await);
            broker.append("orders", 0, &["of another topic"]).await;
        }
        broker.broker().partitions.checkpoint().await.unwrap();
        if let Some(other) = other {
            broker.delete_topic(other).await;
        }
        assert_eq!(restore(&broker, id).await, Ok(id));
        let mut crashed = broker.left_behind().await;
        crashed.start_again(UNDO).await;
        assert_deleted_records_stay_deleted(&crashed).await;
        assert_eq!(crashed.append("orders", 0, &["d"]).await, 3);
        if let Some(other) = other {
            crashed.delete_topic(id).await;
            assert_eq!(restore(&crashed, other).await, Ok(other));
            crashed.broker().partitions.recovered().await;
            assert_eq!(crashed.values("orders", 0).await, ["of another topic"]);
        }
        assert!(!rests_at(&crashed, id).exists() || name_was_taken);
    }
}

/// The machine may have lost some of it, and nobody could look yet.
#[tokio::test]
async fn doubt_about_a_log_that_failed_is_kept_when_its_topic_is_deleted() {
    let (broker, id) = with_deleted_records().await;
    let partition = broker.partition("orders", 0);
    // Whose it is can be neither read nor written.
    let of_whom = broker.folder.path().join("orders-0/partition.metadata");
    fs::remove_file(&of_whom).unwrap();
    fs::create_dir(&of_whom).unwrap();
    partition.exclusive(queue::Need::Nothing, |partition, writer| partition.distrust(writer, Crash::Machine)).await;
    assert!(!partition.ensure_open().await);
    broker.delete_topic(id).await;
    let host = &broker.broker().partitions.host;
    assert!(host.rest_in_doubt());
    let known: Vec<_> = host.resting.lock().values().filter_map(|(log, _)| log.entry().cloned()).collect();
    assert_eq!((known.len(), known[0].log_start), (1, Offset(1)));
}

/// The entry is under the name of before, and its log is still looked for in the folder it came from.
#[tokio::test]
async fn log_that_was_moved_since_the_last_checkpoint_is_as_it_was() {
    let (mut broker, id) = deleted().await;
    broker.stop().await;
    broker.start_again(UNDO).await;
    assert_eq!(restore(&broker, id).await, Ok(id));
    let mut crashed = broker.left_behind().await;
    crashed.start_again(UNDO).await;
    let partition = crashed.partition("orders", 0);
    assert_eq!((partition.state(), partition.offsets().log_end), (State::Serving, Offset(3)));
    assert!(partition.view().is_none(), "nothing is recovered");
}
