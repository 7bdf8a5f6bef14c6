//! Topics with `flush.messages=1`, while the threads for syncs are held up.

use super::*;
use crate::api::fixture::until;
use futures_util::future::join_all;
use gate::Gate;
use model::{LeaderEpoch, Offset};
use partition_log::Crash;
use roles::{ME, OTHER, asks, assign, assignment, records, stored};

async fn durable_topic() -> (Arc<Fixture>, Arc<Gate>) {
    let broker = Arc::new(Fixture::start().await);
    broker.topic("durable", 1, &[("flush.messages", "1")]).await;
    assert_eq!(broker.append("durable", 0, &["first"]).await, 0);
    let gate = Gate::before(&broker.broker().partitions.host.syncs, disk_pool::MAX_SYNC_THREADS);
    (broker, gate)
}

fn waiting_produces(broker: &Fixture, count: usize) -> bool {
    let line = format!("purgatorysize{{delayedOperation=\"Produce\"}} {count}\n");
    broker.broker().metrics.render().contains(&line)
}

#[tokio::test]
async fn requests_that_wait_for_the_device_are_counted() {
    let (broker, gate) = durable_topic().await;
    let waiting = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.append("durable", 0, &["second"]).await }
    });
    until("the produce is counted", || waiting_produces(&broker, 1)).await;
    assert!(!waiting.is_finished());
    assert_eq!(broker.values("durable", 0).await, ["first"], "seen before it is on the device");
    gate.open();
    assert_eq!(waiting.await.unwrap(), 1);
    assert!(waiting_produces(&broker, 0));
}

#[tokio::test]
async fn appends_during_a_flush_share_the_next() {
    let (broker, gate) = durable_topic().await;
    let flushes = || broker.broker().metrics.log().flush_time_us.snapshot().count;
    let before = flushes();
    let produces = (0..20).map(|_| {
        let broker = Arc::clone(&broker);
        tokio::spawn(async move { broker.append("durable", 0, &["more"]).await })
    });
    let produces: Vec<_> = produces.collect();
    until("all wait", || waiting_produces(&broker, 20)).await;
    gate.open();
    join_all(produces).await.into_iter().for_each(|offset| assert!(offset.unwrap() > 0));
    assert!(flushes() - before <= 2, "{} flushes of 20 records", flushes() - before);
    assert_eq!(broker.values("durable", 0).await.len(), 21);
}

#[tokio::test]
async fn log_that_is_read_anew_during_a_flush_is_flushed_again() {
    let (broker, gate) = durable_topic().await;
    let refused = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.produce("durable", 0, batch(&["in doubt"])).await.error_code }
    });
    until("it waits", || waiting_produces(&broker, 1)).await;
    let partition = broker.partition("durable", 0);
    partition.exclusive(queue::Need::Nothing, |partition, writer| partition.distrust(writer, Crash::Process)).await;
    assert_eq!(refused.await.unwrap(), Code::KafkaStorageError.code());
    assert!(partition.ensure_open().await);
    assert_eq!(broker.values("durable", 0).await, ["first"], "the device has not taken the other one yet");
    let again = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.append("durable", 0, &["certain"]).await }
    });
    until("the next waits", || waiting_produces(&broker, 1)).await;
    gate.open();
    assert_eq!(again.await.unwrap(), 2);
    assert_eq!(broker.values("durable", 0).await, ["first", "in doubt", "certain"]);
}

/// A follower that has "first" on its device and appended "second" of the leader's epoch, the second one; that epoch.
async fn with_a_record_to_flush(broker: &Arc<Fixture>) -> (Arc<Partition>, i32) {
    let partition = broker.partition("durable", 0);
    let epoch = partition.leader_epoch().0 + 1;
    assign(&partition, assignment(OTHER, epoch, &[ME, OTHER])).await;
    broker.broker().partitions.moved().await;
    let asked = asks(partition.following().await);
    let taking = Arc::clone(&partition);
    tokio::spawn(async move { taking.take_answer(asked, records(1), stored("second", 1, epoch)).await });
    until("it is appended", || partition.offsets().log_end == Offset(2)).await;
    (partition, epoch)
}

#[tokio::test]
async fn follower_that_was_elected_counts_what_its_device_has() {
    let (broker, gate) = durable_topic().await;
    let (partition, epoch) = with_a_record_to_flush(&broker).await;
    assign(&partition, assignment(ME, epoch + 1, &[ME])).await;
    assert_eq!(broker.values("durable", 0).await, ["first"]);
    gate.open();
    until("the device has it", || partition.offsets().high_watermark == Offset(2)).await;
    assert_eq!(broker.values("durable", 0).await, ["first", "second"]);
}

