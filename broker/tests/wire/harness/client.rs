//! A client that sends exactly what it is told to.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::ApiKey,
    protocol::{Decodable, Request},
};
use protocol::frame::{FramePrefix, encode_request, request_header_version, response_header_version};
use std::{future::Future, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub struct Client {
    pub stream: TcpStream,
    next_correlation_id: i32,
}

/// A test that waits in vain fails; how long that takes means nothing else.
async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("waited in vain for the broker")
}

/// A whole response in a version that the codec has.
pub fn decode<R: Request>(version: i16, mut body: Bytes) -> R::Response {
    let api = ApiKey::try_from(R::KEY).unwrap();
    let response = R::Response::decode(&mut body, version);
    let response = response.unwrap_or_else(|error| panic!("{api:?} {version} response: {error}"));
    assert!(body.is_empty(), "{api:?} {version} response has {} bytes too many", body.len());
    response
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, next_correlation_id: 0 }
    }

    /// Sends a request and waits for its response.
    pub async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let correlation_id = self.send(version, request).await;
        self.receive::<R>(version, correlation_id).await
    }

    /// Sends a request; returns its correlation id for [`Client::receive`].
    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let prefix = FramePrefix { api_key: R::KEY, api_version: version, correlation_id };
        self.send_bytes(&encode_request(prefix, Some("test"), request).unwrap()).await;
        correlation_id
    }

    /// Sends a request whose body is written already and waits for the body of its response.
    pub async fn call_with_body(&mut self, api_key: i16, version: i16, body: &[u8]) -> Bytes {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let mut frame = BytesMut::new();
        frame.put_i16(api_key);
        frame.put_i16(version);
        frame.put_i32(correlation_id);
        frame.put_i16(-1);
        if request_header_version(api_key, version).unwrap() >= 2 {
            frame.put_u8(0);
        }
        frame.put_slice(body);
        self.stream.write_i32(i32::try_from(frame.len()).unwrap()).await.unwrap();
        self.send_bytes(&frame).await;
        self.receive_body(api_key, version, correlation_id).await
    }

    /// The response to a request sent before; it must be the next one to come.
    pub async fn receive<R: Request>(&mut self, version: i16, correlation_id: i32) -> R::Response {
        let body = self.receive_body(R::KEY, version, correlation_id).await;
        decode::<R>(version, body)
    }

    async fn receive_body(&mut self, api_key: i16, version: i16, correlation_id: i32) -> Bytes {
        let mut frame = self.receive_frame().await.expect("a response instead of a close");
        assert_eq!(frame.get_i32(), correlation_id, "responses are out of order");
        if response_header_version(api_key, version).unwrap() > 0 {
            assert_eq!(frame.get_u8(), 0, "response header has tagged fields");
        }
        frame
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next response without its length; None when the broker closed.
    pub async fn receive_frame(&mut self) -> Option<Bytes> {
        let length = in_time(self.stream.read_i32()).await.ok()?;
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        in_time(self.stream.read_exact(&mut frame)).await.ok()?;
        Some(frame.into())
    }

    /// Sends bytes and returns what comes back until the next response is whole; None when the broker closes instead.
    pub async fn exchange(&mut self, bytes: &[u8]) -> Option<Bytes> {
        self.send_bytes(bytes).await;
        self.receive_frame().await
    }
}
