use super::*;
use crate::api::fixture::{Fixture, batch_with, wire_name};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use model::{ProducerEpoch, Sequence};
use protocol::record_batch::BatchOptions;

async fn ask(broker: &Fixture, topic: &str) -> PartitionResponse {
    let topic = TopicRequest::default().with_name(wire_name(topic)).with_partition_indexes(vec![0]);
    let response = handle(&broker.context(0), DescribeProducersRequest::default().with_topics(vec![topic])).await;
    response.topics[0].partitions[0].clone()
}

#[tokio::test]
async fn idempotent_producer_is_described() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let options = BatchOptions {
        producer_id: model::ProducerId(7),
        producer_epoch: ProducerEpoch(2),
        base_sequence: Sequence(0),
        ..BatchOptions::default()
    };
    broker.produce("orders", 0, batch_with(&options, &["a", "b"])).await;
    let described = ask(&broker, "orders").await;
    let producer = &described.active_producers[0];
    assert_eq!((producer.producer_id.0, producer.producer_epoch, producer.last_sequence), (7, 2, 1));
    assert_eq!((producer.coordinator_epoch, producer.current_txn_start_offset), (-1, -1));
}

#[tokio::test]
async fn unknown_topic_has_its_code() {
    let broker = Fixture::start().await;
    assert_eq!(ask(&broker, "nowhere").await.error_code, Code::UnknownTopicOrPartition.code());
}
