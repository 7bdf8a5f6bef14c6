mod anew;
mod at_rest;
mod checkpoints;
mod descriptors;
mod flushing;
mod gate;
mod in_doubt;
mod kept;
mod losses;
mod overtaken;
mod recovery;
mod roles;
mod shown;
mod standstill;
mod undone;
mod unmoved;
mod upkeep;
mod waiting;

use super::*;
use crate::api::fixture::{Fixture, batch};
use kafka_protocol::ResponseError as Code;
use std::sync::atomic::Ordering;

#[test]
fn idle_partition_is_at_most_a_kibibyte() {
    assert!(size_of::<Partition>() <= 1024, "{} bytes", size_of::<Partition>());
}

#[tokio::test]
async fn new_partitions_touch_no_disk_until_they_are_used() {
    let broker = Fixture::start().await;
    broker.topic("orders", 100, &[]).await;
    assert!(!broker.first_segment("orders", 0).exists());
    broker.append("orders", 0, &["a"]).await;
    assert!(broker.first_segment("orders", 0).exists());
    assert!(!broker.first_segment("orders", 1).exists());
    assert!(broker.partition("orders", 1).view().is_none());
}

#[tokio::test]
async fn full_disk_refuses_appends_serves_reads_and_heals() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let full = Arc::clone(&broker.broker().partitions.host.disk.full);
    full.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        let refused = broker.produce("orders", 0, batch(&["lost"])).await;
        assert_eq!(refused.error_code, Code::KafkaStorageError.code());
    }
    assert_eq!(broker.values("orders", 0).await, ["a"]);
    assert!(broker.broker().metrics.log().storage_errors.get() >= 2);
    full.store(false, Ordering::Relaxed);
    assert_eq!(broker.append("orders", 0, &["b"]).await, 1);
    assert_eq!(broker.values("orders", 0).await, ["a", "b"]);
}

#[tokio::test]
async fn log_first_used_on_a_full_disk_is_read_and_heals() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.restart().await;
    let full = Arc::clone(&broker.broker().partitions.host.disk.full);
    full.store(true, Ordering::Relaxed);
    assert_eq!(broker.values("orders", 0).await, ["a"]);
    assert_eq!(broker.produce("orders", 0, batch(&["lost"])).await.error_code, Code::KafkaStorageError.code());
    full.store(false, Ordering::Relaxed);
    assert_eq!(broker.append("orders", 0, &["b"]).await, 1);
    assert_eq!(broker.values("orders", 0).await, ["a", "b"]);
    let partition = broker.partition("orders", 0);
    assert_eq!(partition.view().unwrap().latest_epoch(), Some(partition.leader_epoch()));
}

#[tokio::test]
async fn topic_made_anew_begins_at_0() {
    let broker = Fixture::start().await;
    let id = broker.topic("orders", 1, &[("file.delete.delay.ms", "0")]).await;
    broker.append("orders", 0, &["old"]).await;
    broker.delete_topic(id).await;
    assert!(broker.broker().partitions.get("orders", PartitionIndex(0)).is_none());
    broker.topic("orders", 1, &[]).await;
    assert_eq!(broker.append("orders", 0, &["new"]).await, 0);
    assert_eq!(broker.values("orders", 0).await, ["new"]);
}

#[tokio::test]
async fn waiting_append_of_a_deleted_topic_is_refused() {
    let broker = Fixture::start().await;
    let id = broker.topic("orders", 1, &[]).await;
    let partition = broker.partition("orders", 0);
    broker.delete_topic(id).await;
    let prepared = partition_log::PreparedBatch::new(batch(&["a"])).unwrap();
    assert_eq!(partition.append_and_wait(prepared, RequiredAcks::All).await, Err(AppendError::Deleted));
}

#[tokio::test]
async fn internal_reads_follow_each_other_to_the_end() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    for value in ["a", "b", "c"] {
        broker.append("orders", 0, &[value]).await;
    }
    let partition = broker.partition("orders", 0);
    let mut from = model::Offset::ZERO;
    let mut reads = 0;
    loop {
        let request = ReadRequest { from, max_bytes: 1, isolation: Isolation::ReadUncommitted };
        let read = partition.read(request).await.unwrap();
        if read.batches.is_empty() {
            break;
        }
        from = read.next_offset;
        reads += 1;
    }
    assert_eq!((reads, from), (3, model::Offset(3)));
}
