//! The Kafka protocol server: listeners, connections, framing, ordered responses, memory budget.
//!
//! A connection is one task ([`connection`]) that reads frames ([`reader`]), starts requests ([`dispatch`]) and sends
//! their responses in request order ([`sender`]). What all connections share is here: the memory budget ([`memory`]), the
//! limits on connections ([`limits`]), and the phase that tells them to stop.

mod connection;
mod dispatch;
mod limits;
mod listener;
mod memory;
mod reader;
mod sender;
mod software;
#[cfg(test)]
mod tests;

pub(crate) use listener::{BoundListeners, bind as open_socket};
pub(crate) use memory::memory_limit;
pub(crate) use software::{ClientSoftware, SoftwareOfConnection};

use crate::{
    Broker,
    api::{self, Api},
    config::ListenerName,
};
use limits::ConnectionLimits;
use memory::RequestMemory;
use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, futures::OwnedNotified},
    task::JoinHandle,
};

/// After [`Server::drain`] began, connections that wait for a parked request get this long for its answer.
const PARKED_GRACE: Duration = Duration::from_millis(200);

/// What the queues of a new connection have room for: most clients wait for an answer before they ask again, and a queue that
/// grows from nothing has room for four.
const UNDER_WAY: usize = 1;

/// Serves the Kafka protocol until it is drained.
#[derive(Debug)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    addresses: Vec<(ListenerName, SocketAddr)>,
    acceptors: Vec<JoinHandle<()>>,
}

/// What every connection needs.
#[derive(Debug)]
struct Shared {
    broker: Arc<Broker>,
    table: &'static [Api],
    memory: RequestMemory,
    limits: Arc<ConnectionLimits>,
    draining: Draining,
    software: ClientSoftware,
    next_connection_id: AtomicU64,
    warned_of_foreign_protocol: AtomicBool,
}

/// Tells the parts of a running server that it stops. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Draining {
    state: Arc<DrainState>,
}

#[derive(Debug, Default)]
struct DrainState {
    phase: AtomicU8,
    changed: Arc<Notify>,
}

/// How a server ends. Only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving = 0,
    /// No new connections, no new requests; those in progress finish.
    Draining = 1,
    /// Connections end now.
    Closing = 2,
}

impl Server {
    /// Begins to accept on sockets that are already bound.
    pub(crate) fn start(broker: Arc<Broker>, listeners: BoundListeners) -> Self {
        Self::with_table(broker, listeners, api::TABLE)
    }

    fn with_table(broker: Arc<Broker>, listeners: BoundListeners, table: &'static [Api]) -> Self {
        let network = &broker.config.network;
        let shared = Arc::new(Shared {
            table,
            memory: RequestMemory::of_process(network.queued_max_request_bytes),
            limits: Arc::new(ConnectionLimits::new(network, listeners.overrides())),
            draining: Draining::new(),
            software: ClientSoftware::default(),
            next_connection_id: AtomicU64::new(0),
            warned_of_foreign_protocol: AtomicBool::new(false),
            broker,
        });
        shared.broker.metrics.register(Arc::new(shared.software.clone()));
        let addresses = listeners.addresses();
        let acceptors = listeners.accept_all(&shared);
        Self { shared, addresses, acceptors }
    }

    /// What each listener is bound to, in the order of `listeners`.
    pub(crate) fn addresses(&self) -> &[(ListenerName, SocketAddr)] {
        &self.addresses
    }

    /// Resolves once no client is connected.
    pub(crate) async fn is_deserted(&self) {
        self.shared.limits.all_closed().await;
    }

    /// Stops accepting, lets requests in progress finish for at most `patience`, closes all connections.
    pub(crate) async fn drain(mut self, patience: Duration) {
        self.shared.draining.advance(Phase::Draining);
        for acceptor in std::mem::take(&mut self.acceptors) {
            // An acceptor that panicked has nothing left to stop.
            let _ = acceptor.await;
        }
        if tokio::time::timeout(patience, self.shared.limits.all_closed()).await.is_err() {
            tracing::warn!(
                connections = self.shared.limits.open(),
                "requests did not finish in time, closing connections"
            );
            self.shared.draining.advance(Phase::Closing);
            self.shared.limits.all_closed().await;
        }
    }
}

/// A server dropped without [`Server::drain`] ends as in a crash: connections break off.
impl Drop for Server {
    fn drop(&mut self) {
        self.shared.draining.advance(Phase::Closing);
    }
}

impl Draining {
    pub(crate) fn new() -> Self {
        Self { state: Arc::default() }
    }

    /// Resolves once the server stops.
    pub(crate) fn begun(&self) -> impl Future<Output = ()> + Send + use<> {
        let draining = self.clone();
        async move {
            loop {
                let changed = draining.changed();
                if draining.phase() >= Phase::Draining {
                    return;
                }
                changed.await;
            }
        }
    }

    /// Resolves at the next change of phase after this call.
    fn changed(&self) -> OwnedNotified {
        self.state.changed.clone().notified_owned()
    }

    fn phase(&self) -> Phase {
        match self.state.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Closing,
        }
    }

    fn advance(&self, phase: Phase) {
        self.state.phase.fetch_max(phase as u8, Ordering::Release);
        self.state.changed.notify_waiters();
    }
}
