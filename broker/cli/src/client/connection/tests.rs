//! Against listeners that are no brokers, or bad ones.

use super::*;
use bytes::BytesMut;
use kafka_protocol::messages::{MetadataRequest, api_versions_response::ApiVersion};
use tokio::net::TcpListener;

/// Answers the first request with the versions of Metadata, all later ones with `bytes`.
async fn broker_that_answers(bytes: Vec<u8>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let mut first = true;
        loop {
            let Ok(length) = socket.read_i32().await else { return };
            let mut request = vec![0; usize::try_from(length).expect("a length")];
            socket.read_exact(&mut request).await.expect("a whole request");
            let answer = if first { versions_answer(&request[4..8]) } else { bytes.clone() };
            first = false;
            if socket.write_all(&answer).await.is_err() {
                return;
            }
        }
    });
    Address::new("127.0.0.1", port)
}

fn versions_answer(correlation_id: &[u8]) -> Vec<u8> {
    let metadata = ApiVersion::default().with_api_key(ApiKey::Metadata as i16).with_max_version(12);
    let mut body = BytesMut::from(correlation_id);
    ApiVersionsResponse::default().with_api_keys(vec![metadata]).encode(&mut body, 3).expect("version 3");
    framed(&body)
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&i32::try_from(body.len()).expect("small").to_be_bytes()[..], body].concat()
}

async fn ask(answer: Vec<u8>) -> ClientError {
    let address = broker_that_answers(answer).await;
    let connection = Connection::open(&address, "test", Duration::from_secs(5)).await.expect("good versions");
    let request = MetadataRequest::default().with_topics(None);
    connection.call(&request, Duration::from_secs(5)).await.expect_err("a bad answer")
}

#[tokio::test]
async fn a_count_beyond_the_bytes_is_refused_without_reserving_it() {
    // Correlation id 1, no tags, throttle time, and then four thousand million brokers.
    let body = [&[0, 0, 0, 1, 0][..], &[0, 0, 0, 0], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    let error = ask(framed(&body)).await;
    assert!(matches!(error, ClientError::Malformed { what: "Metadata", .. }), "{error:?}");
}

#[tokio::test]
async fn a_frame_length_beyond_the_limit_ends_the_connection() {
    let error = ask(i32::MAX.to_be_bytes().to_vec()).await;
    assert!(matches!(error, ClientError::Connection { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_to_something_else_ends_the_connection() {
    let error = ask(framed(&[0, 0, 0, 77, 0])).await;
    assert!(matches!(error, ClientError::Connection { .. }), "{error:?}");
}

#[tokio::test]
async fn text_instead_of_frames_ends_the_connection() {
    let error = ask(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await;
    assert!(error.is_retriable() && matches!(error, ClientError::Connection { .. }), "{error:?}");
}

#[tokio::test]
async fn silence_is_reported_after_the_patience() {
    let address = broker_that_answers(Vec::new()).await;
    let connection = Connection::open(&address, "test", Duration::from_secs(5)).await.expect("good versions");
    let request = MetadataRequest::default().with_topics(None);
    let error = connection.call(&request, Duration::from_millis(50)).await.expect_err("no answer");
    assert!(matches!(error, ClientError::Timeout { what: "Metadata", .. }), "{error:?}");
}
