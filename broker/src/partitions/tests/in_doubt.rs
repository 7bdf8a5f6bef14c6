//! Metadata that arrives while logs are to be recovered, and the threads for that are busy.

use super::{
    gate::Gate,
    undone::{UNDO, restore},
    *,
};
use crate::api::fixture::second_broker::{ME, OTHER};
use partition_log::Crash;
use std::time::Duration;

/// One that is done only once the gate is opened fails the test.
async fn before_the_recovery<T>(what: &str, done: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), done).await.unwrap_or_else(|_| panic!("{what} waits for a recovery"))
}

/// A record in each of two topics. The log of the first one waits for its recovery, behind others.
async fn with_a_log_in_doubt(keys: &[(&str, &str)]) -> (Fixture, TopicId, Arc<Gate>) {
    let broker = Fixture::start_with(keys).await;
    broker.broker().partitions.recovered().await;
    let id = broker.topic("orders", 1, &[("file.delete.delay.ms", "0")]).await;
    broker.topic("open", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.append("open", 0, &["a"]).await;
    let gate = Gate::before(&broker.broker().partitions.host.recoveries, disk_pool::MAX_THREADS);
    let partition = broker.partition("orders", 0);
    let closed = partition.exclusive(queue::Need::Device, |partition, writer| {
        partition.close_log(writer);
        let entry = writer.manifest_entry().map(Box::new);
        writer.log = writer::LogState::Closed(Closed::Unclean(entry, Crash::Machine));
        partition.set_state(State::Recovering);
    });
    closed.await.unwrap();
    partition.queue_job(queue::Need::Log, |_, _| {});
    (broker, id, gate)
}

#[tokio::test]
async fn metadata_does_not_wait_for_a_recovery() {
    let (broker, _, gate) = with_a_log_in_doubt(&[]).await;
    let partition = broker.partition("orders", 0);
    let epoch = partition.leader_epoch();
    let led_by = |leader, later, topic| {
        let epoch = model::LeaderEpoch(epoch.0 + later);
        vec![broker.other_comes(None), broker.led_by(leader, epoch, topic, PartitionIndex(0))]
    };
    for (later, leader) in [(1, OTHER), (2, ME)] {
        for topic in ["orders", "open"] {
            before_the_recovery("a change", broker.learn(led_by(leader, later, topic))).await;
        }
    }
    assert_eq!(broker.partition("open", 0).leader_epoch().0, epoch.0 + 2);
    assert_eq!((partition.state(), partition.leader_epoch()), (State::Recovering, epoch));
    gate.open();
    // Behind what the metadata asks for.
    assert_eq!(partition.exclusive(queue::Need::Log, |_, writer| writer.is_open()).await, Some(true));
    assert_eq!((partition.state(), partition.leader_epoch().0), (State::Serving, epoch.0 + 2));
}

#[tokio::test]
async fn topic_is_deleted_and_made_anew_before_its_recovery() {
    let (broker, id, gate) = with_a_log_in_doubt(&[]).await;
    before_the_recovery("the deletion", broker.delete_topic(id)).await;
    assert!(!broker.folder.path().join("orders-0").exists());
    broker.topic("orders", 1, &[]).await;
    let appended = before_the_recovery("the new topic", broker.append("orders", 0, &["new"])).await;
    assert_eq!(appended, 0);
    gate.open();
    broker.broker().partitions.host.recoveries.run(|| ()).await;
    assert_eq!(broker.values("orders", 0).await, ["new"]);
    assert_eq!(broker.broker().metrics.log().storage_errors.get(), 0);
}

#[tokio::test]
async fn deletion_before_a_recovery_is_undone() {
    let (broker, id, gate) = with_a_log_in_doubt(UNDO).await;
    before_the_recovery("the deletion", broker.delete_topic(id)).await;
    assert!(!broker.folder.path().join("orders-0").exists());
    assert_eq!(before_the_recovery("the restoration", restore(&broker, id)).await, Ok(id));
    gate.open();
    broker.broker().partitions.recovered().await;
    assert_eq!(broker.values("orders", 0).await, ["a"]);
    assert_eq!(broker.append("orders", 0, &["b"]).await, 1);
}
