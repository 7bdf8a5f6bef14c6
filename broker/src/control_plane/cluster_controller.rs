//! The controller of a cluster: decides over a file in this process's data folder, for brokers that come to it.

use super::{metadata_file::MetadataFile, standalone};
use crate::{
    config::{BrokerConfig, Listener},
    metadata_cache::MetadataCache,
    running::Failure,
    server,
};
use ::control_plane::{
    Host, Published, Publisher,
    session::{ControlPlaneServer, Updates},
};
use anyhow::Context;
use controller::{HandBack, SessionSettings, Settings};
use model::ClusterId;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{sync::oneshot, task::JoinHandle};

/// A broker whose connection broke and that is alive has it back within this time; one that was killed is not waited for.
const RECONNECT_GRACE: Duration = Duration::from_millis(200);

/// Kafka's `leader.imbalance.per.broker.percentage`, which is no key of Kafka 4 any more.
const TOLERATED_IMBALANCE: u32 = 10;

const BACKLOG: u32 = 1024;

/// The running controller.
#[derive(Debug)]
pub(crate) struct ClusterController {
    address: SocketAddr,
    updates: Updates,
    stop: oneshot::Sender<()>,
    host: JoinHandle<()>,
    server: JoinHandle<()>,
}

/// Brings committed images to the sessions of brokers, and to this process's own metrics.
struct Everybody {
    metadata: MetadataCache,
    updates: Updates,
}

impl Publisher for Everybody {
    async fn publish(&mut self, published: Published) {
        self.metadata.publish(Arc::clone(&published.image));
        self.updates.publish(published).await;
    }
}

impl ClusterController {
    /// Reads the metadata in the data folder, and decides for brokers that come to `listen`. `metadata` shows what was
    /// committed.
    pub(crate) async fn start(
        config: &BrokerConfig,
        listen: &str,
        cluster_id: &ClusterId,
        metadata: MetadataCache,
        failure: Failure,
    ) -> anyhow::Result<Self> {
        let listener = server::open_socket(&listener(listen)?, BACKLOG)
            .await
            .with_context(|| format!("wait for brokers at {listen} (choose another with --control-plane-listen)"))?;
        let address = listener.local_addr().context("read the address for brokers")?;
        let store = standalone::open_store(config, cluster_id).await?;
        let updates = Updates::new();
        let publisher = Everybody { metadata, updates: updates.clone() };
        let settings = settings(config);
        let (host, handle) = Host::start(store, publisher, settings.clone()).await.context("load the metadata")?;
        let loaded_version = host.committed().metadata_version;
        let server = ControlPlaneServer {
            cluster_id: cluster_id.clone(),
            controller: handle,
            updates: updates.clone(),
            session_timeout: settings.sessions.timeout,
            loaded_version,
            admission: None,
            owners: None,
        };
        let (stop, stopped) = oneshot::channel();
        Ok(Self {
            address,
            updates,
            stop,
            host: tokio::spawn(run(host, stopped, failure.clone())),
            server: tokio::spawn(serve(server, listener, failure)),
        })
    }

    /// Where it is really bound.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Finishes what is being committed. Brokers go on with what they know and look for a controller.
    pub(crate) async fn stop(self) {
        // A host that ended on its own has dropped its side.
        let _ = self.stop.send(());
        let _ = self.host.await;
        self.updates.close();
        self.server.abort();
        let _ = self.server.await;
    }
}

async fn run(host: Host<MetadataFile, Everybody>, mut stopped: oneshot::Receiver<()>, failure: Failure) {
    let (stop, stopping) = oneshot::channel();
    let mut running = std::pin::pin!(host.run(stopping));
    tokio::select! {
        _ = &mut stopped => {
            let _ = stop.send(());
            running.await;
        }
        _ = &mut running => failure.tell("another controller has taken over from this one".to_owned()),
    }
}

async fn serve(server: ControlPlaneServer, listener: tokio::net::TcpListener, failure: Failure) {
    if let Err(error) = server.serve(listener).await {
        failure.tell(format!("brokers cannot come to the controller any more: {error}"));
    }
}

fn listener(listen: &str) -> anyhow::Result<Listener> {
    let (host, port) = listen.rsplit_once(':').context("the address for brokers is HOST:PORT")?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok(Listener::plaintext(host, port.parse().context("the address for brokers ends in a port")?))
}

fn settings(config: &BrokerConfig) -> Settings {
    let cluster = &config.cluster;
    Settings {
        sessions: SessionSettings { timeout: cluster.session_timeout, reconnect_grace: RECONNECT_GRACE },
        hand_back: cluster.hand_back_interval.map(|interval| HandBack {
            interval,
            percentage: TOLERATED_IMBALANCE,
            min_here: Duration::ZERO,
        }),
        ..standalone::settings(config)
    }
}
