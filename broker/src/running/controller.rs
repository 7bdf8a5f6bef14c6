//! The life of a process that is a cluster's controller and nothing else.

use super::surroundings::{self, Failure};
use crate::{
    admin::{Health, Readiness},
    clock::Clock,
    config::{BrokerConfig, Role},
    control_plane::ClusterController,
    data_folder::DataFolder,
    metadata_cache::MetadataCache,
    metrics::{ClusterState, Metrics, RuntimeLoad},
};
use anyhow::bail;
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{runtime::Handle, task::JoinHandle};

/// A controller that decides. Dropping it without [`RunningController::stop`] is the same as a crash: safe.
#[derive(Debug)]
pub struct RunningController {
    controller: ClusterController,
    clock: Clock,
    admin_address: Option<SocketAddr>,
    health: Health,
    folder: Arc<DataFolder>,
    failure: Failure,
    /// The admin port and the look after the folder: they end with the controller.
    helpers: Vec<JoinHandle<()>>,
}

impl RunningController {
    /// Starts on the current runtime, with metrics and health on `control`. Returns once brokers can come.
    pub async fn start_on(mut config: BrokerConfig, control: Handle) -> anyhow::Result<Self> {
        let Role::Controller { listen } = config.role.clone() else { bail!("process.roles does not say controller") };
        let clock = Clock::start();
        let (metrics, health, failure) = (Metrics::new(), Health::default(), Failure::new());
        let folder = Arc::new(surroundings::open_folder(&config, &clock)?);
        let cluster_id = folder.identity().cluster_id.clone();
        config.adopt(folder.path(), folder.identity().broker_id, cluster_id.clone());
        let mut helpers = Vec::new();
        let admin_address = surroundings::start_admin(&config, &control, &health, &metrics, &mut helpers).await?;
        let metadata = MetadataCache::new(cluster_id.clone());
        metrics.register(Arc::new(ClusterState(metadata.clone())));
        metrics.register(Arc::new(RuntimeLoad::new(Handle::current())));
        let controller = ClusterController::start(&config, &listen, &cluster_id, metadata, failure.clone()).await?;
        helpers.push(control.spawn(surroundings::watch_folder(folder.clone(), health.clone(), failure.clone())));
        health.set(Readiness::Ready);
        Ok(Self { controller, clock, admin_address, health, folder, failure, helpers })
    }

    /// Where brokers come to.
    pub fn address(&self) -> SocketAddr {
        self.controller.address()
    }

    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Absolute path of the data.
    pub fn data_folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn cluster_id(&self) -> &str {
        &self.folder.identity().cluster_id
    }

    /// How long the start took.
    pub fn age(&self) -> Duration {
        self.clock.now().since_start()
    }

    /// Resolves with the reason when the process must end: its data folder is gone, or another controller decides.
    pub async fn failed(&self) -> String {
        self.failure.told().await
    }

    /// Finishes what is being committed, and releases the folder. Brokers serve on without elections until a controller is
    /// back.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.health.set(Readiness::Stopping);
        self.controller.stop().await;
        surroundings::end(self.helpers).await;
        Ok(())
    }
}
