//! One connection: reads frames, runs requests, sends their responses in request order.
//!
//! Written as one poll function instead of awaits, because at any moment several things may go on: a response may be
//! ready, the socket may take bytes or give some, a grant may come. Every pass does all that can be done without waiting
//! and only then returns to the runtime.
//!
//! | state | reads the socket | starts requests |
//! |---|---|---|
//! | nothing in progress | yes | yes |
//! | Produce waiting for their acknowledgement | yes | Produce only, at most [`MAX_OVERLAPPING`] |
//! | any other request in progress | no | no |
//! | a request parked (Fetch, JoinGroup, SyncGroup) | a little, to see the client hang up | no |
//! | more than [`MAX_UNSENT`] bytes the client does not read | no | no |

mod departures;
mod input;
mod requests;
mod stages;
mod timing;

use super::{
    Phase, Shared,
    dispatch::Request,
    limits::ConnectionPermit,
    memory::Size,
    reader::FrameReader,
    sender::{Outbox, Sent},
};
use crate::{api::ConnectionContext, config::ListenerName, metrics::ConnectionMetrics};
use departures::Departures;
use input::{GrantWait, Start};
use requests::Requests;
use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use timing::Timing;
use tokio::{net::TcpStream, sync::futures::OwnedNotified};
use tracing::Instrument as _;

/// Produce requests whose responses are outstanding at the same time.
const MAX_OVERLAPPING: usize = 64;
/// Responses a client does not read stop its requests from being started.
const MAX_UNSENT: usize = 64 << 10;
/// While a request is parked the connection reads on, up to this much, to notice that the client hung up.
const WATCHED_BYTES: usize = 4 << 10;

pub(super) struct Connection {
    shared: Arc<Shared>,
    context: Arc<ConnectionContext>,
    stream: TcpStream,
    reader: FrameReader,
    requests: Requests,
    outbox: Outbox,
    departures: Departures,
    metrics: Arc<ConnectionMetrics>,
    /// A request that has to wait for those before it.
    held: Option<Request>,
    grant_wait: Option<GrantWait>,
    timing: Timing,
    phase: Phase,
    phase_changed: Pin<Box<OwnedNotified>>,
    is_registered: bool,
    /// No more requests come: the client closed its side, or sent what cannot be read.
    input_ended: bool,
    /// Keeps the connection counted.
    _permit: ConnectionPermit,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("client closed, or sent what cannot be read")]
    InputEnded,
    #[error("idle for too long")]
    Idle,
    #[error("frame stalled")]
    Stalled,
    #[error("server stops")]
    Stopped,
    #[error("other brokers serve the client")]
    SentAway,
    #[error(transparent)]
    Socket(#[from] io::Error),
}

/// A client that was let in.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) client_address: SocketAddr,
    pub(super) listener: ListenerName,
    /// Of the listener.
    pub(super) metrics: Arc<ConnectionMetrics>,
    pub(super) permit: ConnectionPermit,
}

/// Serves one client until either side ends it. What it is made of is not kept in the future beside the connection itself:
/// thousands are idle, and cost nothing but their memory.
pub(super) fn serve(shared: Arc<Shared>, accepted: Accepted, connection_id: u64) -> impl Future<Output = ()> + Send {
    let Accepted { client_address, listener, .. } = &accepted;
    let span = tracing::info_span!("connection", connection_id, client = %client_address, listener = %listener);
    let mut connection = Connection::new(shared, accepted);
    async move {
        let end = poll_fn(|context| connection.poll(context)).await;
        connection.report(&end);
    }
    .instrument(span)
}

impl Connection {
    fn new(shared: Arc<Shared>, accepted: Accepted) -> Self {
        let Accepted { stream, client_address, listener, metrics, permit } = accepted;
        let phase_changed = Box::pin(shared.draining.changed());
        let network = &shared.broker.config.network;
        metrics.open.increment();
        Self {
            context: Arc::new(ConnectionContext {
                broker: shared.broker.clone(),
                client_address,
                software: shared.software.connection(listener.clone()),
                listener,
                draining: shared.draining.clone(),
                is_sent_away: AtomicBool::new(false),
            }),
            stream,
            reader: FrameReader::new(network.request_max_bytes as usize),
            requests: Requests::new(shared.broker.clone()),
            outbox: Outbox::new(),
            departures: Departures::new(shared.broker.clone()),
            metrics,
            held: None,
            grant_wait: None,
            timing: Timing::new(network),
            phase: Phase::Serving,
            phase_changed,
            is_registered: false,
            input_ended: false,
            _permit: permit,
            shared,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        self.timing.wakes();
        loop {
            match self.pass(context) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(end) => return Poll::Ready(end),
            }
        }
    }

