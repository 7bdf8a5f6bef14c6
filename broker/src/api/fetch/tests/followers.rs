use super::super::set::FetchSet;
use crate::{
    api::fixture::{Fixture, fetch_request},
    partitions::{Change, Watcher as _},
};

fn asked(set: &mut FetchSet) -> Vec<(i32, i64)> {
    let asked = set.take_asked();
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
