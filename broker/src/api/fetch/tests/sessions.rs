use crate::api::fixture::{Fixture, batch, fetch_partition, fetch_request, values, wire_name};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        FetchRequest, FetchResponse,
        fetch_request::{FetchTopic, ForgottenTopic},
    },
};
use std::sync::Arc;

/// The next request of a session: what changed, or nothing.
fn next(session: i32, epoch: i32, changed: &[(i32, i64)]) -> FetchRequest {
    let request = fetch_request("orders", changed).with_session_id(session).with_session_epoch(epoch);
    if changed.is_empty() { request.with_topics(Vec::new()) } else { request }
}

fn named(response: &FetchResponse) -> Vec<i32> {
    response.responses.iter().flat_map(|topic| &topic.partitions).map(|data| data.partition_index).collect()
}

async fn session(broker: &Fixture, partitions: i32) -> i32 {
    broker.topic("orders", partitions, &[]).await;
    let all: Vec<(i32, i64)> = (0..partitions).map(|index| (index, 0)).collect();
    let response = broker.fetch(12, &fetch_request("orders", &all).with_session_epoch(0)).await;
    assert_eq!(named(&response).len(), all.len(), "the first answer names every partition");
    assert!(response.session_id > 0);
    response.session_id
}

#[tokio::test]
async fn only_what_changed_is_told() {
    let broker = Fixture::start().await;
    let id = session(&broker, 10).await;
    assert!(named(&broker.fetch(12, &next(id, 1, &[])).await).is_empty());
    broker.append("orders", 7, &["a"]).await;
    let response = broker.fetch(12, &next(id, 2, &[])).await;
    assert_eq!((response.session_id, named(&response)), (id, vec![7]));
    assert_eq!(values(&response.responses[0].partitions[0]), ["a"]);
}

#[tokio::test]
async fn records_are_told_again_until_the_client_moves_on() {
    let broker = Fixture::start().await;
    let id = session(&broker, 2).await;
    broker.append("orders", 1, &["a"]).await;
    assert_eq!(named(&broker.fetch(12, &next(id, 1, &[])).await), [1]);
    assert_eq!(named(&broker.fetch(12, &next(id, 2, &[])).await), [1]);
    assert!(named(&broker.fetch(12, &next(id, 3, &[(1, 1)])).await).is_empty());
}

#[tokio::test]
async fn errors_are_told_each_time() {
    let broker = Fixture::start().await;
    let id = session(&broker, 1).await;
    for epoch in 1..3 {
        let changed: &[(i32, i64)] = if epoch == 1 { &[(5, 0)] } else { &[] };
        let response = broker.fetch(12, &next(id, epoch, changed)).await;
        assert_eq!(named(&response), [5]);
        assert_eq!(response.responses[0].partitions[0].error_code, Code::UnknownTopicOrPartition.code());
    }
}

#[tokio::test]
async fn forgotten_partitions_are_not_told() {
    let broker = Fixture::start().await;
    let id = session(&broker, 2).await;
    let forgotten = ForgottenTopic::default().with_topic(wire_name("orders")).with_partitions(vec![0]);
    broker.fetch(12, &next(id, 1, &[]).with_forgotten_topics_data(vec![forgotten])).await;
    broker.append("orders", 0, &["a"]).await;
    broker.append("orders", 1, &["b"]).await;
    assert_eq!(named(&broker.fetch(12, &next(id, 2, &[])).await), [1]);
    assert!(!broker.partition("orders", 0).is_watched());
}

#[tokio::test]
async fn wrong_ids_and_epochs_have_their_codes() {
    let broker = Fixture::start().await;
    let id = session(&broker, 1).await;
    let code = async |request: FetchRequest| broker.fetch(12, &request).await.error_code;
    assert_eq!(code(next(id ^ 1, 1, &[])).await, Code::FetchSessionIdNotFound.code());
    assert_eq!(code(next(id, 2, &[])).await, Code::InvalidFetchSessionEpoch.code());
    assert_eq!(code(next(id, 1, &[])).await, 0);
    assert_eq!(code(next(id, 1, &[])).await, Code::InvalidFetchSessionEpoch.code());
    let by_id = broker.fetch(13, &next(id, 2, &[])).await;
    assert_eq!(by_id.error_code, Code::FetchSessionTopicIdError.code());
}

