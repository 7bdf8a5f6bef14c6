//! Opens the sockets of `listeners` and accepts connections.

use super::{Phase, Shared, connection};
use crate::{
    config::{BrokerConfig, Listener, ListenerName},
    metrics::ConnectionMetrics,
};
use anyhow::Context as _;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};

/// When accepting fails because the process has no descriptors left, it pauses: trying again at once would spin.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// For clients on the same machine, Kafka's default. Megabytes on the way gain nothing there, and have left the CPU's cache
/// before they are read: without it some runs of librdkafka's producer get half as much through (rows L1 of `make bench`).
const LOCAL_RECEIVE_BUFFER: usize = 100 << 10;

/// Listeners whose sockets are open: clients can connect, but wait until the server starts.
#[derive(Debug)]
pub(crate) struct BoundListeners {
    listeners: Vec<Bound>,
    overrides: HashMap<IpAddr, u32>,
}

#[derive(Debug)]
struct Bound {
    name: ListenerName,
    listener: TcpListener,
    address: SocketAddr,
    options: SocketOptions,
}

/// What is set on each accepted socket.
#[derive(Debug, Clone, Copy)]
struct SocketOptions {
    send_buffer_bytes: Option<u32>,
    receive_buffer_bytes: Option<u32>,
}

impl BoundListeners {
    pub(crate) async fn bind(config: &BrokerConfig) -> anyhow::Result<Self> {
        let network = &config.network;
        let options = SocketOptions {
            send_buffer_bytes: chosen(config, "socket.send.buffer.bytes", network.send_buffer_bytes),
            receive_buffer_bytes: chosen(config, "socket.receive.buffer.bytes", network.receive_buffer_bytes),
        };
        let mut listeners = Vec::with_capacity(network.listeners.len());
        for listener in &network.listeners {
            let bound = bind(listener, network.listen_backlog).await.with_context(|| {
                let (name, host, port) = (&listener.name, &listener.host, listener.port);
                format!("open listener {name} on {host}:{port} (choose another with --listen)")
            })?;
            let address = bound.local_addr().context("read the address of a listener")?;
            listeners.push(Bound { name: listener.name.clone(), listener: bound, address, options });
        }
        let mut overrides = HashMap::new();
        for (host, limit) in &network.max_connections_per_ip_overrides {
            let resolved = tokio::net::lookup_host((host.as_str(), 0)).await;
            let resolved = resolved.with_context(|| format!("resolve {host} of max.connections.per.ip.overrides"))?;
            overrides.extend(resolved.map(|address| (address.ip().to_canonical(), *limit)));
        }
        Ok(Self { listeners, overrides })
    }

    /// What each listener is bound to, in the order of `listeners`.
    pub(crate) fn addresses(&self) -> Vec<(ListenerName, SocketAddr)> {
        self.listeners.iter().map(|bound| (bound.name.clone(), bound.address)).collect()
    }

    pub(super) fn overrides(&self) -> HashMap<IpAddr, u32> {
        self.overrides.clone()
    }

    /// One task per listener; it ends when the server drains.
    pub(super) fn accept_all(self, shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
        self.listeners.into_iter().map(|bound| tokio::spawn(bound.accept(shared.clone()))).collect()
    }
}

impl Bound {
    async fn accept(self, shared: Arc<Shared>) {
        let changed = shared.draining.changed();
        if shared.draining.phase() > Phase::Serving {
            return;
        }
        tokio::select! {
            () = changed => {}
            () = self.accept_until_dropped(&shared) => {}
        }
    }

