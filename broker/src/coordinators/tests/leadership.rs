//! What comes of a coordinator whose leadership ends, while its host has not heard of it yet.

use super::*;
use crate::{
    api::fixture::{
        batch,
        second_broker::{ME, OTHER, OTHERS_EPOCH},
    },
    coordinators::loading,
    partitions::{FollowerAsks, Following, FollowingBroker, Isolation, Partition, ReadRequest},
};
use controller::topic_name::GROUP_OFFSETS;
use group_coordinator::{FetchOffsets, GroupConfig};
use model::{LeaderEpoch, Offset, PartitionIndex};
use protocol::record_batch::{set_base_offset, set_partition_leader_epoch};
use replication::{FetchAnswer, NextFetch};
use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};
use tokio::sync::Semaphore;

const NOT_COORDINATOR: i16 = 16;
const LOADING: i16 = 14;

fn place(fixture: &Fixture, name: &str) -> (PartitionIndex, Arc<Partition>) {
    let index = fixture.broker().groups.partition_of(name).unwrap();
    (index, fixture.partition(GROUP_OFFSETS, index.0))
}

async fn commits(fixture: &Fixture, name: &str, offset: i64) -> i16 {
    call(fixture, 7, &commit_request(name, "", -1, offset)).await.topics[0].partitions[0].error_code
}

/// Error and offset, once the coordinator is loaded.
async fn committed_once_loaded(fixture: &Fixture, name: &str) -> (i16, i64) {
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        let (error, offset, _) = fetched(&call(fixture, 7, &fetch_request(name, 7)).await, 7);
        if error != LOADING {
            return (error, offset);
        }
        assert!(tokio::time::Instant::now() < limit, "never loaded");
        tokio::task::yield_now().await;
    }
}

fn asks(following: Following) -> NextFetch {
    match following {
        Following::Asks(next) => next,
        other => panic!("it asks for nothing: {other:?}"),
    }
}

/// As a leader of `epoch` has it at `offset`.
fn stored(batch: &[u8], offset: i64, epoch: LeaderEpoch) -> Bytes {
    let mut bytes = BytesMut::from(batch);
    set_base_offset(&mut bytes, Offset(offset));
    set_partition_leader_epoch(&mut bytes, epoch);
    bytes.freeze()
}

fn records(high_watermark: i64) -> FetchAnswer {
    FetchAnswer::Records { high_watermark: Offset(high_watermark), log_start: Offset(0) }
}

#[tokio::test]
async fn commit_that_the_next_leader_cuts_off_is_not_answered_by_its_high_watermark() {
    let fixture = started().await;
    assert_eq!(commits(&fixture, "g", 5).await, 0);
    let (index, partition) = place(&fixture, "g");
    let (first, end) = (partition.leader_epoch(), partition.offsets().log_end);
    let (second, third) = (first.next(), first.next().next());
    let led = |leader, epoch| fixture.led_by(leader, epoch, GROUP_OFFSETS, index);
    // From now on a follower is in sync that fetches nothing: nothing is committed.
    fixture.learn(vec![fixture.other_comes(None), led(ME, second)]).await;
    assert_eq!(committed_once_loaded(&fixture, "g").await, (0, 5));

    let taken_away = async {
        until(async || partition.offsets().log_end > end).await;
        fixture.act_by(vec![led(OTHER, third)]).await;
        let diverging = FetchAnswer::Diverging { epoch: first, end };
        let asked = asks(partition.following().await);
        let asked = asks(partition.take_answer(asked, diverging, Bytes::new()).await);
        assert_eq!(asked.offset, end);
        let others = stored(&batch(&["of the other leader"]), end.0, third);
        partition.take_answer(asked, records(end.0 + 1), others).await;
        assert_eq!(partition.offsets().high_watermark, Offset(end.0 + 1));
    };
    let (answered, ()) = tokio::join!(commits(&fixture, "g", 6), taken_away);
    assert_eq!(answered, NOT_COORDINATOR);
}

#[tokio::test]
async fn coordinator_of_an_earlier_epoch_appends_and_answers_nothing() {
    let fixture = started().await;
    assert_eq!(commits(&fixture, "g", 5).await, 0);
    let (index, partition) = place(&fixture, "g");
    let end = partition.offsets().log_end;
    // The same leader: it may have lost what it had not flushed (KIP-841).
    let raised = fixture.led_by(ME, partition.leader_epoch().next(), GROUP_OFFSETS, index);
    fixture.act_by(vec![raised]).await;
    assert_eq!(commits(&fixture, "g", 6).await, NOT_COORDINATOR);
    assert_eq!(partition.offsets().log_end, end, "nothing was appended");
    let (error, ..) = fetched(&call(&fixture, 7, &fetch_request("g", 7)).await, 7);
    assert_eq!(error, NOT_COORDINATOR);
}

