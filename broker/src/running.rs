//! The life of a broker: the order in which its parts start, and the reverse in which they stop.

use crate::{
    Broker,
    admin::{AdminPort, Health, Readiness},
    api::fetch::FetchSessions,
    clock::Clock,
    config::{BrokerConfig, ListenerName},
    control_plane::{ProducerIds, Standalone},
    coordinators::{Groups, GroupsSetup},
    data_folder::{DataFolder, Wanted},
    imported,
    metadata_cache::MetadataCache,
    metrics::{BrokerState, ConsumerLag, Metrics, RuntimeLoad},
    partitions::Partitions,
    server::{BoundListeners, Server},
    shutdown::DRAIN_PATIENCE,
};
use anyhow::Context;
use model::ClusterId;
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

/// How often the broker looks whether its data folder is still there.
const FOLDER_CHECK: Duration = Duration::from_secs(1);

/// A broker that serves. Dropping it without [`RunningBroker::stop`] is the same as a crash: safe, but the next start has
/// to recover.
#[derive(Debug)]
pub struct RunningBroker {
    broker: Arc<Broker>,
    server: Server,
    controller: Standalone,
    admin_address: Option<SocketAddr>,
    health: Health,
    folder: Arc<DataFolder>,
    folder_gone: watch::Receiver<bool>,
    /// The admin port, the look after the folder, recovery: they end with the broker.
    helpers: Vec<JoinHandle<()>>,
}

impl Broker {
    /// Starts with everything on the current runtime. Returns once requests are answered.
    pub async fn start(config: BrokerConfig) -> anyhow::Result<RunningBroker> {
        Self::start_on(config, Handle::current()).await
    }

    /// Starts with the data path on the current runtime, and metrics and health on `control`.
    pub async fn start_on(mut config: BrokerConfig, control: Handle) -> anyhow::Result<RunningBroker> {
        let clock = Clock::start();
        let metrics = Metrics::new();
        let health = Health::default();
        let folder = Arc::new(open_folder(&config, &clock)?);
        let cluster_id = folder.identity().cluster_id.clone();
        config.adopt(folder.path(), folder.identity().broker_id, cluster_id.clone());

        // Sockets before the work of recovery: what is taken is told at once. Clients that come early wait.
        let mut helpers = Vec::new();
        let admin_address = start_admin(&config, &control, &health, &metrics, &mut helpers).await?;
        let listeners = BoundListeners::bind(&config).await?;
        advertise_real_ports(&mut config, &listeners.addresses());

        let metadata = MetadataCache::new(cluster_id.clone());
        let partitions = Partitions::open(&config, clock, metrics.clone()).context("open the partitions")?;
        let controller = Standalone::start(&config, &cluster_id, metadata.clone(), partitions.clone()).await?;
        controller.register(&config).await?;

        let (tell_gone, folder_gone) = watch::channel(false);
        helpers.push(control.spawn(watch_folder(folder.clone(), health.clone(), tell_gone)));
        let groups = Groups::new(GroupsSetup {
            config: &config,
            clock,
            metadata: metadata.clone(),
            controller: controller.handle(),
            partitions: partitions.clone(),
        });
        groups.start();
        let broker = Arc::new(Broker {
            clock,
            metadata,
            controller: controller.handle(),
            producer_ids: ProducerIds::new(controller.handle(), imported::next_producer_id(folder.path())?),
            partitions,
            groups,
            fetch_sessions: FetchSessions::new(config.fetch.session_cache_slots as usize, clock),
            metrics,
            config,
        });
        broker.metrics.register(Arc::new(BrokerState(Arc::downgrade(&broker))));
        broker.metrics.register(Arc::new(RuntimeLoad::new(Handle::current())));
        broker.metrics.register_slow(Arc::new(ConsumerLag(Arc::downgrade(&broker))));
        broker.metrics.register(Arc::new(broker.groups.clone()));
        let recovering = broker.partitions.clone();
        helpers.push(tokio::spawn(async move { recovering.recovered().await }));
        let server = Server::start(broker.clone(), listeners);
        health.set(Readiness::Ready);
        Ok(RunningBroker { broker, server, controller, admin_address, health, folder, folder_gone, helpers })
    }
}

impl RunningBroker {
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// What each listener is really bound to, in the order of `listeners`.
    pub fn addresses(&self) -> &[(ListenerName, SocketAddr)] {
        self.server.addresses()
    }

    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Absolute path of the data.
    pub fn data_folder(&self) -> &Path {
        self.folder.path()
    }

    /// How long the start took.
    pub fn age(&self) -> Duration {
        self.broker.clock.now().since_start()
    }

    /// Resolves when the data folder was taken away. What is written from then on would be lost, so the process must end.
    pub async fn folder_gone(&self) {
        let mut gone = self.folder_gone.clone();
        if gone.wait_for(|gone| *gone).await.is_err() {
            // The look after the folder ended without finding it gone.
            std::future::pending::<()>().await;
        }
    }

    /// Drains connections, lets groups and partitions finish, leaves the mark of a clean stop, releases the folder.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.health.set(Readiness::Stopping);
        self.server.drain(DRAIN_PATIENCE).await;
        self.broker.groups.stop().await;
        let partitions = self.broker.partitions.shutdown().await.context("close the partitions");
        let controller = self.controller.stop().await;
        for helper in self.helpers {
            helper.abort();
            // Ended, not only told to: one of them holds the lock of the folder.
            helper.await.ok();
        }
        partitions.and(controller)
    }
}

fn open_folder(config: &BrokerConfig, clock: &Clock) -> anyhow::Result<DataFolder> {
    let asked_for_id = config.static_values().contains_key("node.id");
    let wanted = Wanted {
        cluster_id: config.cluster_id.clone(),
        broker_id: asked_for_id.then_some(config.node_id),
        fresh_cluster_id: ClusterId::from_random_bytes(clock.random_bytes()),
        default_broker_id: config.node_id,
    };
    Ok(DataFolder::open(&config.data_dir, &wanted)?)
}

async fn start_admin(
    config: &BrokerConfig,
    control: &Handle,
    health: &Health,
    metrics: &Metrics,
    helpers: &mut Vec<JoinHandle<()>>,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(address) = config.admin_listen.clone() else { return Ok(None) };
    // Bound where it is served: a socket belongs to the runtime that made it.
    let port = control.spawn(async move { AdminPort::bind(&address).await }).await.context("open the admin port")??;
    let address = port.address();
    helpers.push(control.spawn(port.serve(health.clone(), metrics.clone(), Handle::current())));
    Ok(Some(address))
}

/// A listener that asked for any port tells clients the one it got.
fn advertise_real_ports(config: &mut BrokerConfig, bound: &[(ListenerName, SocketAddr)]) {
    for advertised in &mut config.network.advertised {
        if advertised.port == 0
            && let Some((_, address)) = bound.iter().find(|(name, _)| *name == advertised.name)
        {
            advertised.port = address.port();
        }
    }
}

async fn watch_folder(folder: Arc<DataFolder>, health: Health, tell_gone: watch::Sender<bool>) {
    let mut ticks = tokio::time::interval(FOLDER_CHECK);
    loop {
        ticks.tick().await;
        if !folder.is_there() {
            tracing::error!(path = %folder.path().display(), "data folder is gone");
            health.set(Readiness::Failed);
            // The broker may have ended meanwhile.
            let _ = tell_gone.send(true);
            return;
        }
    }
}
