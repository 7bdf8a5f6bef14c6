//! What every process of a cluster has whatever its role: a data folder that must stay, an admin port, a way to fail.

use crate::{
    admin::{AdminPort, Health, Readiness},
    clock::Clock,
    config::BrokerConfig,
    data_folder::{DataFolder, Wanted},
    metrics::Metrics,
};
use anyhow::Context;
use model::ClusterId;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

/// How often a process looks whether its data folder is still there.
const FOLDER_CHECK: Duration = Duration::from_secs(1);

/// What ends the process though nobody asked for it. Cheap to clone; whoever finds something first tells it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    told: watch::Sender<Option<String>>,
}

impl Failure {
    pub(crate) fn new() -> Self {
        Self { told: watch::Sender::new(None) }
    }

    pub(crate) fn tell(&self, why: String) {
        self.told.send_if_modified(|told| {
            let is_first = told.is_none();
            told.get_or_insert(why);
            is_first
        });
    }

    /// Resolves when there is nothing left to do but to end.
    pub(super) async fn told(&self) -> String {
        let mut told = self.told.subscribe();
        // This holds a sender, so the wait cannot fail.
        let why = told.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_default()
    }
}

/// A folder for the cluster that was asked for, or of the cluster it belongs to, or new.
pub(super) fn open_folder(config: &BrokerConfig, clock: &Clock) -> anyhow::Result<DataFolder> {
    let asked_for_id = config.static_values().contains_key("node.id");
    let wanted = Wanted {
        cluster_id: config.cluster_id.clone(),
        broker_id: asked_for_id.then_some(config.node_id),
        fresh_cluster_id: ClusterId::from_random_bytes(clock.random_bytes()),
        default_broker_id: config.node_id,
        controller_only: !config.role.is_broker(),
    };
    Ok(DataFolder::open(&config.data_dir, &wanted)?)
}

pub(super) async fn start_admin(
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

/// What is written after the folder was taken away would be lost.
pub(super) async fn watch_folder(folder: Arc<DataFolder>, health: Health, failure: Failure) {
    let mut ticks = tokio::time::interval(FOLDER_CHECK);
    loop {
        ticks.tick().await;
        if !folder.is_there() {
            let path = folder.path().display();
            tracing::error!(%path, "data folder is gone");
            health.set(Readiness::Failed);
            failure.tell(format!("the data folder {path} is gone"));
            return;
        }
    }
}

/// Ended, not only told to: one of them holds the lock of the folder.
pub(super) async fn end(helpers: Vec<JoinHandle<()>>) {
    for helper in helpers {
        helper.abort();
        helper.await.ok();
    }
}