#[tokio::test]
async fn final_epoch_ends_the_session() {
    let broker = Fixture::start().await;
    let id = session(&broker, 1).await;
    let response = broker.fetch(12, &fetch_request("orders", &[(0, 0)]).with_session_id(id)).await;
    assert_eq!((response.error_code, response.session_id, named(&response)), (0, 0, vec![0]));
    let after = broker.fetch(12, &next(id, 1, &[])).await;
    assert_eq!(after.error_code, Code::FetchSessionIdNotFound.code());
    assert!(!broker.partition("orders", 0).is_watched());
}

#[tokio::test]
async fn emptied_session_is_over() {
    let broker = Fixture::start().await;
    let id = session(&broker, 1).await;
    let forgotten = ForgottenTopic::default().with_topic(wire_name("orders")).with_partitions(vec![0]);
    let request = next(id, 1, &[]).with_forgotten_topics_data(vec![forgotten]).with_max_wait_ms(60_000);
    let response = broker.fetch(12, &request).await;
    assert_eq!((response.error_code, response.session_id), (0, 0));
    assert_eq!(broker.fetch(12, &next(id, 2, &[])).await.error_code, Code::FetchSessionIdNotFound.code());
}

#[tokio::test]
async fn full_cache_answers_without_a_session() {
    let broker = Fixture::start_with(&[("max.incremental.fetch.session.cache.slots", "1")]).await;
    session(&broker, 2).await;
    let second = broker.fetch(12, &fetch_request("orders", &[(0, 0)]).with_session_epoch(0)).await;
    assert_eq!((second.error_code, second.session_id), (0, 0));
    assert_eq!(named(&second), [0]);
}

#[tokio::test]
async fn waiting_session_wakes_for_its_partitions() {
    let broker = Arc::new(Fixture::start().await);
    let id = session(&broker, 3).await;
    let waiting = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.fetch(12, &next(id, 1, &[]).with_max_wait_ms(60_000)).await }
    });
    tokio::task::yield_now().await;
    broker.append("orders", 2, &["a"]).await;
    assert_eq!(named(&waiting.await.unwrap()), [2]);
}

#[tokio::test]
async fn partitions_with_records_take_turns() {
    let broker = Fixture::start().await;
    let id = session(&broker, 3).await;
    for index in 0..3 {
        broker.append("orders", index, &["x"]).await;
    }
    let mut told = Vec::new();
    for epoch in 1..=3 {
        told.extend(named(&broker.fetch(12, &next(id, epoch, &[]).with_max_bytes(1)).await));
    }
    told.sort_unstable();
    assert_eq!(told, [0, 1, 2]);
}

#[tokio::test]
async fn partition_that_did_not_fit_is_told_next_time() {
    let broker = Fixture::start().await;
    let id = session(&broker, 3).await;
    for index in 0..3 {
        broker.append("orders", index, &["x"]).await;
    }
    let room_for_one = i32::try_from(batch(&["x"]).len()).unwrap() + 10;
    let mut told = Vec::new();
    for epoch in 1..=3 {
        let response = broker.fetch(12, &next(id, epoch, &[]).with_max_bytes(room_for_one)).await;
        let with_records = response.responses.iter().flat_map(|topic| &topic.partitions);
        told.extend(with_records.filter(|data| !values(data).is_empty()).map(|data| data.partition_index));
    }
    told.sort_unstable();
    assert_eq!(told, [0, 1, 2]);
}

#[tokio::test]
async fn topic_made_anew_is_found_by_its_name() {
    let broker = Fixture::start().await;
    let id = session(&broker, 1).await;
    let topic = broker.partition("orders", 0).topic().id();
    broker.delete_topic(topic).await;
    let gone = broker.fetch(12, &next(id, 1, &[])).await;
    assert_eq!(gone.responses[0].partitions[0].error_code, Code::UnknownTopicOrPartition.code());
    broker.topic("orders", 1, &[]).await;
    broker.append("orders", 0, &["new"]).await;
    let found = broker.fetch(12, &next(id, 2, &[])).await;
    assert_eq!(values(&found.responses[0].partitions[0]), ["new"]);
    let added = FetchTopic::default().with_topic(wire_name("orders")).with_partitions(vec![fetch_partition(0, 1)]);
    let waiting = next(id, 3, &[]).with_topics(vec![added]).with_max_wait_ms(60_000);
    let (response, _) = tokio::join!(broker.fetch(12, &waiting), broker.append("orders", 0, &["newer"]));
    assert_eq!(values(&response.responses[0].partitions[0]), ["newer"]);
}
