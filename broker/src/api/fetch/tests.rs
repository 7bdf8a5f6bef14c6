mod followers;
mod nearest;
mod sessions;

use crate::api::fixture::{Fixture, batch, batch_with, fetch_partition, fetch_request, until, values, wire_name};
use kafka_protocol::{
    ResponseError as Code,
    messages::{BrokerId, fetch_request::FetchTopic},
};
use protocol::{compression::Compression, record_batch::BatchOptions};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

#[tokio::test]
async fn every_version_is_answered() {
    let broker = Fixture::start().await;
    let id = broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a", "b"]).await;
    for version in 4..=18 {
        let mut request = fetch_request("orders", &[(0, 0)]);
        if version >= 13 {
            request.topics[0].topic = wire_name("");
            request.topics[0].topic_id = id.0;
        }
        if version >= 15 {
            request.replica_id = BrokerId(-1);
            request.replica_state.replica_id = BrokerId(-1);
        }
        let response = broker.fetch(version, &request).await;
        let data = &response.responses[0].partitions[0];
        assert_eq!(values(data), ["a", "b"], "version {version}");
        assert_eq!((data.high_watermark, data.last_stable_offset), (2, 2));
    }
}

#[tokio::test]
async fn fetch_from_the_middle_of_a_batch_returns_the_whole_batch() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    broker.append("orders", 0, &["b", "c", "d"]).await;
    assert_eq!(values(&broker.fetch_one("orders", 0, 2).await), ["b", "c", "d"]);
}

#[tokio::test]
async fn end_of_the_log_is_empty_and_beyond_it_is_out_of_range() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let end = broker.fetch_one("orders", 0, 1).await;
    assert_eq!((end.error_code, end.records.unwrap_or_default().len(), end.high_watermark), (0, 0, 1));
    let beyond = broker.fetch_one("orders", 0, 2).await;
    assert_eq!((beyond.error_code, beyond.high_watermark), (Code::OffsetOutOfRange.code(), -1));
}

#[tokio::test]
async fn first_partition_with_records_returns_a_whole_batch_however_large() {
    let broker = Fixture::start().await;
    broker.topic("orders", 3, &[]).await;
    let large = "x".repeat(5000);
    for index in [1, 2] {
        broker.append("orders", index, &[&large]).await;
    }
    let mut request = fetch_request("orders", &[(0, 0), (1, 0), (2, 0)]).with_max_bytes(100);
    for partition in &mut request.topics[0].partitions {
        partition.partition_max_bytes = 50;
    }
    let response = broker.fetch(12, &request).await;
    let sizes: Vec<usize> = response.responses[0].partitions.iter().map(|data| values(data).len()).collect();
    assert_eq!(sizes, [0, 1, 0]);
}

#[tokio::test]
async fn partitions_are_answered_in_the_order_of_the_request() {
    let broker = Fixture::start().await;
    broker.topic("orders", 4, &[]).await;
    let request = fetch_request("orders", &[(3, 0), (0, 0), (2, 0)]);
    let response = broker.fetch(12, &request).await;
    let order: Vec<i32> = response.responses[0].partitions.iter().map(|data| data.partition_index).collect();
    assert_eq!(order, [3, 0, 2]);
}

#[tokio::test]
async fn read_committed_lists_aborted_transactions_and_read_uncommitted_does_not() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let uncommitted = broker.fetch_one("orders", 0, 0).await;
    assert_eq!(uncommitted.aborted_transactions, None);
    let request = fetch_request("orders", &[(0, 0)]).with_isolation_level(1);
    let committed = &broker.fetch(12, &request).await.responses[0].partitions[0].clone();
    assert_eq!(committed.aborted_transactions, Some(Vec::new()));
    assert_eq!(values(committed), ["a"]);
}

#[tokio::test]
async fn unknown_topics_and_ids_and_epochs_have_their_codes() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    assert_eq!(broker.fetch_one("nowhere", 0, 0).await.error_code, Code::UnknownTopicOrPartition.code());
    assert_eq!(broker.fetch_one("orders", 7, 0).await.error_code, Code::UnknownTopicOrPartition.code());
    let mut by_id = fetch_request("", &[(0, 0)]);
    by_id.topics[0].topic_id = uuid::Uuid::from_u128(99);
    let response = broker.fetch(13, &by_id).await;
    assert_eq!(response.responses[0].partitions[0].error_code, Code::UnknownTopicId.code());
    let epoch = broker.partition("orders", 0).leader_epoch().0;
    for (asked, code) in [(epoch, 0), (epoch + 1, Code::UnknownLeaderEpoch.code())] {
        let mut request = fetch_request("orders", &[(0, 0)]);
        request.topics[0].partitions[0].current_leader_epoch = asked;
        assert_eq!(broker.fetch(12, &request).await.responses[0].partitions[0].error_code, code);
    }
}

