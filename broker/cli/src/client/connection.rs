//! One TCP connection to one broker: frames out, frames in, answers matched in order.
//!
//! A broker answers the requests of a connection in the order they came, so the waiting callers stand in a queue.
//! Two tasks own the two halves of the socket; a caller that goes away leaves the stream intact.

use super::{
    address::Address,
    error::{ClientError, Result},
    versions::{self, Offered},
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use protocol::guard;
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// Requests handed to the writer and not yet written. Callers wait beyond that.
const UNWRITTEN_REQUESTS: usize = 16;

/// Requests written and not yet answered. More than any caller here pipelines (five batches per partition and leader).
const UNANSWERED_REQUESTS: usize = 1024;

/// The largest answer we take. Fetch asks for 50 MiB at most; a broker may add one batch on top.
const MAX_ANSWER_BYTES: usize = 128 * 1024 * 1024;

struct Outgoing {
    frame: Bytes,
    then: Then,
}

enum Then {
    Answer(Waiting),
    /// For requests that have no answer (Produce with acks=0): told once the bytes are with the operating system.
    Written(oneshot::Sender<()>),
}

struct Waiting {
    correlation_id: i32,
    answer: oneshot::Sender<Bytes>,
}

pub(crate) struct Connection {
    address: Address,
    client_id: StrBytes,
    next_correlation_id: AtomicI32,
    outgoing: mpsc::Sender<Outgoing>,
    offered: OnceLock<Offered>,
    tasks: [JoinHandle<()>; 2],
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Connection {
    /// Connects and learns which versions the broker offers.
    pub(crate) async fn open(address: &Address, client_id: &str, patience: Duration) -> Result<Self> {
        let broken =
            |cause: std::io::Error| ClientError::Connection { address: address.clone(), cause: cause.to_string() };
        let socket = timeout(patience, TcpStream::connect((address.host.as_str(), address.port)))
            .await
            .map_err(|_| ClientError::Timeout { address: address.clone(), what: "connect", after: patience })?
            .map_err(broken)?;
        // Small requests must not wait for the acknowledgement of earlier ones (Nagle).
        socket.set_nodelay(true).map_err(broken)?;
        let (reader, writer) = socket.into_split();
        let (outgoing, to_write) = mpsc::channel(UNWRITTEN_REQUESTS);
        let (waiting, to_answer) = mpsc::channel(UNANSWERED_REQUESTS);
        let connection = Self {
            address: address.clone(),
            client_id: StrBytes::from_string(client_id.to_owned()),
            next_correlation_id: AtomicI32::new(0),
            outgoing,
            offered: OnceLock::new(),
            tasks: [
                tokio::spawn(write_frames(writer, to_write, waiting)),
                tokio::spawn(read_frames(reader, to_answer)),
            ],
        };
        let offered = connection.ask_versions(patience).await?;
        connection.offered.get_or_init(|| offered);
        Ok(connection)
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Both halves still live. A connection that is not open never becomes open again.
    pub(crate) fn is_open(&self) -> bool {
        !self.tasks.iter().any(JoinHandle::is_finished)
    }

    /// What the broker offers of an API, cut to what we speak.
    pub(crate) fn version_of<R: Request>(&self) -> Result<i16> {
        versions::negotiate(&self.address, R::KEY, self.offered())
    }

    /// Everything the broker offers, also what we do not speak.
    pub(crate) fn offered(&self) -> &Offered {
        self.offered.get().expect("open() asks before it hands the connection out")
    }

    pub(crate) fn offers(&self, key: ApiKey) -> bool {
        versions::negotiate(&self.address, key as i16, self.offered()).is_ok()
    }

    /// Sends a request in the best version both sides speak and waits for its answer.
    pub(crate) async fn call<R: Request>(&self, request: &R, patience: Duration) -> Result<R::Response> {
        let version = self.version_of::<R>()?;
        self.call_version(request, version, patience).await
    }

    async fn call_version<R: Request>(&self, request: &R, version: i16, patience: Duration) -> Result<R::Response> {
        let what = api_name(R::KEY);
        let (answer, answered) = oneshot::channel();
        let correlation_id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = self.encode(request, version, correlation_id)?;
        let exchange = async {
            let outgoing = Outgoing { frame, then: Then::Answer(Waiting { correlation_id, answer }) };
            self.outgoing.send(outgoing).await.map_err(|_| self.closed())?;
            answered.await.map_err(|_| self.closed())
        };
        let body = timeout(patience, exchange).await.map_err(|_| ClientError::Timeout {
            address: self.address.clone(),
            what,
            after: patience,
        })??;
        self.decode::<R>(body, version)
    }

    /// Sends a request that has no answer; done when the bytes are with the operating system.
    pub(crate) async fn send_unanswered<R: Request>(&self, request: &R) -> Result<()> {
        let version = self.version_of::<R>()?;
        let correlation_id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = self.encode(request, version, correlation_id)?;
        let (done, written) = oneshot::channel();
        self.outgoing.send(Outgoing { frame, then: Then::Written(done) }).await.map_err(|_| self.closed())?;
        written.await.map_err(|_| self.closed())
    }

    fn closed(&self) -> ClientError {
        ClientError::Connection { address: self.address.clone(), cause: "closed by the broker".to_owned() }
    }

    fn encode<R: Request>(&self, request: &R, version: i16, correlation_id: i32) -> Result<Bytes> {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation_id)
            .with_client_id(Some(self.client_id.clone()));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        header
            .encode(&mut frame, R::header_version(version))
            .and_then(|()| request.encode(&mut frame, version))
            .map_err(|cause| ClientError::Invalid(format!("{} version {version}: {cause}", api_name(R::KEY))))?;
        let length = i32::try_from(frame.len() - 4).map_err(|_| {
            ClientError::Invalid(format!("{} request of {} bytes is too large", api_name(R::KEY), frame.len()))
        })?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(frame.freeze())
    }

    fn decode<R: Request>(&self, mut body: Bytes, version: i16) -> Result<R::Response> {
        let malformed =
            |cause: String| ClientError::Malformed { address: self.address.clone(), what: api_name(R::KEY), cause };
        ResponseHeader::decode(&mut body, R::Response::header_version(version))
            .map_err(|cause| malformed(cause.to_string()))?;
        // The decoder reserves what counts claim; the walk holds them against the bytes first.
        guard::walk_response(R::KEY, version, &body).map_err(|cause| malformed(cause.to_string()))?;
        R::Response::decode(&mut body, version).map_err(|cause| malformed(cause.to_string()))
    }

    /// Version 3 (KIP-511) is known to every broker since Kafka 2.4, so none of those we speak to refuses it.
    async fn ask_versions(&self, patience: Duration) -> Result<Offered> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("weir"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let answer: ApiVersionsResponse = self.call_version(&request, 3, patience).await?;
        ClientError::check(answer.error_code, None, format!("broker {}", self.address))?;
        Ok(answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect())
    }
}

fn api_name(key: i16) -> &'static str {
    ApiKey::try_from(key).map_or("an unknown API", versions::name)
}

async fn write_frames(
    mut socket: OwnedWriteHalf,
    mut outgoing: mpsc::Receiver<Outgoing>,
    waiting: mpsc::Sender<Waiting>,
) {
    while let Some(Outgoing { frame, then }) = outgoing.recv().await {
        let written = match then {
            // In the queue before the bytes go out, so that the answer always finds somebody waiting.
            Then::Answer(answer) => {
                if waiting.send(answer).await.is_err() {
                    return;
                }
                None
            }
            Then::Written(written) => Some(written),
        };
        if socket.write_all(&frame).await.is_err() {
            return;
        }
        // A caller that gave up dropped its receiver.
        let _ = written.map(|written| written.send(()));
    }
}

/// Ends on any error; the callers in the queue learn it from their dropped senders.
async fn read_frames(socket: OwnedReadHalf, mut waiting: mpsc::Receiver<Waiting>) {
    let mut socket = BufReader::new(socket);
    while let Ok(frame) = read_frame(&mut socket).await {
        let Some(Waiting { correlation_id, answer }) = waiting.recv().await else { return };
        if frame.remaining() < 4 || frame.slice(..4).get_i32() != correlation_id {
            return;
        }
        // A caller that gave up dropped its receiver: the answer is of no use then.
        let _ = answer.send(frame);
    }
}

async fn read_frame(socket: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Bytes> {
    let length = socket.read_i32().await?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_ANSWER_BYTES)
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "frame length"))?;
    // Grows with what arrives, not with what the length claims.
    let mut frame = BytesMut::with_capacity(length.min(64 * 1024));
    while frame.len() < length {
        let missing = length - frame.len();
        if (&mut *socket).take(missing as u64).read_buf(&mut frame).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame.freeze())
}

#[cfg(test)]
mod tests;
