//! Requests that name a partition while its log is being recovered.

use super::*;
use crate::api::fixture::{fetch_request, values};
use gate::Gate;
use partition_log::Crash;
use std::{future::poll_fn, pin::pin, task::Poll};

/// One record, and a log whose recovery waits for the gate.
async fn recovering() -> (Fixture, Arc<Gate>) {
    let broker = Fixture::start().await;
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["a"]).await;
    let partition = broker.partition("orders", 0);
    broker.broker().partitions.recovered().await;
    let gate = Gate::before(broker.broker().partitions.disk_pool(), disk_pool::MAX_THREADS);
    let host = &broker.broker().partitions.host;
    host.recovering.store(true, Ordering::Release);
    partition.exclusive(queue::Need::Nothing, |partition, writer| partition.distrust(writer, Crash::Process)).await;
    partition.set_state(State::Recovering);
    (broker, gate)
}

/// The answer, which comes after the gate is open and not before.
async fn answer_after<T>(gate: &Gate, answer: impl Future<Output = T>) -> T {
    let mut answer = pin!(answer);
    let early = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_ready())).await;
    assert!(!early, "answered before the log was recovered");
    gate.open();
    answer.await
}

#[tokio::test]
async fn append_waits_in_the_queue_of_its_partition() {
    let (broker, gate) = recovering().await;
    let produced = answer_after(&gate, broker.produce("orders", 0, batch(&["b"]))).await;
    assert_eq!((produced.error_code, produced.base_offset), (0, 1));
    assert_eq!(broker.values("orders", 0).await, ["a", "b"]);
}

#[tokio::test]
async fn fetch_waits_within_its_own_limit() {
    let (broker, gate) = recovering().await;
    let fetched =
        answer_after(&gate, broker.fetch(12, &fetch_request("orders", &[(0, 0)]).with_max_wait_ms(60_000))).await;
    let data = &fetched.responses[0].partitions[0];
    assert_eq!((data.error_code, values(data)), (0, vec!["a".to_owned()]));
}

#[tokio::test]
async fn fetch_that_may_not_wait_is_told_to_come_again() {
    let (broker, gate) = recovering().await;
    let refused = broker.fetch_one("orders", 0, 0).await;
    assert_eq!(refused.error_code, Code::NotLeaderOrFollower.code());
    gate.open();
}

#[tokio::test]
async fn search_for_an_offset_waits() {
    let (broker, gate) = recovering().await;
    let latest = answer_after(&gate, broker.latest_offset("orders", 0)).await;
    assert_eq!(latest, (0, 1));
}

#[tokio::test]
async fn progress_of_the_recovery_is_told() {
    let (broker, gate) = recovering().await;
    broker.topic("others", 2, &[]).await;
    assert_eq!(broker.broker().partitions.recovery(), (3, 1));
    gate.open();
    broker.broker().partitions.recovered().await;
    assert_eq!(broker.broker().partitions.recovery(), (3, 0));
}