    /// One round over everything that may have become possible. True when another round may find more.
    fn pass(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        self.observe_phase(context)?;
        if self.requests.poll(context, &mut self.outbox, &mut self.departures).is_break() {
            self.end_input();
            self.requests.drop_all();
        }
        let start = self.start_request();
        if start == Start::Started || self.poll_grant(context)? {
            return Ok(true);
        }
        let was_full = self.outbox.unsent() >= MAX_UNSENT;
        if self.send(context)? && was_full {
            return Ok(true);
        }
        self.check_finished(&start)?;
        if self.poll_read(&start, context)? {
            return Ok(true);
        }
        let state = self.timing_state();
        self.timing.poll(&state, context)?;
        Ok(false)
    }

    /// Sends what there is. True when all of it went.
    fn send(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let sent = self.send_outbox(context);
        let (timing, waiting) = (&self.timing, self.requests.answered_early());
        self.departures.sent(self.outbox.sent(), || timing.last_activity(), waiting);
        sent
    }

    fn send_outbox(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        while !self.outbox.is_empty() {
            let unsent = self.outbox.unsent();
            let sent = self.outbox.send(&self.stream)?;
            if self.outbox.unsent() < unsent {
                self.timing.active();
            }
            match sent {
                Sent::Everything => {}
                Sent::Yield => {
                    context.waker().wake_by_ref();
                    return Ok(false);
                }
                Sent::Blocked => match self.stream.poll_write_ready(context) {
                    Poll::Pending => return Ok(false),
                    Poll::Ready(ready) => ready?,
                },
            }
        }
        Ok(true)
    }

    /// What is in progress finishes, and nothing more is started.
    fn winds_down(&self) -> Option<End> {
        if self.phase > Phase::Serving {
            return Some(End::Stopped);
        }
        self.context.is_sent_away.load(Ordering::Relaxed).then_some(End::SentAway)
    }

    fn check_finished(&self, start: &Start) -> Result<(), End> {
        if !self.requests.is_empty() || !self.outbox.is_empty() {
            return Ok(());
        }
        if let Some(end) = self.winds_down() {
            return Err(end);
        }
        if self.input_ended && *start == Start::NeedsBytes { Err(End::InputEnded) } else { Ok(()) }
    }

    /// Learns that the server stops. Registers with it once per phase, not once per wake-up: the lock is everybody's.
    fn observe_phase(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        let mut phase = self.shared.draining.phase();
        if phase == self.phase && self.is_registered {
            return Ok(());
        }
        if phase != self.phase {
            self.phase_changed = Box::pin(self.shared.draining.changed());
            // Looked at again: a change that came before this was made is not told.
            phase = self.shared.draining.phase();
        }
        self.is_registered = true;
        if self.phase_changed.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
        if phase == self.phase {
            return Ok(());
        }
        self.phase = phase;
        if self.phase == Phase::Closing {
            return Err(End::Stopped);
        }
        self.held = None;
        self.timing.server_stops();
        Ok(())
    }

    fn timing_state(&self) -> timing::State {
        let large = self.reader.large_length();
        timing::State {
            is_busy: !self.requests.is_empty() || self.grant_wait.is_some(),
            is_parked: self.requests.is_parked(),
            is_inside_frame: self.reader.is_inside_frame(),
            is_holding_frame: large.is_some(),
            contended_frame: large.filter(|length| self.shared.memory.is_scarce(Size::of_frame(*length))),
        }
    }

    fn report(&self, end: &End) {
        if matches!(end, End::Idle) {
            self.metrics.expired_idle.increment();
        }
        tracing::debug!(reason = %end, "connection ends");
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.metrics.open.decrement();
    }
}
