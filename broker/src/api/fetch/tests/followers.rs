use super::super::set::FetchSet;
use crate::{
    api::fixture::{Fixture, fetch_request},
    partitions::{Change, Watcher as _},
};
use model::BrokerEpoch;

fn asked(set: &mut FetchSet) -> Vec<(i32, i64)> {
    asked_in(BrokerEpoch(7), set)
}

fn asked_in(life: BrokerEpoch, set: &mut FetchSet) -> Vec<(i32, i64)> {
    let asked = set.take_asked(life);
    asked.iter().map(|(_, partition, asks)| (partition.id().partition.0, asks.log_end.0)).collect()
}

/// A session tells only what changed (KIP-227), and the rest is asked as before.
#[tokio::test]
async fn what_a_leader_forgot_it_is_told_again_with_the_next_request() {
    let broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    let mut set = FetchSet::new(true, false);
    set.update(&broker.context(12), fetch_request("orders", &[(0, 5), (1, 7)]));
    assert_eq!(asked(&mut set), [(0, 5), (1, 7)]);
    assert_eq!(asked(&mut set), []);
    for _ in 0..2 {
        set.waiter().changed(1, Change::Forgotten);
    }
    assert_eq!(asked(&mut set), [(1, 7)]);
    assert_eq!(asked(&mut set), []);
    set.waiter().changed(1, Change::Forgotten);
    set.update(&broker.context(12), fetch_request("orders", &[(1, 8)]));
    assert_eq!(asked(&mut set), [(1, 8)], "once, and as it is asked now");
}

/// Its addresses changed, say: it goes on, and a leader that has nothing new would never hear in which life it caught up.
#[tokio::test]
async fn follower_that_registered_again_says_everything_in_its_new_life() {
    let broker = Fixture::start().await;
    broker.topic("orders", 2, &[]).await;
    let mut set = FetchSet::new(true, false);
    set.update(&broker.context(12), fetch_request("orders", &[(0, 5), (1, 7)]));
    assert_eq!(asked(&mut set), [(0, 5), (1, 7)]);
    set.update(&broker.context(12), fetch_request("orders", &[(1, 8)]));
    assert_eq!(asked_in(BrokerEpoch(9), &mut set), [(1, 8), (0, 5)]);
    assert_eq!(asked_in(BrokerEpoch(9), &mut set), []);
}

#[tokio::test]
async fn whoever_leads_tells_a_session_from_its_first_request_on() {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    let mut set = FetchSet::new(true, false);
    set.update(&broker.context(12), fetch_request("orders", &[(0, 0)]));
    assert!(!broker.partition("orders", 0).is_watched());
    asked(&mut set);
    assert!(broker.partition("orders", 0).is_watched());
}
