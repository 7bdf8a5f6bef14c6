//! A connection to another broker's listener for followers: one request, one response.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, FetchRequest, RequestHeader},
    protocol::{Encodable, HeaderVersion, StrBytes},
};
use protocol::fetch_response::{FOLLOWER_VERSION as VERSION, FetchResponse};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Frames beyond this are no answer to what was asked: one batch may exceed the limits of a request, but not this.
const LARGEST_FRAME: usize = 1 << 30;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    correlation_id: i32,
    client_id: StrBytes,
    /// The lead of a frame: length, header, body.
    outgoing: BytesMut,
}

impl Connection {
    pub(super) async fn open(host: &str, port: u16, client_id: String) -> io::Result<Self> {
        let stream = timeout(CONNECT_LIMIT, TcpStream::connect((host, port))).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, correlation_id: 0, client_id: StrBytes::from_string(client_id), outgoing: BytesMut::new() })
    }

    /// A peer that is gone without a word takes what its window has room for, and then nothing.
    pub(super) async fn send(&mut self, request: &FetchRequest, limit: Duration) -> io::Result<()> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(ApiKey::Fetch as i16)
            .with_request_api_version(VERSION)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(self.client_id.clone()));
        self.outgoing.clear();
        self.outgoing.put_i32(0);
        header.encode(&mut self.outgoing, FetchRequest::header_version(VERSION)).map_err(malformed)?;
        request.encode(&mut self.outgoing, VERSION).map_err(malformed)?;
        let length = i32::try_from(self.outgoing.len() - 4).map_err(malformed)?;
        self.outgoing[..4].copy_from_slice(&length.to_be_bytes());
        timeout(limit, self.stream.write_all(&self.outgoing)).await?
    }

    /// Waits until the response to what was sent last begins to come in; answers its length.
    pub(super) async fn answered(&mut self) -> io::Result<i32> {
        self.stream.read_i32().await
    }

    /// The rest of that response. Records are not copied out of the frame.
    pub(super) async fn receive(&mut self, length: i32) -> io::Result<FetchResponse<Bytes>> {
        let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST_FRAME);
        let length = length.ok_or_else(|| malformed("the length of the frame is out of range"))?;
        let mut frame = BytesMut::with_capacity(length).limit(length);
        while frame.remaining_mut() > 0 {
            if self.stream.read_buf(&mut frame).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let (correlation_id, response) = FetchResponse::read(&frame.into_inner().freeze()).map_err(malformed)?;
        if correlation_id != self.correlation_id {
            return Err(malformed("the response is to another request"));
        }
        Ok(response)
    }
}

fn malformed(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
    use tokio::net::TcpListener;

    /// It names many partitions, and the leader's node went down just after the connection was there.
    #[tokio::test]
    async fn request_that_nobody_takes_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut connection = Connection::open("127.0.0.1", port, "follower-1".to_owned()).await.unwrap();
        let (_peer, _) = listener.accept().await.unwrap();
        let partitions = vec![FetchPartition::default(); 500_000];
        let request = FetchRequest::default().with_topics(vec![FetchTopic::default().with_partitions(partitions)]);
        let sent = timeout(Duration::from_secs(20), connection.send(&request, Duration::from_millis(100))).await;
        assert_eq!(sent.expect("is given up").unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
