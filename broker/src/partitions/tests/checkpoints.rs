use super::{
    roles::{ME, OTHER, asks, assign, assignment, other_has, records, stored},
    *,
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use model::{LeaderEpoch, Offset};
use partition_log::Manifest;
use replication::FetchAnswer;
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

/// Of the follower's log: a leader that took the entry's word would have its followers drop what they acknowledged.
#[tokio::test]
async fn log_that_was_cut_and_grew_to_the_same_length_is_not_the_one_of_the_checkpoint() {
    for is_closed in [false, true] {
        let broker = Fixture::start().await;
        broker.topic("orders", 1, &[]).await;
        broker.append("orders", 0, &["a"]).await;
        broker.append("orders", 0, &["b"]).await;
        let partition = broker.partition("orders", 0);
        if is_closed {
            partition.exclusive(queue::Need::Device, |partition, writer| partition.close_log(writer)).await;
        }
        broker.broker().partitions.checkpoint().await.unwrap();
        let (before, later) = (partition.leader_epoch(), partition.leader_epoch().0 + 5);
        let length = || fs::metadata(broker.first_segment("orders", 0)).unwrap().len();
        let at_checkpoint = length();
        assign(&partition, assignment(OTHER, later, &[ME, OTHER])).await;
        let asked = asks(partition.following().await);
        let diverging = FetchAnswer::Diverging { epoch: before, end: Offset(1) };
        let next = asks(partition.take_answer(asked, diverging, Bytes::new()).await);
        partition.take_answer(next, records(2), stored("c", 1, later)).await;
        assert_eq!(length(), at_checkpoint);

        let crashed = broker.after_a_crash().await;
        let partition = crashed.partition("orders", 0);
        crashed.broker().partitions.recovered().await;
        assign(&partition, assignment(ME, later + 1, &[ME])).await;
        let (follower, asks) = other_has(later + 1, later, 2);
        assert_eq!(partition.follower_asks(follower, asks).await, Ok(()), "it has all that this leader has");
        assert_eq!(crashed.values("orders", 0).await, ["a", "c"]);
    }
}

#[tokio::test]
async fn checkpoint_has_the_epoch_of_a_leadership_that_appended_nothing() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.broker().partitions.checkpoint().await.unwrap();
    let partition = broker.partition("orders", 0);
    assign(&partition, assignment(ME, 7, &[ME])).await;
    broker.broker().partitions.checkpoint().await.unwrap();
    assert_eq!(manifest(&broker).logs[0].log.latest_epoch, LeaderEpoch(7));
    let crashed = broker.after_a_crash().await;
    assert_eq!(crashed.partition("orders", 0).state(), State::Serving);
    assert!(crashed.partition("orders", 0).view().is_none(), "there is nothing to recover");
}
