//! How many connections there may be: `max.connections`, `max.connections.per.ip`, and the descriptors of the process.

use crate::{config::NetworkConfig, file_disk::most_connections};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

#[derive(Debug)]
pub(super) struct ConnectionLimits {
    max_connections: usize,
    max_per_ip: u32,
    overrides: HashMap<IpAddr, u32>,
    open: AtomicUsize,
    /// New connections have waited since there was room to speak of.
    is_full: AtomicBool,
    per_ip: Mutex<HashMap<IpAddr, u32>>,
    closed: Notify,
}

/// One open connection; counted until dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl ConnectionLimits {
    pub(super) fn new(network: &NetworkConfig, overrides: HashMap<IpAddr, u32>) -> Self {
        Self {
            max_connections: (network.max_connections as usize).min(most_connections()),
            max_per_ip: network.max_connections_per_ip,
            overrides,
            open: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
            per_ip: Mutex::default(),
            closed: Notify::new(),
        }
    }

    /// Waits until another connection may be accepted. Kafka holds its acceptor back the same way.
    pub(super) async fn has_room(&self) {
        let (open, most) = (self.open(), self.max_connections);
        // Said once per spell: near the limit every connection that ends lets one in.
        if open >= most && !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(connections = open, "as many connections as there may be, new ones wait");
        } else if open < most - most / 8 {
            self.is_full.store(false, Ordering::Relaxed);
        }
        self.until(|open| open < most).await;
    }

    /// Waits until there is no connection.
    pub(super) async fn all_closed(&self) {
        self.until(|open| open == 0).await;
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// None when this address has as many connections as it may have.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let address = address.to_canonical();
        let limit = self.overrides.get(&address).copied().unwrap_or(self.max_per_ip);
        {
            let mut per_ip = self.per_ip.lock();
            let count = per_ip.entry(address).or_insert(0);
            if *count >= limit {
                if *count == 0 {
                    per_ip.remove(&address);
                }
                return None;
            }
            *count += 1;
        }
        self.open.fetch_add(1, Ordering::AcqRel);
        Some(ConnectionPermit { limits: self.clone(), address })
    }

    async fn until(&self, holds: impl Fn(usize) -> bool) {
        loop {
            let closed = self.closed.notified();
            if holds(self.open()) {
                return;
            }
            closed.await;
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        {
            let mut per_ip = self.limits.per_ip.lock();
            if let Some(count) = per_ip.get_mut(&self.address) {
                *count -= 1;
                if *count == 0 {
                    per_ip.remove(&self.address);
                }
            }
        }
        self.limits.open.fetch_sub(1, Ordering::AcqRel);
        self.limits.closed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerConfig;
    use futures_util::FutureExt as _;
    use std::path::Path;

    fn limits(max_connections: u32, max_connections_per_ip: u32) -> Arc<ConnectionLimits> {
        let mut network = BrokerConfig::for_tests(Path::new("unused")).network;
        network.max_connections = max_connections;
        network.max_connections_per_ip = max_connections_per_ip;
        let overrides = HashMap::from([("10.0.0.9".parse().unwrap(), 0)]);
        Arc::new(ConnectionLimits::new(&network, overrides))
    }

    #[test]
    fn an_address_may_not_open_more_than_its_share() {
        let limits = limits(100, 2);
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let first = limits.admit(address);
        let second = limits.admit("::ffff:10.0.0.1".parse().unwrap());
        assert!(first.is_some() && second.is_some());
        assert!(limits.admit(address).is_none());
        assert!(limits.admit("10.0.0.2".parse().unwrap()).is_some());
        drop(first);
        assert!(limits.admit(address).is_some());
    }

    #[test]
    fn an_override_beats_the_common_limit() {
        assert!(limits(100, 2).admit("10.0.0.9".parse().unwrap()).is_none());
    }

    #[tokio::test]
    async fn accepting_waits_while_there_are_too_many_connections() {
        let limits = limits(1, 10);
        let only = limits.admit("10.0.0.1".parse().unwrap());
        let mut room = Box::pin(limits.has_room());
        assert!((&mut room).now_or_never().is_none());
        drop(only);
        room.await;
        limits.all_closed().await;
    }
}