#[tokio::test]
async fn leader_epoch_rises_with_each_start_and_fences_the_one_before() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let before = broker.partition("orders", 0).leader_epoch();
    broker.restart().await;
    assert!(broker.partition("orders", 0).leader_epoch() > before);
    let mut request = fetch_request("orders", &[(0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = before.0;
    let response = broker.fetch(12, &request).await;
    assert_eq!(response.responses[0].partitions[0].error_code, Code::FencedLeaderEpoch.code());
}

#[tokio::test]
async fn old_clients_are_not_given_zstd() {
    let broker = Fixture::start().await;
    broker.topic("packed", 1, &[("compression.type", "zstd")]).await;
    broker.append("packed", 0, &["a"]).await;
    let request = fetch_request("packed", &[(0, 0)]);
    let old = broker.fetch(9, &request).await;
    assert_eq!(old.responses[0].partitions[0].error_code, Code::UnsupportedCompressionType.code());
    assert_eq!(values(&broker.fetch(10, &request).await.responses[0].partitions[0]), ["a"]);
}

#[tokio::test]
async fn compressed_batches_come_back_as_they_were_sent() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    for compression in Compression::ALL {
        let sent = batch_with(&BatchOptions { compression, ..BatchOptions::default() }, &["a", "b"]);
        assert_eq!(broker.produce("orders", 0, sent).await.error_code, 0);
    }
    assert_eq!(broker.values("orders", 0).await.len(), 2 * Compression::ALL.len());
}

#[tokio::test]
async fn followers_nobody_knows_are_turned_away() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let request = fetch_request("orders", &[(0, 0)]).with_replica_id(BrokerId(2));
    let response = broker.fetch(12, &request).await;
    assert_eq!(response.responses[0].partitions[0].error_code, Code::NotLeaderOrFollower.code());
}

#[tokio::test]
async fn large_extents_arrive_whole() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let value = "x".repeat(900_000);
    for _ in 0..3 {
        broker.append("orders", 0, &[&value]).await;
    }
    let mut request = fetch_request("orders", &[(0, 0)]);
    request.topics[0].partitions[0].partition_max_bytes = 10 << 20;
    let response = broker.fetch(12, &request).await;
    assert_eq!(values(&response.responses[0].partitions[0]), [value.as_str(), &value, &value]);
}

#[tokio::test]
async fn fetch_waits_for_records() {
    let broker = Arc::new(Fixture::start().await);
    broker.topic("orders", 1, &[]).await;
    let waiting = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.fetch(12, &fetch_request("orders", &[(0, 0)]).with_max_wait_ms(60_000)).await }
    });
    let partition = broker.partition("orders", 0);
    until("the fetch waits", || partition.is_watched()).await;
    broker.append("orders", 0, &["a"]).await;
    let response = waiting.await.unwrap();
    assert_eq!(values(&response.responses[0].partitions[0]), ["a"]);
    assert!(!partition.is_watched(), "a sessionless fetch leaves nothing behind");
}

#[tokio::test]
async fn fetches_that_wait_are_counted() {
    let broker = Arc::new(Fixture::start().await);
    broker.topic("orders", 1, &[]).await;
    let delayed = |count: u32| {
        let line = format!("purgatorysize{{delayedOperation=\"Fetch\"}} {count}\n");
        broker.broker().metrics.render().contains(&line)
    };
    assert!(delayed(0));
    let waiting = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.fetch(12, &fetch_request("orders", &[(0, 0)]).with_max_wait_ms(60_000)).await }
    });
    until("the fetch is counted", || delayed(1)).await;
    broker.append("orders", 0, &["a"]).await;
    waiting.await.unwrap();
    assert!(delayed(0));
}

#[tokio::test]
async fn fetch_waits_until_there_are_enough_bytes() {
    let broker = Arc::new(Fixture::start().await);
    broker.topic("orders", 2, &[]).await;
    let one = batch(&["0123456789"]).len();
    let request = fetch_request("orders", &[(0, 0), (1, 0)])
        .with_max_wait_ms(60_000)
        .with_min_bytes(i32::try_from(2 * one).unwrap());
    let waiting = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.fetch(12, &request).await }
    });
    let partition = broker.partition("orders", 1);
    until("the fetch waits", || partition.is_watched()).await;
    broker.append("orders", 0, &["0123456789"]).await;
    assert!(!waiting.is_finished());
    broker.append("orders", 1, &["0123456789"]).await;
    let response = waiting.await.unwrap();
    let counts: Vec<usize> = response.responses[0].partitions.iter().map(|data| values(data).len()).collect();
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn fetch_without_records_ends_after_max_wait() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let started = Instant::now();
    let response = broker.fetch(12, &fetch_request("orders", &[(0, 0)]).with_max_wait_ms(100)).await;
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(response.responses[0].partitions.len(), 1);
}

#[tokio::test]
async fn deleting_the_topic_ends_the_wait() {
    let broker = Arc::new(Fixture::start().await);
    let id = broker.topic("orders", 1, &[]).await;
    let waiting = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.fetch(12, &fetch_request("orders", &[(0, 0)]).with_max_wait_ms(60_000)).await }
    });
    let partition = broker.partition("orders", 0);
    until("the fetch waits", || partition.is_watched()).await;
    broker.delete_topic(id).await;
    let response = waiting.await.unwrap();
    assert_eq!(response.responses[0].partitions[0].error_code, Code::UnknownTopicOrPartition.code());
}

#[tokio::test]
async fn records_survive_a_clean_restart() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a", "b"]).await;
    broker.restart().await;
    assert_eq!(broker.values("orders", 0).await, ["a", "b"]);
    assert_eq!(broker.append("orders", 0, &["c"]).await, 2);
    let topic = FetchTopic::default().with_topic(wire_name("orders")).with_partitions(vec![fetch_partition(0, 0)]);
    let response = broker.fetch(12, &fetch_request("orders", &[]).with_topics(vec![topic])).await;
    assert_eq!(values(&response.responses[0].partitions[0]), ["a", "b", "c"]);
}