    async fn accept_until_dropped(&self, shared: &Arc<Shared>) {
        let metrics = shared.broker.metrics.connections(self.name.as_str());
        let mut pace = Pace::new(shared.broker.config.network.max_connection_creation_rate);
        let mut is_failing = false;
        loop {
            shared.limits.has_room().await;
            pace.wait().await;
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    is_failing = false;
                    self.admit(shared, &metrics, stream, address);
                }
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(error = %error, "connection was gone before it was accepted");
                }
                Err(error) => {
                    // Once per spell: it goes on until somebody closes a connection.
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(listener = %self.name, error = %error, "cannot accept connections, pausing");
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    fn admit(&self, shared: &Arc<Shared>, metrics: &Arc<ConnectionMetrics>, stream: TcpStream, address: SocketAddr) {
        metrics.accepted.increment();
        let Some(permit) = shared.limits.admit(address.ip()) else {
            metrics.refused.increment();
            tracing::debug!(client = %address, "connection refused, too many from this address");
            return;
        };
        if let Err(error) = self.options.apply(&stream, address.ip()) {
            tracing::debug!(client = %address, error = %error, "cannot set socket options");
            return;
        }
        let id = shared.next_connection_id.fetch_add(1, Ordering::Relaxed);
        let accepted = connection::Accepted {
            stream,
            client_address: address,
            listener: self.name.clone(),
            metrics: Arc::clone(metrics),
            permit,
        };
        tokio::spawn(connection::serve(shared.clone(), accepted, id));
    }
}

impl SocketOptions {
    fn apply(self, stream: &TcpStream, client: IpAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        socket.set_keepalive(true)?;
        if let Some(bytes) = self.send_buffer_bytes {
            socket.set_send_buffer_size(bytes as usize)?;
        }
        match self.receive_buffer_bytes {
            Some(bytes) => socket.set_recv_buffer_size(bytes as usize)?,
            None if is_local(stream, client) => socket.set_recv_buffer_size(LOCAL_RECEIVE_BUFFER)?,
            None => {}
        }
        Ok(())
    }
}

fn is_local(stream: &TcpStream, client: IpAddr) -> bool {
    stream.local_addr().is_ok_and(|own| own.ip().to_canonical() == client.to_canonical())
}

/// A buffer size only when somebody chose it: Kafka's default of 100 KiB would switch off the kernel's own sizing, which
/// costs large fetches several wake-ups each.
fn chosen(config: &BrokerConfig, key: &str, value: Option<u32>) -> Option<u32> {
    value.filter(|_| config.static_values().contains_key(key))
}

/// Opens a socket that accepts.
pub(crate) async fn bind(listener: &Listener, backlog: u32) -> anyhow::Result<TcpListener> {
    if listener.host.is_empty() {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, listener.port));
        // A machine without IPv6 still has all its IPv4 addresses.
        return open(any, backlog).or_else(|_| open(SocketAddr::from(([0, 0, 0, 0], listener.port)), backlog));
    }
    let mut addresses: Vec<_> = tokio::net::lookup_host((listener.host.as_str(), listener.port)).await?.collect();
    // As Java does: `localhost` is 127.0.0.1 first.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let address = addresses.first().context("host name has no address")?;
    open(*address, backlog)
}

fn open(address: SocketAddr, backlog: u32) -> anyhow::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from_std(socket.into())?)
}

/// Errors of `accept` that tell of the connection, not of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied)
}

/// `max.connection.creation.rate`: at most so many connections a second, in bursts of up to one second's worth.
struct Pace {
    interval: Option<Duration>,
    burst: Duration,
    next: Instant,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        let interval = (per_second < i32::MAX as u32).then(|| Duration::from_secs(1) / per_second.max(1));
        Self { interval, burst: Duration::from_secs(1), next: Instant::now() }
    }

    async fn wait(&mut self) {
        let Some(interval) = self.interval else { return };
        let now = Instant::now();
        self.next = self.next.max(now - self.burst) + interval;
        tokio::time::sleep_until(self.next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_above_the_rate_wait() {
        let start = Instant::now();
        let mut pace = Pace::new(10);
        for _ in 0..30 {
            pace.wait().await;
        }
        assert_eq!(start.elapsed().as_millis(), 3000);
    }

    #[tokio::test(start_paused = true)]
    async fn no_rate_means_no_wait() {
        let mut pace = Pace::new(i32::MAX as u32);
        let start = Instant::now();
        for _ in 0..1000 {
            pace.wait().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
