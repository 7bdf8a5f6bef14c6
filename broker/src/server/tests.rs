//! The server over real sockets, with handlers the tests hold by the hand.
//!
//! All run on one thread: when a test has heard that a request started, the connection has already looked at every byte
//! that came with it, so "nothing else started" can be asserted without waiting.

mod drain;
mod framing;
mod limits;
mod ordering;
mod sending;
mod times;

use super::{BoundListeners, Server};
use crate::{
    Broker, RunningBroker,
    api::{Api, Dispatched, Handler, Piece, RequestContext, Response},
    config::{BrokerConfig, NetworkConfig},
    metrics::ConnectionMetrics,
};
use bytes::{Buf, Bytes};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsRequest, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, ProduceRequest,
        TransactionalId,
    },
    protocol::{Decodable, Encodable, StrBytes},
};
use parking_lot::Mutex;
use protocol::frame::{FramePrefix, encode_request, encode_response};
use std::{
    collections::HashMap,
    future::Future,
    net::SocketAddr,
    sync::{Arc, LazyLock, atomic::Ordering},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
};

const PRODUCE_VERSION: i16 = 9;
const HEARTBEAT_VERSION: i16 = 4;
const JOIN_VERSION: i16 = 5;
/// A Produce with this step has its response at once, and nobody is told of it.
const AT_ONCE: &str = "at once";

static TABLE: [Api; 4] = [
    Api {
        key: ApiKey::Produce,
        served: (3, 13),
        advertised: (0, 13),
        handler: Handler::Overlapping(|context, body| Box::pin(produce(context, body))),
    },
    Api {
        key: ApiKey::JoinGroup,
        served: (2, 9),
        advertised: (2, 9),
        handler: Handler::Parking(|context, body| {
            let request = JoinGroupRequest::decode(&mut body.clone(), context.version).unwrap();
            Box::pin(answer_when_told(context, request.group_id.to_string()))
        }),
    },
    Api {
        key: ApiKey::Heartbeat,
        served: (0, 4),
        advertised: (0, 4),
        handler: Handler::Ordinary(|context, body| {
            let request = HeartbeatRequest::decode(&mut body.clone(), context.version).unwrap();
            Box::pin(answer_when_told(context, request.group_id.to_string()))
        }),
    },
    Api {
        key: ApiKey::ApiVersions,
        served: (0, 4),
        advertised: (0, 4),
        handler: Handler::Ordinary(|context, _| Box::pin(async move { answer(&context) })),
    },
];

/// What handlers tell the test that made the request; a request's text names the test's script.
static SCRIPTS: LazyLock<Mutex<HashMap<String, mpsc::UnboundedSender<Event>>>> = LazyLock::new(Mutex::default);

#[derive(Debug)]
enum Event {
    /// A request runs; its response is what the test sends.
    Started {
        step: String,
        reply: oneshot::Sender<Response>,
        context: RequestContext,
    },
    Dropped {
        step: String,
    },
}

/// Tells the test when a handler is given up before it answered.
struct Watch {
    step: String,
    script: mpsc::UnboundedSender<Event>,
    is_done: bool,
}

impl Watch {
    fn answered(mut self) {
        self.is_done = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = self.script.send(Event::Dropped { step: self.step.clone() });
        }
    }
}

async fn produce(context: RequestContext, body: Bytes) -> Dispatched {
    let request = ProduceRequest::decode(&mut body.clone(), context.version).unwrap();
    let text = request.transactional_id.unwrap_or_default().to_string();
    if text.ends_with(AT_ONCE) {
        return Dispatched::Ready(answer(&context));
    }
    Dispatched::Pending(Box::pin(answer_when_told(context, text).into_inner()))
}

/// Begins at once, not at the first poll: a Produce that is not the first of its connection is not polled.
fn answer_when_told(context: RequestContext, text: String) -> Answer {
    let (script, step) = text.split_once('/').unwrap();
    let script = SCRIPTS.lock().get(script).unwrap().clone();
    let watch = Watch { step: step.to_owned(), script: script.clone(), is_done: false };
    let (reply, told) = oneshot::channel();
    script.send(Event::Started { step: step.to_owned(), reply, context }).unwrap();
    Answer(Box::pin(async move {
        let response = told.await.unwrap_or(Response::Close);
        watch.answered();
        response
    }))
}

struct Answer(futures_util::future::BoxFuture<'static, Response>);

impl Answer {
    fn into_inner(self) -> futures_util::future::BoxFuture<'static, Response> {
        self.0
    }
}

impl std::future::Future for Answer {
    type Output = Response;
    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Response> {
        self.0.as_mut().poll(context)
    }
}

fn answer(context: &RequestContext) -> Response {
    let response = HeartbeatResponse::default();
    Response::Bytes(encode_response(ApiKey::Heartbeat as i16, 0, context.correlation_id, &response).unwrap())
}

