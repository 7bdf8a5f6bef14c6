//! The life of an operator: it waits for the lease, decides and reconciles while it holds it, and ends when it is lost.

use crate::{
    admin,
    arguments::Arguments,
    control_plane::{
        Controllers, Entrance,
        lease::{LeaseKeeper, Timing},
    },
    metrics::Metrics,
    reconcilers::{
        cluster::{self, CHANGED_LIMIT, observe::Caches},
        topic,
    },
    valid_cluster::ClusterKey,
};
use anyhow::{Context as _, anyhow};
use control_plane::session::ControlPlane;
use kube::Client;
use std::sync::Arc;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
};

/// Name of the lease: one operator of a namespace is at work.
const LEASE: &str = "weir-operator";

/// Returns when the operator was told to stop; an error ends the process at once.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("listen to signals")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("listen to signals")?;
    let metrics = Arc::new(Metrics::default());
    let client = Client::try_default().await.context("find the API server")?;
    let admin = TcpListener::bind(arguments.admin_listen)
        .await
        .with_context(|| format!("listen at {} (--admin-listen)", arguments.admin_listen))?;
    let brokers = TcpListener::bind(arguments.control_plane_listen)
        .await
        .with_context(|| format!("listen at {} (--control-plane-listen)", arguments.control_plane_listen))?;
    let timing = Timing::default();
    let mut lease = LeaseKeeper::new(client.clone(), &arguments.namespace, LEASE, &arguments.identity, timing);
    let work = Work::new(client, &arguments, Arc::clone(&metrics));
    let controllers = work.controllers.clone();
    let serving = serve(admin, brokers, controllers.entrance(), Arc::clone(&metrics));
    let deciding = async {
        tracing::info!(identity = %arguments.identity, "waiting for the lease");
        lease.acquire().await;
        tracing::info!(identity = %arguments.identity, "holds the lease");
        metrics.lease(true);
        tokio::select! {
            lost = lease.keep() => Err(anyhow!(lost)),
            ended = work.run() => ended,
        }
    };
    tokio::select! {
        ended = deciding => return ended,
        ended = serving => return ended,
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    tracing::info!("stopping");
    // What is being committed is finished before another operator may begin.
    controllers.keep_only(|_| false).await;
    lease.release().await;
    tracing::info!("stopped");
    Ok(())
}

async fn serve(
    admin: TcpListener,
    brokers: TcpListener,
    entrance: Entrance,
    metrics: Arc<Metrics>,
) -> anyhow::Result<()> {
    tokio::select! {
        ended = admin::serve(admin, metrics) => ended.context("serve health and metrics"),
        ended = ControlPlane(entrance).serve(brokers) => ended.context("serve brokers"),
    }
}

/// What the holder of the lease does.
struct Work {
    client: Client,
    arguments: Arguments,
    metrics: Arc<Metrics>,
    controllers: Controllers,
    /// For each scope: clusters of which there is something new, for the reconciler of clusters and that of topics.
    changes: Vec<(mpsc::Sender<ClusterKey>, mpsc::Receiver<ClusterKey>, mpsc::Receiver<ClusterKey>)>,
}

impl Work {
    fn new(client: Client, arguments: &Arguments, metrics: Arc<Metrics>) -> Self {
        let (mut listeners, mut changes) = (Vec::new(), Vec::new());
        for _ in arguments.scopes() {
            let (of_clusters, clusters) = mpsc::channel(CHANGED_LIMIT);
            let (of_topics, topics) = mpsc::channel(CHANGED_LIMIT);
            listeners.extend([of_clusters.clone(), of_topics]);
            changes.push((of_clusters, clusters, topics));
        }
        let controllers = Controllers::new(client.clone(), listeners);
        Self { client, arguments: arguments.clone(), metrics, controllers, changes }
    }

    async fn run(self) -> anyhow::Result<()> {
        let mut loops = JoinSet::new();
        for (scope, (sender, clusters, topics)) in self.arguments.scopes().into_iter().zip(self.changes) {
            let context = cluster::Context {
                client: self.client.clone(),
                controllers: self.controllers.clone(),
                defaults: self.arguments.defaults(),
                holder: self.arguments.identity.clone(),
                caches: Caches::start(&self.client, &scope, &sender),
                metrics: Arc::clone(&self.metrics),
            };
            let (controllers, metrics) = (self.controllers.clone(), Arc::clone(&self.metrics));
            loops.spawn(topic::run(scope.clone(), self.client.clone(), controllers, metrics, topics));
            loops.spawn(cluster::run(scope, context, clusters));
        }
        match loops.join_next().await {
            Some(Ok(ended)) => ended.and(Err(anyhow!("a reconciler ended"))),
            Some(Err(error)) => Err(anyhow!(error).context("reconcile")),
            None => Err(anyhow!("there is no namespace to look after")),
        }
    }
}
