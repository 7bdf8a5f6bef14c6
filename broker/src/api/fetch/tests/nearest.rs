//! Consumers that are sent to a replica in their rack (KIP-392).

use super::*;
use crate::{
    api::fixture::second_broker::{ME, OTHER, OTHERS_EPOCH},
    partitions::{FollowerAsks, FollowingBroker, NoRecords},
};
use kafka_protocol::protocol::StrBytes;
use model::{Offset, PartitionIndex};

/// A leader of three records with a follower in the rack "near".
async fn started() -> Fixture {
    let keys = [("broker.rack", "far"), ("replica.selector.class", "RackAwareReplicaSelector")];
    let broker = Fixture::start_with(&keys).await;
    broker.topic("orders", 1, &[]).await;
    for value in ["a", "b", "c"] {
        broker.append("orders", 0, &[value]).await;
    }
    let epoch = broker.partition("orders", 0).leader_epoch().next();
    let led = broker.led_by(ME, epoch, "orders", PartitionIndex(0));
    broker.learn(vec![broker.other_comes(Some("near")), led]).await;
    broker
}

async fn follower_tells(broker: &Fixture, log_start: i64, log_end: i64) -> Result<(), NoRecords> {
    let partition = broker.partition("orders", 0);
    let asks = FollowerAsks {
        leader_epoch: partition.leader_epoch(),
        last_fetched_epoch: partition.view().unwrap().epoch_for_offset(Offset(log_end - 1)).unwrap(),
        log_end: Offset(log_end),
        log_start: Offset(log_start),
    };
    partition.follower_asks(FollowingBroker { id: OTHER, epoch: OTHERS_EPOCH }, asks).await
}

/// Where a consumer in the rack "near" is sent, −1 where it is answered.
async fn sent_to(broker: &Fixture, offset: i64) -> i32 {
    let request = fetch_request("orders", &[(0, offset)]).with_rack_id(StrBytes::from_static_str("near"));
    let answered = broker.fetch(12, &request).await.responses[0].partitions[0].clone();
    assert_eq!(answered.error_code, 0, "{answered:?}");
    answered.preferred_read_replica.0
}

#[tokio::test]
async fn consumer_stays_with_the_leader_where_the_follower_does_not_have_its_offset() {
    let broker = started().await;
    assert_eq!(sent_to(&broker, 1).await, -1, "the follower has told nothing yet");
    // Its retention was quicker.
    follower_tells(&broker, 1, 3).await.unwrap();
    let sent = [sent_to(&broker, 0).await, sent_to(&broker, 1).await, sent_to(&broker, 3).await];
    assert_eq!(sent, [-1, OTHER.0, OTHER.0]);
    follower_tells(&broker, 2, 3).await.unwrap();
    assert_eq!([sent_to(&broker, 1).await, sent_to(&broker, 2).await], [-1, OTHER.0]);
}

#[tokio::test]
async fn what_a_follower_told_counts_for_one_leadership() {
    let broker = started().await;
    follower_tells(&broker, 0, 3).await.unwrap();
    assert_eq!(sent_to(&broker, 1).await, OTHER.0);
    let epoch = broker.partition("orders", 0).leader_epoch().next();
    broker.learn(vec![broker.led_by(ME, epoch, "orders", PartitionIndex(0))]).await;
    assert_eq!(sent_to(&broker, 1).await, -1);
}
