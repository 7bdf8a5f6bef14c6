use super::*;
use crate::api::fixture::{Fixture, wire_name};
use kafka_protocol::messages::BrokerId;
use model::WallTime;
use protocol::{
    codec_versions,
    record_batch::{BatchOptions, RecordData, build_batch},
};

async fn list(broker: &Fixture, version: i16, asked: &[(i32, i64)]) -> Vec<ListOffsetsPartitionResponse> {
    let partition = |(index, timestamp): &(i32, i64)| {
        ListOffsetsPartition::default().with_partition_index(*index).with_timestamp(*timestamp)
    };
    let topic = ListOffsetsTopic::default()
        .with_name(wire_name("orders"))
        .with_partitions(asked.iter().map(partition).collect());
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let codec_version = codec_versions::of_request(ApiKey::ListOffsets as i16, version).unwrap();
    let response = broker.ask_raw(handle, version, &request, codec_version).await;
    let response: ListOffsetsResponse = response;
    response.topics[0].partitions.clone()
}

async fn one(broker: &Fixture, timestamp: i64) -> (i16, i64, i64) {
    let found = list(broker, 10, &[(0, timestamp)]).await.remove(0);
    (found.error_code, found.timestamp, found.offset)
}

/// Offset = index; times go up and down.
async fn with_records() -> Fixture {
    let broker = Fixture::start().await;
    let configs = [("message.timestamp.after.max.ms", "9223372036854775807")];
    broker.topic("orders", 2, &configs).await;
    for timestamps in [&[100_i64, 300][..], &[200], &[500, 400]] {
        let record = |timestamp: &i64| RecordData {
            timestamp: WallTime(*timestamp),
            key: Some(b"k"),
            value: Some(b"v"),
            headers: &[],
        };
        let records: Vec<_> = timestamps.iter().map(record).collect();
        let batch = build_batch(&BatchOptions::default(), &records).unwrap();
        assert_eq!(broker.produce("orders", 0, batch).await.error_code, 0);
    }
    broker
}

#[tokio::test]
async fn special_timestamps_name_the_ends_of_the_log() {
    let broker = with_records().await;
    assert_eq!(one(&broker, LATEST).await, (0, -1, 5));
    assert_eq!(one(&broker, EARLIEST).await, (0, -1, 0));
    assert_eq!(one(&broker, EARLIEST_LOCAL).await, (0, -1, 0));
    assert_eq!(one(&broker, LATEST_TIERED).await, (0, -1, -1));
    assert_eq!(one(&broker, MAX_TIMESTAMP).await, (0, 500, 3));
}

#[tokio::test]
async fn time_finds_the_first_record_at_or_after_it() {
    let broker = with_records().await;
    assert_eq!(one(&broker, 0).await, (0, 100, 0));
    assert_eq!(one(&broker, 101).await, (0, 300, 1));
    assert_eq!(one(&broker, 301).await, (0, 500, 3));
    assert_eq!(one(&broker, 501).await, (0, -1, -1));
}

#[tokio::test]
async fn empty_partition_has_ends_but_no_records() {
    let broker = with_records().await;
    let found = list(&broker, 10, &[(1, LATEST), (1, EARLIEST)]).await;
    let codes: Vec<i16> = found.iter().map(|found| found.error_code).collect();
    assert_eq!(codes, [Code::InvalidRequest.code()], "named twice, refused once");
    for (timestamp, offset) in [(LATEST, 0), (EARLIEST, 0), (MAX_TIMESTAMP, -1), (0, -1)] {
        let found = list(&broker, 10, &[(1, timestamp)]).await.remove(0);
        assert_eq!((found.error_code, found.offset), (0, offset), "{timestamp}");
    }
}

#[tokio::test]
async fn special_timestamps_need_their_version() {
    let broker = with_records().await;
    let unsupported = Code::UnsupportedVersion.code();
    let first = [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)];
    for (timestamp, version) in first {
        assert_eq!(list(&broker, version - 1, &[(0, timestamp)]).await[0].error_code, unsupported);
        assert_eq!(list(&broker, version, &[(0, timestamp)]).await[0].error_code, 0);
    }
    assert_eq!(list(&broker, 11, &[(0, -7)]).await[0].error_code, unsupported);
}

#[tokio::test]
async fn every_version_is_answered() {
    let broker = with_records().await;
    for version in 1..=11 {
        let found = list(&broker, version, &[(0, LATEST)]).await.remove(0);
        assert_eq!((found.error_code, found.offset), (0, 5), "version {version}");
        assert_eq!(found.leader_epoch >= 0, version >= 4);
    }
}

#[tokio::test]
async fn unknown_partition_and_wrong_epochs_have_their_codes() {
    let broker = with_records().await;
    assert_eq!(list(&broker, 10, &[(9, LATEST)]).await[0].error_code, Code::UnknownTopicOrPartition.code());
}

#[tokio::test]
async fn closed_log_tells_its_ends_without_opening() {
    let mut broker = with_records().await;
    broker.restart().await;
    assert_eq!(one(&broker, LATEST).await, (0, -1, 5));
    assert!(broker.partition("orders", 0).view().is_none());
    assert_eq!(one(&broker, 301).await, (0, 500, 3));
}
