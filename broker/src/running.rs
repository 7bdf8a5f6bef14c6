//! The life of a broker: the order in which its parts start, and the reverse in which they stop.

mod controller;
mod surroundings;

pub use controller::RunningController;
pub(crate) use surroundings::Failure;

use crate::{
    Broker,
    admin::{Health, Readiness},
    api::fetch::FetchSessions,
    clock::Clock,
    config::{BrokerConfig, ListenerName, Role},
    control_plane::{OwnBroker, OwnController, ProducerIds, cluster_at},
    coordinators::{Groups, GroupsSetup},
    data_folder::{DataFolder, DataFolderError},
    imported,
    metadata_cache::MetadataCache,
    metrics::{BrokerState, ConsumerLag, Metrics, RuntimeLoad},
    partitions::Partitions,
    replication::{Replication, ReplicationSetup},
    replication_quota::ReplicationQuota,
    server::{BoundListeners, Server},
    shutdown::DRAIN_PATIENCE,
};
use anyhow::{Context, anyhow};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{runtime::Handle, task::JoinHandle};

/// A broker that serves. Dropping it without [`RunningBroker::stop`] is the same as a crash: safe, but the next start has
/// to recover.
#[derive(Debug)]
pub struct RunningBroker {
    broker: Arc<Broker>,
    server: Server,
    controller: OwnController,
    /// With the other brokers of its cluster.
    replication: Option<Replication>,
    admin_address: Option<SocketAddr>,
    health: Health,
    folder: Arc<DataFolder>,
    failure: Failure,
    /// The admin port, the look after the folder, recovery: they end with the broker.
    helpers: Vec<JoinHandle<()>>,
}

impl Broker {
    /// Starts with everything on the current runtime. Returns once requests are answered.
    pub async fn start(config: BrokerConfig) -> anyhow::Result<RunningBroker> {
        Self::start_on(config, Handle::current()).await
    }

