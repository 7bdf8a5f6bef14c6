//! A client that sends exactly what it is told to.

use bytes::{Buf, Bytes};
use kafka_protocol::{
    messages::ApiKey,
    protocol::{Decodable, HeaderVersion, Request},
};
use protocol::frame::{FramePrefix, encode_request};
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

/// Where a frame names the version.
const VERSION: std::ops::Range<usize> = 6..8;

/// The version the codec writes. ListOffsets 11 has the same bytes as 10, which is the codec's last.
fn wire_version<R: Request>(version: i16) -> i16 {
    if R::KEY == ApiKey::ListOffsets as i16 { version.min(R::VERSIONS.max) } else { version }
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
        let prefix = FramePrefix { api_key: R::KEY, api_version: wire_version::<R>(version), correlation_id };
        let mut frame = encode_request(prefix, Some("test"), request).unwrap().to_vec();
        frame[VERSION].copy_from_slice(&version.to_be_bytes());
        self.send_bytes(&frame).await;
        correlation_id
    }

    /// The response to a request sent before; it must be the next one to come.
    pub async fn receive<R: Request>(&mut self, version: i16, correlation_id: i32) -> R::Response {
        let mut frame = self.receive_frame().await.expect("a response instead of a close");
        assert_eq!(frame.get_i32(), correlation_id, "responses are out of order");
        if R::Response::header_version(version) > 0 {
            assert_eq!(frame.get_u8(), 0, "response header has tagged fields");
        }
        let api = ApiKey::try_from(R::KEY).unwrap();
        let response = R::Response::decode(&mut frame, wire_version::<R>(version));
        let response = response.unwrap_or_else(|error| panic!("{api:?} {version} response: {error}"));
        assert!(frame.is_empty(), "{api:?} {version} response has {} bytes too many", frame.len());
        response
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
