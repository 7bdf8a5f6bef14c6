use super::*;

#[tokio::test]
async fn produce_requests_overlap_and_are_answered_in_request_order() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), client.produce("b")];
    client.send(&frames).await;
    let (_, first, first_context) = stage.started().await;
    stage.answer("b").await;
    first.send(answer(&first_context)).unwrap();
    assert_eq!([client.receive().await, client.receive().await], [0, 1]);
}

#[tokio::test]
async fn other_requests_wait_for_every_produce_before_them() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), client.produce("b"), client.heartbeat("c"), client.produce("d")];
    client.send(&frames).await;
    let (_, first, first_context) = stage.started().await;
    stage.answer("b").await;
    stage.assert_nothing_started();
    first.send(answer(&first_context)).unwrap();
    let (step, reply, context) = stage.started().await;
    assert_eq!(step, "c");
    stage.assert_nothing_started();
    reply.send(answer(&context)).unwrap();
    stage.answer("d").await;
    for id in 0..4 {
        assert_eq!(client.receive().await, id);
    }
}

#[tokio::test]
async fn at_most_64_produce_requests_are_in_progress() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames: Vec<_> = (0..70).map(|step| client.produce(&step.to_string())).collect();
    client.send(&frames).await;
    let mut waiting = std::collections::VecDeque::new();
    for _ in 0..64 {
        waiting.push_back(stage.started().await);
    }
    stage.assert_nothing_started();
    for id in 0..70 {
        let (_, reply, context) = match waiting.pop_front() {
            Some(waiting) => waiting,
            None => stage.started().await,
        };
        reply.send(answer(&context)).unwrap();
        assert_eq!(client.receive().await, id);
    }
}

#[tokio::test]
async fn a_request_without_response_leaves_no_gap() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), client.heartbeat("b")];
    client.send(&frames).await;
    stage.started().await.1.send(Response::None).unwrap();
    stage.answer("b").await;
    assert_eq!(client.receive().await, 1);
}

#[tokio::test]
async fn responses_before_a_close_are_still_sent() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), client.produce("b"), client.produce("c")];
    client.send(&frames).await;
    let (_, first, context) = stage.started().await;
    stage.started().await.1.send(Response::Close).unwrap();
    let _third = stage.started().await;
    first.send(answer(&context)).unwrap();
    assert_eq!(client.receive().await, 0);
    client.expect_close().await;
}

#[tokio::test]
async fn a_parked_request_is_dropped_when_its_client_hangs_up() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.join("a"), client.heartbeat("b")];
    client.send(&frames).await;
    let _waiting = stage.started().await;
    drop(client);
    assert_eq!(stage.dropped().await, "a");
}

#[tokio::test]
async fn a_request_in_progress_is_finished_for_a_client_that_sends_no_more() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), client.heartbeat("b")];
    client.send(&frames).await;
    client.stream.shutdown().await.unwrap();
    stage.answer("a").await;
    stage.answer("b").await;
    assert_eq!([client.receive().await, client.receive().await], [0, 1]);
    client.expect_close().await;
}

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_in_its_turn() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let unknown = client.encode(ApiKey::ApiVersions, 4, &ApiVersionsRequest::default());
    let mut unknown = unknown.to_vec();
    unknown[6..8].copy_from_slice(&99i16.to_be_bytes());
    let frames = [client.produce("a"), unknown.into(), client.produce("b")];
    client.send(&frames).await;
    let (_, first, context) = stage.started().await;
    stage.answer("b").await;
    first.send(answer(&context)).unwrap();
    assert_eq!(client.receive().await, 1);
    assert_eq!(client.receive_frame().await, Bytes::from_static(b"\0\0\0\0\0\x23\0\0\0\x01\0\x12\0\0\0\x04"));
    assert_eq!(client.receive().await, 2);
}

#[tokio::test]
async fn client_that_is_sent_away_has_its_answer_and_no_other() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.heartbeat("a"), client.heartbeat("b")];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    context.is_sent_away.store(true, Ordering::Relaxed);
    reply.send(answer(&context)).unwrap();
    assert_eq!(client.receive().await, 0);
    client.expect_close().await;
}
