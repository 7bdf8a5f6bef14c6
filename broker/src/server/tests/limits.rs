use super::*;

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let stage = Stage::with(|network| network.max_idle_ms = Some(50)).await;
    let mut client = stage.connect().await;
    let request = client.api_versions();
    client.send(&[request]).await;
    client.receive().await;
    client.expect_close().await;
    assert_eq!(stage.connections().expired_idle.get(), 1);
}

#[tokio::test]
async fn a_request_in_progress_keeps_its_connection_however_long_it_takes() {
    let mut stage = Stage::with(|network| network.max_idle_ms = Some(20)).await;
    let mut idle = stage.connect().await;
    let mut busy = stage.connect().await;
    let frames = [busy.join("a")];
    busy.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    idle.expect_close().await;
    let mut second = stage.connect().await;
    second.expect_close().await;
    reply.send(answer(&context)).unwrap();
    assert_eq!(busy.receive().await, 0);
}

#[tokio::test]
async fn a_frame_that_does_not_go_on_is_given_up() {
    let stage = Stage::with(|network| network.request_timeout_ms = 50).await;
    let mut client = stage.connect().await;
    let request = client.api_versions();
    client.send(&[request.slice(..9)]).await;
    client.expect_close().await;
    let mut client = stage.connect().await;
    let large = client.produce_of("a", 1 << 20);
    client.send(&[large.slice(..1000)]).await;
    client.expect_close().await;
}

#[tokio::test]
async fn a_large_frame_waits_for_memory_while_small_requests_go_on() {
    let mut stage = Stage::with(|network| network.queued_max_request_bytes = Some(1 << 20)).await;
    let mut holder = stage.connect().await;
    let frame = holder.produce_of("a", 700_000);
    holder.send(&[frame]).await;
    let (_, reply, context) = stage.started().await;

    let mut waiter = stage.connect().await;
    let frame = waiter.produce_of("b", 700_000);
    let sending = tokio::spawn(async move {
        waiter.send(&[frame]).await;
        waiter
    });
    for _ in 0..20 {
        let mut other = stage.connect().await;
        let request = other.api_versions();
        other.send(&[request]).await;
        other.receive().await;
    }
    stage.assert_nothing_started();
    reply.send(answer(&context)).unwrap();
    assert_eq!(holder.receive().await, 0);
    stage.answer("b").await;
    assert_eq!(sending.await.unwrap().receive().await, 0);
}

#[tokio::test]
async fn small_requests_wait_for_memory_too() {
    let mut stage = Stage::with(|network| network.queued_max_request_bytes = Some(64 << 10)).await;
    let mut holders = Vec::new();
    for _ in 0..4 {
        // Begins a frame that needs four KiB of the 16 that small requests have.
        let mut holder = stage.connect().await;
        let frame = holder.heartbeat("a");
        holder.send(&[frame.slice(..10)]).await;
        holders.push((holder, frame));
    }
    let mut waiter = stage.connect().await;
    let request = waiter.api_versions();
    waiter.send(&[request]).await;
    let early = tokio::time::timeout(Duration::from_millis(20), waiter.receive()).await;
    assert!(early.is_err(), "was served without memory");
    let (mut holder, frame) = holders.pop().unwrap();
    holder.send(&[frame.slice(10..)]).await;
    stage.answer("a").await;
    holder.receive().await;
    assert_eq!(waiter.receive().await, 0);
}

#[tokio::test]
async fn requests_that_decode_to_much_more_than_their_bytes_wait_for_each_other() {
    let mut stage = Stage::with(|network| network.queued_max_request_bytes = Some(1 << 20)).await;
    let mut holder = stage.connect().await;
    let mut waiter = stage.connect().await;
    let mut other = stage.connect().await;
    let frames = [holder.join_of("a", 1000), waiter.join_of("b", 1000), other.join_of("c", 10)];
    holder.send(&frames[..1]).await;
    let (_, reply, context) = stage.started().await;
    waiter.send(&frames[1..2]).await;
    other.send(&frames[2..]).await;
    stage.answer("c").await;
    stage.assert_nothing_started();
    reply.send(answer(&context)).unwrap();
    stage.answer("b").await;
    assert_eq!([holder.receive().await, waiter.receive().await, other.receive().await], [0; 3]);
}

#[tokio::test]
async fn too_many_connections_of_one_address_are_refused() {
    let stage = Stage::with(|network| network.max_connections_per_ip = 2).await;
    let mut first = stage.connect().await;
    let mut second = stage.connect().await;
    for client in [&mut first, &mut second] {
        let request = client.api_versions();
        client.send(&[request]).await;
        client.receive().await;
    }
    stage.connect().await.expect_close().await;
    assert_eq!(stage.connections().refused.get(), 1);
}

#[tokio::test]
async fn connections_above_the_maximum_wait_until_another_closes() {
    let stage = Stage::with(|network| network.max_connections = 1).await;
    let mut first = stage.connect().await;
    let request = first.api_versions();
    first.send(&[request]).await;
    first.receive().await;
    let mut second = stage.connect().await;
    let request = second.api_versions();
    second.send(&[request]).await;
    let early = tokio::time::timeout(Duration::from_millis(20), second.stream.readable()).await;
    assert!(early.is_err(), "was served above the maximum");
    drop(first);
    assert_eq!(second.receive().await, 0);
}

#[tokio::test]
async fn closed_connections_are_not_counted_as_open() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    let request = client.api_versions();
    client.send(&[request]).await;
    client.receive().await;
    assert_eq!(stage.connections().open.get(), 1);
    drop(client);
    stage.server.shared.limits.all_closed().await;
    assert_eq!(stage.connections().open.get(), 0);
}
