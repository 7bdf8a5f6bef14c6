use super::*;
use crate::api::fixture::{Fixture, wire_name};
use kafka_protocol::messages::{BrokerId, offset_for_leader_epoch_request::OffsetForLeaderTopic};

async fn ask(broker: &Fixture, index: i32, current: i32, epoch: i32) -> (i16, i32, i64) {
    let partition = OffsetForLeaderPartition::default()
        .with_partition(index)
        .with_current_leader_epoch(current)
        .with_leader_epoch(epoch);
    let topic = OffsetForLeaderTopic::default().with_topic(wire_name("orders")).with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let response = handle(&broker.context(4), request).await;
    let end = &response.topics[0].partitions[0];
    (end.error_code, end.leader_epoch, end.end_offset)
}

#[tokio::test]
async fn epoch_ends_where_the_next_one_began() {
    let mut broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a", "b"]).await;
    let first = broker.partition("orders", 0).leader_epoch().0;
    broker.restart().await;
    broker.append("orders", 0, &["c"]).await;
    let second = broker.partition("orders", 0).leader_epoch().0;
    assert!(second > first);
    assert_eq!(ask(&broker, 0, -1, first).await, (0, first, 2));
    assert_eq!(ask(&broker, 0, -1, second).await, (0, second, 3));
    assert_eq!(ask(&broker, 0, second, second - 1).await.2, 2, "the largest epoch at or below the asked one");
    assert_eq!(ask(&broker, 0, -1, second + 1).await, (0, -1, -1));
}

#[tokio::test]
async fn clients_with_another_epoch_are_refused() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let epoch = broker.partition("orders", 0).leader_epoch().0;
    assert_eq!(ask(&broker, 0, epoch + 1, epoch).await.0, Code::UnknownLeaderEpoch.code());
    assert_eq!(ask(&broker, 9, -1, epoch).await.0, Code::UnknownTopicOrPartition.code());
}
