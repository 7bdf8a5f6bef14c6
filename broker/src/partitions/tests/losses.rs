//! Replicas that have less than they said: whether the broker's next start still claims to have everything.

use super::*;
use bytes::Bytes;
use model::{LeaderEpoch, Offset};
use replication::FetchAnswer;
use roles::{ME, OTHER, asks, assign, assignment, lose_b, with_two_records};
use std::fs;

/// As a broker of a cluster has it.
pub(super) fn give_log_life(broker: &Fixture) {
    fs::write(broker.folder.path().join("log-life"), "of logs that lack nothing").unwrap();
}

pub(super) fn has_log_life(broker: &Fixture) -> bool {
    broker.folder.path().join("log-life").exists()
}

#[tokio::test]
async fn replica_that_lost_records_ends_the_life_of_the_logs_and_has_others_lead() {
    for leader in [ME, OTHER] {
        let (broker, partition, epoch) = with_two_records().await;
        assign(&partition, assignment(leader, epoch + 1, &[ME, OTHER])).await;
        give_log_life(&broker);
        lose_b(&broker, &partition).await;
        assert!(!has_log_life(&broker), "led by {leader}");
        assert!(broker.running().failed().await.contains("other brokers have to lead"));
    }
}

async fn cut_back_by_its_leader() -> (Fixture, Arc<Partition>) {
    let (broker, partition, epoch) = with_two_records().await;
    broker.broker().partitions.checkpoint().await.unwrap();
    give_log_life(&broker);
    assign(&partition, assignment(OTHER, epoch + 1, &[OTHER])).await;
    let asked = asks(partition.following().await);
    let diverging = FetchAnswer::Diverging { epoch: LeaderEpoch(epoch), end: Offset(1) };
    assert_eq!(asks(partition.take_answer(asked, diverging, Bytes::new()).await).offset, Offset(1));
    (broker, partition)
}

#[tokio::test]
async fn what_a_leader_never_had_is_no_loss() {
    let (broker, partition) = cut_back_by_its_leader().await;
    let read_anew = partition.exclusive(queue::Need::Nothing, |partition, writer| {
        partition.distrust(writer, partition_log::Crash::Machine);
    });
    read_anew.await.unwrap();
    assert!(partition.ensure_open().await);
    assert_eq!(partition.offsets().log_end, Offset(1));
    assert!(has_log_life(&broker));
}

/// The manifest of the last checkpoint has more.
#[tokio::test]
async fn nor_is_it_after_a_crash() {
    let crashed = cut_back_by_its_leader().await.0.after_a_crash().await;
    crashed.broker().partitions.recovered().await;
    assert_eq!(crashed.partition("orders", 0).offsets().log_end, Offset(1));
    assert!(has_log_life(&crashed));
}