#[tokio::test]
async fn broker_that_stepped_aside_coordinates_nothing() {
    let fixture = started().await;
    assert_eq!(commits(&fixture, "g", 5).await, 0);
    let (index, partition) = place(&fixture, "g");
    let led = fixture.led_by(ME, partition.leader_epoch().next(), GROUP_OFFSETS, index);
    fixture.learn(vec![fixture.other_comes(None), led]).await;
    assert_eq!(committed_once_loaded(&fixture, "g").await, (0, 5));
    let metadata = &fixture.broker().metadata;
    let topic = metadata.committed().topic(GROUP_OFFSETS).unwrap().id;
    metadata.step_aside(ME, vec![(topic, index)]);
    let (error, ..) = fetched(&call(&fixture, 7, &fetch_request("g", 7)).await, 7);
    assert_eq!(error, NOT_COORDINATOR, "another one may know better");
    metadata.step_aside(ME, Vec::new());
    assert_eq!(committed_once_loaded(&fixture, "g").await, (0, 5));
}

#[tokio::test]
async fn offsets_are_never_those_of_before_another_led() {
    let elsewhere = started().await;
    assert_eq!(commits(&elsewhere, "g", 7).await, 0);
    let (_, partition) = place(&elsewhere, "g");
    let all = ReadRequest { from: Offset(0), max_bytes: 1 << 20, isolation: Isolation::ReadUncommitted };
    let committed_elsewhere = partition.read(all).await.unwrap().batches;

    let fixture = started().await;
    assert_eq!(commits(&fixture, "g", 5).await, 0);
    let (index, partition) = place(&fixture, "g");
    let (second, end) = (partition.leader_epoch().next(), partition.offsets().log_end);
    let led = |leader, epoch| fixture.led_by(leader, epoch, GROUP_OFFSETS, index);
    fixture.act_by(vec![fixture.other_comes(None), led(OTHER, second)]).await;
    let asked = asks(partition.following().await);
    let asked = asks(partition.take_answer(asked, records(end.0), stored(&committed_elsewhere, end.0, second)).await);
    partition.take_answer(asked, records(end.0 + 1), Bytes::new()).await;
    fixture.learn(vec![fixture.other_comes(None), led(ME, second.next())]).await;
    assert_eq!(committed_once_loaded(&fixture, "g").await, (0, 7));
}

#[tokio::test]
async fn coordinator_is_there_once_the_records_of_before_are_committed() {
    let fixture = started().await;
    assert_eq!(commits(&fixture, "g", 5).await, 0);
    let (index, partition) = place(&fixture, "g");
    let (second, end) = (partition.leader_epoch().next(), partition.offsets().log_end);
    let led = |leader, epoch| fixture.led_by(leader, epoch, GROUP_OFFSETS, index);
    // What the other broker commits is not known to be committed when this one leads.
    let elsewhere = started().await;
    assert_eq!(commits(&elsewhere, "g", 7).await, 0);
    let all = ReadRequest { from: Offset(0), max_bytes: 1 << 20, isolation: Isolation::ReadUncommitted };
    let committed_elsewhere = place(&elsewhere, "g").1.read(all).await.unwrap().batches;
    fixture.act_by(vec![fixture.other_comes(None), led(OTHER, second)]).await;
    let asked = asks(partition.following().await);
    partition.take_answer(asked, records(end.0), stored(&committed_elsewhere, end.0, second)).await;
    let third = second.next();
    fixture.act_by(vec![fixture.other_comes(None), led(ME, third)]).await;
    let log_end = partition.offsets().log_end;
    assert!(partition.offsets().high_watermark < log_end);

    let (loads, config) = (Semaphore::new(1), GroupConfig::default());
    let held = loads.acquire().await.unwrap();
    let mut loading = pin!(loading::load(&partition, third, &config, &loads, 1 << 20));
    // It waits for its turn, takes it, gives it back, and waits.
    assert!(poll_fn(|cx| Poll::Ready(loading.as_mut().poll(cx).is_pending())).await);
    drop(held);
    tokio::select! {
        biased;
        _ = &mut loading => panic!("loaded what is not committed"),
        turn = loads.acquire() => drop(turn.unwrap()),
    }
    let follower = FollowingBroker { id: OTHER, epoch: OTHERS_EPOCH };
    let asks = FollowerAsks { leader_epoch: third, last_fetched_epoch: second, log_end, log_start: Offset(0) };
    partition.follower_asks(follower, asks).await.unwrap();
    let limit = std::time::Duration::from_secs(120);
    let coordinator = tokio::time::timeout(limit, loading).await.expect("it is told of the commit").unwrap();
    let all = FetchOffsets { group: model::GroupId::from("g"), topics: None, require_stable: false };
    assert_eq!(coordinator.fetch_offsets(&all)[0].partitions[0].offset, Offset(7));
}
