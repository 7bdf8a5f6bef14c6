//! A disk that takes no more is known by what waits for it.

use super::*;
use crate::api::fixture::until;
use roles::{ME, OTHER, assign, assignment};

/// A leader with a follower and a record. A sync may take a second.
async fn leader(flush_messages: &str) -> (Fixture, Arc<Partition>) {
    let broker = Fixture::start_with(&[("replica.lag.time.max.ms", "1000")]).await;
    broker.topic("orders", 1, &[("flush.messages", flush_messages)]).await;
    broker.append("orders", 0, &["a"]).await;
    let partition = broker.partition("orders", 0);
    assign(&partition, assignment(ME, partition.leader_epoch().0 + 1, &[ME, OTHER])).await;
    (broker, partition)
}

fn append(partition: &Arc<Partition>) -> JoinHandle<bool> {
    let (partition, prepared) = (Arc::clone(partition), partition_log::PreparedBatch::new(batch(&["more"])).unwrap());
    tokio::spawn(async move { partition.append_and_wait(prepared, RequiredAcks::Leader).await.is_ok() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_does_not_end_is_a_disk_that_stands_still() {
    let (broker, partition) = leader("1000").await;
    let partitions = &broker.broker().partitions;
    assert!(!partitions.disk_stands_still());
    partitions.host.disk.writes.hang_next();
    let appending = append(&partition);
    until("it is found", || partitions.disk_stands_still()).await;
    partitions.host.disk.writes.go_on(false);
    assert!(appending.await.unwrap());
    assert!(!partitions.disk_stands_still());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partition_that_nobody_else_could_lead_does_not_count() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let host = &broker.broker().partitions.host;
    host.disk.writes.hang_next();
    let appending = append(&broker.partition("orders", 0));
    until("it waits", || host.disk.writes.one_hangs()).await;
    let long = Duration::from_secs(3600);
    let looks = [Duration::ZERO, long, 2 * long].map(|later| host.clock.now() + later);
    assert_eq!(looks.map(|at| host.disk_work.stands_still(at, host.lag_max)), [false; 3]);
    host.disk.writes.go_on(false);
    assert!(appending.await.unwrap());
}

#[tokio::test]
async fn sync_that_is_waited_for_may_take_as_long_as_a_follower_may_lag() {
    let (broker, partition) = leader("1").await;
    let partitions = &broker.broker().partitions;
    partitions.host.disk.syncs.hang_next();
    let appending = append(&partition);
    until("it is found", || partitions.disk_stands_still()).await;
    partitions.host.disk.syncs.go_on(false);
    assert!(appending.await.unwrap());
    assert!(!partitions.disk_stands_still());
}

#[tokio::test]
async fn sync_counts_from_when_somebody_waits_for_it() {
    let (broker, partition) = leader("2").await;
    let host = &broker.broker().partitions.host;
    host.disk.syncs.hang_next();
    let flushing = tokio::spawn(Arc::clone(&partition).flush());
    until("it is on its way", || host.disk.syncs.one_hangs()).await;
    let long = Duration::from_secs(3600);
    let looks = [Duration::ZERO, long].map(|later| host.clock.now() + later);
    assert_eq!(looks.map(|at| host.disk_work.stands_still(at, host.lag_max)), [false; 2], "nobody does");
    let appending = [append(&partition), append(&partition)];
    until("they are held back", || partition.offsets().log_end == model::Offset(3)).await;
    let looks = [2, 3, 4].map(|later| host.clock.now() + later * long);
    assert_eq!(looks.map(|at| host.disk_work.stands_still(at, host.lag_max)), [false, true, true]);
    host.disk.syncs.go_on(false);
    for appended in appending {
        assert!(appended.await.unwrap());
    }
    flushing.await.unwrap();
}
