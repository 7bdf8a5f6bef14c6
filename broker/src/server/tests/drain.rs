use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn draining_finishes_requests_in_progress_and_starts_no_others() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.heartbeat("a"), client.heartbeat("b")];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    let draining = tokio::spawn(stage.server.drain(PATIENCE));
    context.draining.begun().await;
    reply.send(answer(&context)).unwrap();
    drop(context);
    assert_eq!(client.receive().await, 0);
    client.expect_close().await;
    draining.await.unwrap();
    assert!(stage.events.try_recv().is_err(), "a request started while draining");
    assert!(TcpStream::connect(stage.address).await.is_err(), "still accepts");
}

#[tokio::test]
async fn draining_closes_idle_connections_at_once() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    let request = client.api_versions();
    client.send(&[request]).await;
    client.receive().await;
    stage.server.drain(PATIENCE).await;
    client.expect_close().await;
}

#[tokio::test]
async fn a_parked_request_may_answer_when_draining_begins() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.join("a")];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    let watching = tokio::spawn(async move {
        context.draining.begun().await;
        reply.send(answer(&context)).unwrap();
    });
    stage.server.drain(PATIENCE).await;
    watching.await.unwrap();
    assert_eq!(client.receive().await, 0);
    client.expect_close().await;
}

#[tokio::test]
async fn a_parked_request_that_does_not_answer_is_dropped_soon() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.join("a")];
    client.send(&frames).await;
    let _waiting = stage.started().await;
    stage.server.drain(PATIENCE).await;
    client.expect_close().await;
}

#[tokio::test]
async fn a_request_that_takes_longer_than_the_patience_is_cut() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.heartbeat("a")];
    client.send(&frames).await;
    let _waiting = stage.started().await;
    stage.server.drain(Duration::from_millis(20)).await;
    client.expect_close().await;
}
