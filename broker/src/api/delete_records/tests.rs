use super::*;
use crate::api::fixture::{Fixture, wire_name};
use kafka_protocol::messages::delete_records_request::DeleteRecordsTopic;

async fn ask(broker: &Fixture, topic: &str, index: i32, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition::default().with_partition_index(index).with_offset(offset);
    let topic = DeleteRecordsTopic::default().with_name(wire_name(topic)).with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(1000);
    let response = handle(&broker.context(2), request).await;
    let result = &response.topics[0].partitions[0];
    (result.error_code, result.low_watermark)
}

async fn with_records() -> Fixture {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    for value in ["a", "b", "c"] {
        broker.append("orders", 0, &[value]).await;
    }
    broker
}

#[tokio::test]
async fn records_below_the_offset_are_gone() {
    let broker = with_records().await;
    assert_eq!(ask(&broker, "orders", 0, 2).await, (0, 2));
    assert_eq!(broker.fetch_one("orders", 0, 1).await.error_code, Code::OffsetOutOfRange.code());
    assert_eq!(broker.fetch_one("orders", 0, 2).await.log_start_offset, 2);
    assert_eq!(ask(&broker, "orders", 0, 1).await, (0, 2), "the start does not move back");
}

#[tokio::test]
async fn minus_one_deletes_everything_committed() {
    let broker = with_records().await;
    assert_eq!(ask(&broker, "orders", 0, -1).await, (0, 3));
    assert_eq!(broker.append("orders", 0, &["d"]).await, 3);
}

#[tokio::test]
async fn deletion_survives_a_crash() {
    let broker = with_records().await;
    ask(&broker, "orders", 0, 2).await;
    let crashed = broker.after_a_crash().await;
    crashed.broker().partitions.recovered().await;
    assert_eq!(crashed.partition("orders", 0).offsets().log_start, Offset(2));
    assert_eq!(crashed.fetch_one("orders", 0, 0).await.error_code, Code::OffsetOutOfRange.code());
}

#[tokio::test]
async fn what_cannot_be_deleted_has_its_code() {
    let broker = with_records().await;
    broker.topic("table", 1, &[("cleanup.policy", "compact")]).await;
    broker.topic("__consumer_offsets", 1, &[]).await;
    assert_eq!(ask(&broker, "orders", 0, 4).await, (Code::OffsetOutOfRange.code(), -1));
    assert_eq!(ask(&broker, "orders", 0, -2).await, (Code::OffsetOutOfRange.code(), -1));
    assert_eq!(ask(&broker, "orders", 7, 0).await, (Code::UnknownTopicOrPartition.code(), -1));
    assert_eq!(ask(&broker, "nowhere", 0, 0).await, (Code::UnknownTopicOrPartition.code(), -1));
    assert_eq!(ask(&broker, "table", 0, 0).await, (Code::PolicyViolation.code(), -1));
    assert_eq!(ask(&broker, "__consumer_offsets", 0, 0).await, (Code::InvalidTopicException.code(), -1));
}
