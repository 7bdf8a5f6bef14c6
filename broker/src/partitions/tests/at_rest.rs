//! Logs that nobody has open: closed ones, and those of tombstones.

use super::{
    undone::{UNDO, deleted, restore, rests_at},
    *,
};
use crate::api::fixture::until;
use partition_log::{Manifest, ManifestEntry};
use std::fs;

/// What its start makes of the logs if the machine was down meanwhile.
fn are_whole_after_another_boot(stopped: &Fixture) -> bool {
    for mark in ["partitions.clean", "partitions.boot"] {
        fs::write(stopped.folder.path().join(mark), "another boot").unwrap();
    }
    Known::read(&FileDisk::new(stopped.folder.path())).unwrap().is_whole()
}

async fn apply_retention(broker: &Fixture) {
    broker.broker().partitions.host.apply_retention().await;
}

#[tokio::test]
async fn idle_log_that_was_closed_outlives_the_machine() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let partition = broker.partition("orders", 0);
    partition.last_use.store(0, Ordering::Relaxed);
    apply_retention(&broker).await;
    assert!(partition.view().is_none(), "it is idle");
    broker.stop().await;
    assert!(are_whole_after_another_boot(&broker));
}

#[tokio::test]
async fn log_that_a_kill_left_closed_outlives_the_machine() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.broker().partitions.checkpoint().await.unwrap();
    let mut killed = broker.after_a_crash().await;
    killed.broker().partitions.recovered().await;
    assert!(killed.partition("orders", 0).view().is_none(), "it is as it was at the checkpoint");
    apply_retention(&killed).await;
    assert!(killed.partition("orders", 0).view().is_none());
    killed.stop().await;
    assert!(are_whole_after_another_boot(&killed));
}

fn resting(broker: &Fixture) -> Vec<(Closed, State)> {
    broker.broker().partitions.host.resting.lock().values().cloned().collect()
}

#[tokio::test]
async fn log_of_a_deleted_topic_outlives_the_machine() {
    let (mut broker, _) = deleted().await;
    until("it is on the device", || resting(&broker).iter().all(|(log, _)| log.unflushed().is_none())).await;
    broker.stop().await;
    assert!(are_whole_after_another_boot(&broker));
}

/// A stopped broker as the loss of its machine left it: of a deleted topic's three records only the first was flushed, and
/// the last one is zeros.
async fn lost_a_page() -> (Fixture, TopicId) {
    let (mut broker, id) = deleted().await;
    broker.stop().await;
    let folder = broker.folder.path();
    for mark in ["partitions.clean", "partitions.boot"] {
        fs::remove_file(folder.join(mark)).unwrap();
    }
    let manifest = folder.join("partitions.manifest");
    let mut known = Manifest::decode(&fs::read(&manifest).unwrap()).unwrap();
    known.logs[0].log = ManifestEntry { recovery_point: model::Offset(1), ..known.logs[0].log.clone() };
    fs::write(&manifest, known.encode()).unwrap();
    let segment = rests_at(&broker, id).join("00000000000000000000.log");
    let mut records = fs::read(&segment).unwrap();
    let lost = records.len() / 3 * 2;
    records[lost..].fill(0);
    fs::write(&segment, records).unwrap();
    (broker, id)
}

#[tokio::test]
async fn what_the_machine_lost_of_a_deleted_topic_is_known_before_the_boot_is_trusted() {
    let (mut broker, id) = lost_a_page().await;
    broker.start_again(UNDO).await;
    let mut killed = broker.left_behind().await;
    assert!(killed.folder.path().join("partitions.boot").exists());
    killed.start_again(UNDO).await;
    broker.stop().await;
    assert!(broker.folder.path().join("partitions.clean").exists());
    broker.start_again(UNDO).await;
    for broker in [broker, killed] {
        assert_eq!(restore(&broker, id).await, Ok(id));
        broker.broker().partitions.recovered().await;
        assert_eq!(broker.values("orders", 0).await, ["a", "b"]);
        assert_eq!(broker.append("orders", 0, &["again"]).await, 2);
    }
}

#[tokio::test]
async fn deleted_log_that_cannot_be_recovered_leaves_the_boot_and_the_stop_in_doubt() {
    let (mut broker, id) = lost_a_page().await;
    let segment = rests_at(&broker, id).join("00000000000000000000.log");
    fs::remove_file(&segment).unwrap();
    fs::create_dir(&segment).unwrap();
    broker.start_again(UNDO).await;
    broker.broker().partitions.recovered().await;
    broker.stop().await;
    for mark in ["partitions.clean", "partitions.boot"] {
        assert!(!broker.folder.path().join(mark).exists(), "{mark}");
    }
}