/// A test that waits in vain fails; how long that takes means nothing else.
async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), future).await.expect("waited in vain")
}

/// A server, and the script its handlers follow.
struct Stage {
    name: String,
    events: mpsc::UnboundedReceiver<Event>,
    server: Server,
    address: SocketAddr,
    broker: RunningBroker,
    _folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut NetworkConfig)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut config = BrokerConfig::for_tests(folder.path());
        change(&mut config.network);
        let broker = Broker::start(config.clone()).await.unwrap();
        let listeners = BoundListeners::bind(&config).await.unwrap();
        let server = Server::with_table(broker.broker().clone(), listeners, &TABLE);
        let address = server.addresses()[0].1;
        let (sender, events) = mpsc::unbounded_channel();
        let name = address.port().to_string();
        SCRIPTS.lock().insert(name.clone(), sender);
        Self { name, events, server, address, broker, _folder: folder }
    }

    fn connections(&self) -> Arc<ConnectionMetrics> {
        self.broker.broker().metrics.connections(self.server.addresses()[0].0.as_str())
    }

    async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), script: self.name.clone(), next_id: 0 }
    }

    /// The next request to start.
    async fn started(&mut self) -> (String, oneshot::Sender<Response>, RequestContext) {
        match in_time(self.events.recv()).await.unwrap() {
            Event::Started { step, reply, context } => (step, reply, context),
            Event::Dropped { step } => panic!("{step} was dropped"),
        }
    }

    /// Waits for this request to start and answers it.
    async fn answer(&mut self, expected: &str) {
        let (step, reply, context) = self.started().await;
        assert_eq!(step, expected);
        reply.send(answer(&context)).unwrap();
    }

    async fn dropped(&mut self) -> String {
        match in_time(self.events.recv()).await.unwrap() {
            Event::Dropped { step } => step,
            Event::Started { step, .. } => panic!("{step} started"),
        }
    }

    fn assert_nothing_started(&mut self) {
        assert!(self.events.try_recv().is_err(), "a request started that has to wait");
    }
}

struct Client {
    stream: TcpStream,
    script: String,
    next_id: i32,
}

impl Client {
    async fn send(&mut self, frames: &[Bytes]) {
        self.stream.write_all(&frames.concat()).await.unwrap();
    }

    fn produce(&mut self, step: &str) -> Bytes {
        self.produce_of(step, 0)
    }

    /// A Produce request with so many bytes in place of records.
    fn produce_of(&mut self, step: &str, size: usize) -> Bytes {
        use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
        let partition = PartitionProduceData::default().with_records(Some(vec![7; size].into()));
        let request = ProduceRequest::default()
            .with_transactional_id(Some(TransactionalId(self.text(step))))
            .with_topic_data(vec![TopicProduceData::default().with_partition_data(vec![partition])]);
        self.encode(ApiKey::Produce, PRODUCE_VERSION, &request)
    }

    fn heartbeat(&mut self, step: &str) -> Bytes {
        let request = HeartbeatRequest::default().with_group_id(self.text(step).into());
        self.encode(ApiKey::Heartbeat, HEARTBEAT_VERSION, &request)
    }

    fn join(&mut self, step: &str) -> Bytes {
        self.join_of(step, 0)
    }

    /// A JoinGroup request with so many protocols.
    fn join_of(&mut self, step: &str, protocols: usize) -> Bytes {
        use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
        let request = JoinGroupRequest::default()
            .with_group_id(self.text(step).into())
            .with_protocols(vec![JoinGroupRequestProtocol::default(); protocols]);
        self.encode(ApiKey::JoinGroup, JOIN_VERSION, &request)
    }

    fn api_versions(&mut self) -> Bytes {
        self.encode(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default())
    }

    fn encode<R: Encodable>(&mut self, api: ApiKey, version: i16, request: &R) -> Bytes {
        let prefix = FramePrefix { api_key: api as i16, api_version: version, correlation_id: self.next_id };
        self.next_id += 1;
        encode_request(prefix, Some("test"), request).unwrap()
    }

    fn text(&self, step: &str) -> StrBytes {
        StrBytes::from_string(format!("{}/{step}", self.script))
    }

    /// The correlation id of the next response.
    async fn receive(&mut self) -> i32 {
        let mut frame = self.receive_frame().await;
        frame.get_i32()
    }

    /// The next response, without its length.
    async fn receive_frame(&mut self) -> Bytes {
        let length = in_time(self.stream.read_i32()).await.unwrap();
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        in_time(self.stream.read_exact(&mut frame)).await.unwrap();
        frame.into()
    }

    /// Waits until the server closes, and asserts that nothing more came before.
    async fn expect_close(&mut self) {
        let mut rest = Vec::new();
        // A reset says the same as an end: bytes the server did not read were thrown away.
        let _ = in_time(self.stream.read_to_end(&mut rest)).await;
        assert_eq!(rest, Vec::<u8>::new(), "server sent more before it closed");
    }
}