#[tokio::test]
async fn follower_with_a_log_that_is_read_anew_asks_once_its_device_has_it() {
    for closes in [false, true] {
        let (broker, gate) = durable_topic().await;
        let (partition, epoch) = with_a_record_to_flush(&broker).await;
        let read_anew = partition.exclusive(queue::Need::Device, move |partition, writer| {
            if closes { partition.close_log(writer) } else { partition.distrust(writer, Crash::Process) }
        });
        read_anew.await.unwrap();
        for _ in 0..2 {
            let following = partition.following().await;
            assert!(matches!(following, Following::Waits { leader: OTHER, .. }), "{following:?}");
            assert!(partition.ensure_open().await);
        }
        gate.open();
        broker.broker().partitions.moved().await;
        let next = asks(partition.following().await);
        assert_eq!((next.offset, next.last_fetched_epoch), (Offset(2), LeaderEpoch(epoch)));
    }
}

#[tokio::test]
async fn what_a_killed_process_did_not_flush_is_flushed_unasked() {
    let (broker, gate) = durable_topic().await;
    let waiting = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.append("durable", 0, &["second"]).await }
    });
    until("it waits", || waiting_produces(&broker, 1)).await;
    broker.broker().partitions.checkpoint().await.unwrap();
    let started = broker.after_a_crash().await;
    let partition = started.partition("durable", 0);
    until("its device has it", || partition.offsets().high_watermark == Offset(2)).await;
    let flushed =
        partition.exclusive(queue::Need::Nothing, |_, writer| writer.manifest_entry().unwrap().recovery_point);
    assert_eq!(flushed.await, Some(Offset(2)));
    assert_eq!(started.values("durable", 0).await, ["first", "second"]);
    gate.open();
    assert_eq!(waiting.await.unwrap(), 1);
}

#[tokio::test]
async fn stop_does_not_wait_for_a_device_that_hangs() {
    let (broker, gate) = durable_topic().await;
    let waiting = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.produce("durable", 0, batch(&["second"])).await.error_code }
    });
    until("it waits", || waiting_produces(&broker, 1)).await;
    tokio::time::pause();
    broker.broker().partitions.shutdown().await.unwrap();
    assert!(broker.partition("durable", 0).view().is_none(), "the log is still open");
    gate.open();
    waiting.abort();
}

/// An answer that begins an epoch takes two writes.
#[tokio::test]
async fn follower_whose_disk_took_part_of_an_answer_says_so_once_it_is_synced() {
    let (broker, gate) = durable_topic().await;
    let partition = broker.partition("durable", 0);
    let epoch = partition.leader_epoch().0 + 1;
    assign(&partition, assignment(OTHER, epoch + 1, &[ME, OTHER])).await;
    broker.broker().partitions.moved().await;
    let asked = asks(partition.following().await);
    // In the way of the file of epochs, which the second batch needs.
    let in_the_way = broker.folder.path().join("durable-0/leader-epoch-checkpoint.tmp");
    let answer = [stored("second", 1, epoch - 1), stored("third", 2, epoch)].concat();
    std::fs::create_dir(&in_the_way).unwrap();
    let taking = tokio::spawn({
        let partition = Arc::clone(&partition);
        async move { partition.take_answer(asked, records(1), answer.into()).await }
    });
    until("part of it is appended", || partition.offsets().log_end == Offset(2)).await;
    let following = partition.following().await;
    assert!(matches!(following, Following::Waits { leader: OTHER, .. }), "{following:?}");
    let (holds_back, durable_end) = partition
        .exclusive(queue::Need::Nothing, |_, writer| (writer.flush.holds_back, writer.flush.durable_end))
        .await
        .unwrap();
    assert_eq!((holds_back, durable_end), (true, Offset(1)));
    std::fs::remove_dir(&in_the_way).unwrap();
    gate.open();
    taking.await.unwrap();
    let synced = partition.exclusive(queue::Need::Nothing, |_, writer| !writer.flush.holds_back).await;
    assert_eq!((synced, partition.offsets().log_end), (Some(true), Offset(2)));
}

#[tokio::test]
async fn record_whose_sync_failed_is_refused_and_not_lost() {
    let broker = Fixture::start().await;
    broker.topic("durable", 1, &[("flush.messages", "1")]).await;
    broker.append("durable", 0, &["first"]).await;
    losses::give_log_life(&broker);
    let syncs = Arc::clone(&broker.broker().partitions.host.disk.syncs);
    syncs.go_on(true);
    let refused = broker.produce("durable", 0, batch(&["second"])).await;
    assert_eq!(refused.error_code, Code::KafkaStorageError.code());
    assert!(!losses::has_log_life(&broker));
    syncs.go_on(false);
    let partition = broker.partition("durable", 0);
    assert!(partition.ensure_open().await);
    until("a later sync took it", || partition.offsets().high_watermark == Offset(2)).await;
    assert_eq!(broker.append("durable", 0, &["third"]).await, 2);
    assert_eq!(broker.values("durable", 0).await, ["first", "second", "third"]);
}
