use super::*;
use futures_util::FutureExt as _;
use partition_log::Manifest;
use std::{fs, sync::mpsc};

fn manifest(broker: &Fixture) -> Manifest {
    Manifest::decode(&fs::read(broker.folder.path().join("partitions.manifest")).unwrap()).unwrap()
}

fn log_ends(broker: &Fixture) -> Vec<(String, i64)> {
    manifest(broker).logs.into_iter().map(|one| (one.log.folder, one.log.log_end.0)).collect()
}

#[tokio::test]
async fn what_a_failed_checkpoint_left_out_is_in_the_next() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let partitions = &broker.broker().partitions;
    partitions.host.disk.full.store(true, Ordering::Relaxed);
    assert!(partitions.checkpoint().await.is_err());
    partitions.host.disk.full.store(false, Ordering::Relaxed);
    partitions.checkpoint().await.unwrap();
    assert_eq!(log_ends(&broker), [("orders-0".to_owned(), 1)]);
}

#[tokio::test]
async fn checkpoint_that_nobody_waits_for_any_more_is_finished() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let (release, released) = mpsc::channel();
    broker.partition("orders", 0).queue_job(queue::Need::Device, move |_, _| released.recv().unwrap());
    let partitions = &broker.broker().partitions;
    assert!(partitions.checkpoint().now_or_never().is_none(), "the partition is busy");
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    partitions.checkpoint().await.unwrap();
    assert_eq!(log_ends(&broker), [("orders-0".to_owned(), 1)]);
}

#[tokio::test]
async fn log_that_cannot_be_recovered_leaves_the_boot_in_doubt() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let mut left = broker.left_behind().await;
    let boot = left.folder.path().join("partitions.boot");
    // As after a crash of the machine, on a disk that does not give a segment back.
    fs::remove_file(&boot).unwrap();
    fs::remove_file(left.first_segment("orders", 0)).unwrap();
    fs::create_dir(left.first_segment("orders", 0)).unwrap();
    left.start_again(&[]).await;
    left.broker().partitions.recovered().await;
    assert_eq!(left.partition("orders", 0).state(), State::Failed);
    assert!(!boot.exists());
}