    /// Starts with the data path on the current runtime, and metrics and health on `control`. A broker of a cluster waits
    /// for its controller.
    pub async fn start_on(mut config: BrokerConfig, control: Handle) -> anyhow::Result<RunningBroker> {
        let clock = Clock::start();
        let (metrics, health, failure) = (Metrics::new(), Health::default(), Failure::new());
        let mut helpers = Vec::new();
        // A start that waits for a controller can be asked how far it is. Otherwise a folder in use is told before a port.
        let mut admin_address = None;
        if matches!(config.role, Role::Broker { .. }) {
            admin_address = surroundings::start_admin(&config, &control, &health, &metrics, &mut helpers).await?;
        }
        let folder = Arc::new(find_folder(&mut config, &clock).await?);
        if !matches!(config.role, Role::Broker { .. }) {
            admin_address = surroundings::start_admin(&config, &control, &health, &metrics, &mut helpers).await?;
        }
        let cluster_id = folder.identity().cluster_id.clone();
        config.adopt(folder.path(), folder.identity().broker_id, cluster_id.clone());

        // Sockets before the work of recovery: what is taken is told at once. Clients that come early wait.
        let listeners = BoundListeners::bind(&config).await?;
        advertise_real_ports(&mut config, &listeners.addresses());

        let metadata = MetadataCache::new(cluster_id.clone());
        let partitions = Partitions::open(&config, clock, metrics.clone()).context("open the partitions")?;
        let own = OwnBroker { metadata: metadata.clone(), partitions: partitions.clone() };
        let controller = OwnController::start(&config, clock, &cluster_id, own, &failure).await?;

        helpers.push(control.spawn(surroundings::watch_folder(folder.clone(), health.clone(), failure.clone())));
        let groups = Groups::new(GroupsSetup {
            config: &config,
            clock,
            metadata: metadata.clone(),
            controller: controller.handle(),
            partitions: partitions.clone(),
        });
        groups.start();
        let replication_quota = ReplicationQuota::new(config.node_id, metadata.clone());
        let replication = (config.role != Role::Alone).then(|| {
            let setup = ReplicationSetup {
                config: config.clone(),
                clock,
                metrics: metrics.clone(),
                metadata: metadata.clone(),
                controller: controller.handle(),
                partitions: partitions.clone(),
                quota: replication_quota.clone(),
            };
            Replication::start(&setup, controller.session())
        });
        let broker = Arc::new(Broker {
            clock,
            metadata,
            controller: controller.handle(),
            producer_ids: ProducerIds::new(controller.handle(), imported::next_producer_id(folder.path())?),
            partitions,
            groups,
            replication_quota,
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
        // Others may come as soon as the controller has this broker lead.
        let server = Server::start(broker.clone(), listeners);
        controller.unfenced().await;
        health.set(Readiness::Ready);
        helpers.push(tokio::spawn(follow_fencing(broker.clone(), health.clone())));
        helpers.push(tokio::spawn(give_up_leading(broker.partitions.clone(), failure.clone())));
        Ok(RunningBroker { broker, server, controller, replication, admin_address, health, folder, failure, helpers })
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

    /// Where other brokers come to the controller in this process, if it is one for others.
    pub fn control_plane_address(&self) -> Option<SocketAddr> {
        self.controller.control_plane_address()
    }

    /// Absolute path of the data.
    pub fn data_folder(&self) -> &Path {
        self.folder.path()
    }

    /// How long the start took.
    pub fn age(&self) -> Duration {
        self.broker.clock.now().since_start()
    }

    /// Resolves with the reason when the process must end: what is written from then on would be lost, as when the data
    /// folder was taken away.
    pub async fn failed(&self) -> String {
        self.failure.told().await
    }

    /// Has others lead, tells clients who, drains connections, lets groups and partitions finish, leaves the mark of a clean stop, releases
    /// the folder.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.health.set(Readiness::Stopping);
        let cluster = &self.broker.config.cluster;
        if cluster.controlled_shutdown && self.controller.hand_over().await {
            // Without clients there is nobody to tell.
            let _ = tokio::time::timeout(cluster.stop_linger, self.server.is_deserted()).await;
        }
        self.server.drain(DRAIN_PATIENCE).await;
        if let Some(replication) = self.replication {
            replication.stop().await;
        }
        self.broker.groups.stop().await;
        let partitions = self.broker.partitions.shutdown().await.context("close the partitions");
        let controller = self.controller.stop().await;
        surroundings::end(self.helpers).await;
        partitions.and(controller)
    }
}

/// A broker of a cluster asks the controller which one that is: a new folder becomes one of that cluster, and one of
/// another cluster is refused.
async fn find_folder(config: &mut BrokerConfig, clock: &Clock) -> anyhow::Result<DataFolder> {
    let Role::Broker { controller } = config.role.clone() else { return surroundings::open_folder(config, clock) };
    config.cluster_id = Some(cluster_at(&controller, config).await?);
    surroundings::open_folder(config, clock).map_err(|error| match error.downcast_ref() {
        Some(DataFolderError::OtherCluster { path, found, asked }) => anyhow!(
            "data folder {} belongs to cluster {found}, the controller at {controller} is that of cluster {asked}; give the controller of cluster {found} with --controller, or another folder with --data-dir",
            path.display()
        ),
        _ => error,
    })
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

/// A leader that cannot write would keep its partitions from everybody, while others could lead them.
async fn give_up_leading(partitions: Partitions, failure: Failure) {
    partitions.cannot_lead().await;
    failure.tell("the data folder cannot be written to, so that other brokers have to lead".to_owned());
}

/// A broker that the controller took for lost should get no new clients until it is back.
async fn follow_fencing(broker: Arc<Broker>, health: Health) {
    let me = broker.config.node_id;
    let mut images = broker.metadata.subscribe();
    drop(broker);
    while images.changed().await.is_ok() {
        let is_fenced = images.borrow_and_update().brokers.get(&me).is_none_or(|broker| broker.fenced);
        health.serve(!is_fenced);
    }
}
