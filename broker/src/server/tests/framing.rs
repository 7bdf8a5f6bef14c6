use super::*;

async fn expect_quiet_close(bytes: &[u8]) {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    client.send(&[Bytes::copy_from_slice(bytes)]).await;
    client.expect_close().await;
    stage.assert_nothing_started();
    assert_eq!(stage.connections().protocol_errors.get(), 1);
}

#[tokio::test]
async fn an_unknown_api_closes() {
    expect_quiet_close(b"\0\0\0\x0a\x7f\xff\0\0\0\0\0\x01\xff\xff").await;
}

#[tokio::test]
async fn a_version_that_is_not_served_closes() {
    let mut client_bytes = b"\0\0\0\x0a\0\0\0\x02\0\0\0\x01\xff\xff".to_vec();
    expect_quiet_close(&client_bytes).await;
    client_bytes[7] = 14;
    expect_quiet_close(&client_bytes).await;
}

#[tokio::test]
async fn a_frame_above_the_limit_closes() {
    expect_quiet_close(b"\x06\x40\0\x01\0\0\0\x03").await;
}

#[tokio::test]
async fn a_negative_length_closes() {
    expect_quiet_close(b"\xff\xff\xff\xff\0\0\0\x03").await;
}

#[tokio::test]
async fn a_frame_too_short_for_a_header_closes() {
    expect_quiet_close(b"\0\0\0\x07\0\x12\0\0\0\0\0").await;
}

#[tokio::test]
async fn a_header_that_ends_early_closes() {
    expect_quiet_close(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\0\x50").await;
}

#[tokio::test]
async fn tls_and_http_clients_are_turned_away() {
    expect_quiet_close(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").await;
    expect_quiet_close(b"GET / HTTP/1.1\r\n\r\n").await;
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_served() {
    let stage = Stage::new().await;
    let mut client = stage.connect().await;
    client.stream.set_nodelay(true).unwrap();
    for byte in client.api_versions() {
        client.stream.write_u8(byte).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(client.receive().await, 0);
}

#[tokio::test]
async fn frames_of_every_size_class_are_cut_where_they_end() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let sizes = [0, 100, 4_000, 4_096, 5_000, 60_000, 65_400, 65_536, 65_600, 70_000, 1 << 20, 3, 5_000];
    let frames: Vec<_> = sizes.iter().map(|size| client.produce_of("x", *size)).collect();
    let sending = frames.clone();
    let (mut reader, mut writer) = client.stream.into_split();
    let sender = tokio::spawn(async move {
        for chunk in sending.concat().chunks(10_007) {
            writer.write_all(chunk).await.unwrap();
        }
        writer
    });
    for id in 0..sizes.len() {
        stage.answer("x").await;
        reader.read_i32().await.unwrap();
        assert_eq!(reader.read_i32().await.unwrap(), id as i32);
        reader.read_i16().await.unwrap();
    }
    sender.await.unwrap();
}

#[tokio::test]
async fn requests_before_a_broken_frame_are_answered() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.produce("a"), Bytes::from_static(b"\xff\xff\xff\xff")];
    client.send(&frames).await;
    stage.answer("a").await;
    assert_eq!(client.receive().await, 0);
    client.expect_close().await;
}

#[tokio::test]
async fn requests_are_counted_under_the_version_they_came_in() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.heartbeat("a"), client.produce("b")];
    client.send(&frames).await;
    stage.answer("a").await;
    stage.answer("b").await;
    assert_eq!([client.receive().await, client.receive().await], [0, 1]);
    let page = stage.broker.broker().metrics.render();
    for (name, version) in [("Heartbeat", HEARTBEAT_VERSION), ("Produce", PRODUCE_VERSION)] {
        let line = format!("requests_total{{request=\"{name}\",version=\"{version}\"}} 1\n");
        assert!(page.contains(&line), "{line} is missing in {page}");
    }
}
