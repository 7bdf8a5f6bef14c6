//! Starts a broker in a temporary folder and speaks the protocol to it.

mod client;
pub mod cluster;
pub mod process;

pub use client::{Client, decode};

use broker::{Broker, RunningBroker, config::BrokerConfig};
use std::net::SocketAddr;
use tempfile::TempDir;

/// A broker on a free port of loopback. Dropped without [`TestBroker::stop`] it ends as in a crash.
pub struct TestBroker {
    folder: TempDir,
    keys: Vec<(String, String)>,
    running: RunningBroker,
}

impl TestBroker {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these configuration keys.
    pub async fn with(keys: &[(&str, &str)]) -> Self {
        let keys = keys.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Self::start_in(TempDir::new().unwrap(), keys).await
    }

    /// Stops cleanly and starts again on the same data, on another port.
    pub async fn restart(self) -> Self {
        let (folder, keys) = self.stop().await;
        Self::start_in(folder, keys).await
    }

    /// Stops cleanly; returns what the broker left behind.
    pub async fn stop(self) -> (TempDir, Vec<(String, String)>) {
        self.running.stop().await.unwrap();
        (self.folder, self.keys)
    }

    pub fn address(&self) -> SocketAddr {
        self.running.addresses()[0].1
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.address()).await
    }

    async fn start_in(folder: TempDir, keys: Vec<(String, String)>) -> Self {
        let borrowed: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let config = BrokerConfig::for_tests_with(folder.path(), &borrowed);
        let running = Broker::start(config).await.unwrap();
        Self { folder, keys, running }
    }
}
