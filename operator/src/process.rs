//! The life of an operator: it waits for the lease, decides and reconciles while it holds it, and ends when it is lost.

use crate::{
    admin,
    arguments::Arguments,
    control_plane::{
        Controllers, Entrance,
        lease::{LeaseKeeper, Timing},
    },
    events::Events,
    metrics::Metrics,
    reconcilers::{
        cluster::{self, CHANGED_LIMIT, hand_back::Rolled, observe::Caches, settling::Settling},
        topic::{self, held::Held, index::Resources},
    },
    valid_cluster::ClusterKey,
};
use anyhow::{Context as _, anyhow};
use control_plane::session::ControlPlane;
use custom_resources::Topic;
use futures_util::future::select_all;
use kube::{
    Client,
    runtime::reflector::{self, Store, store::Writer},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

/// How long a stop waits for commits.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

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
    let mut lease =
        LeaseKeeper::new(client.clone(), &arguments.namespace, &arguments.lease, &arguments.identity, timing);
    let mut work = Work::new(client, &arguments, Arc::clone(&metrics));
    let controllers = work.controllers.clone();
    let serving = serve(admin, brokers, controllers.entrance(), Arc::clone(&metrics));
    let deciding = async {
        tracing::info!(identity = %arguments.identity, "waiting for the lease");
        tokio::select! {
            () = lease.acquire() => {}
            ended = work.stand_by() => return ended,
        }
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
    // What is being committed is finished before another operator begins, where the API server lets it; else it is fenced.
    if timeout(STOP_PATIENCE, controllers.keep_only(|_| false)).await.is_err() {
        tracing::warn!("what is being committed does not end, stopping all the same");
    }
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
    held: Held,
    resources: Resources,
    /// One for each scope.
    inlets: Vec<Inlets>,
}

/// What the reconcilers of a scope are told by.
struct Inlets {
    /// Clusters of which there is something new, for the reconciler of clusters and that of topics.
    of_clusters: mpsc::Receiver<ClusterKey>,
    of_topics: mpsc::Receiver<ClusterKey>,
    topics: (Store<Topic>, Writer<Topic>),
    caches: Caches,
}

impl Work {
    fn new(client: Client, arguments: &Arguments, metrics: Arc<Metrics>) -> Self {
        let (mut listeners, mut inlets, mut stores) = (Vec::new(), Vec::new(), Vec::new());
        for scope in arguments.scopes() {
            let (changed, of_clusters) = mpsc::channel(CHANGED_LIMIT);
            let (topics_changed, of_topics) = mpsc::channel(CHANGED_LIMIT);
            let topics = reflector::store();
            listeners.extend([changed.clone(), topics_changed]);
            stores.push(topics.0.clone());
            // Before it is this operator's turn: who takes over knows what there is.
            let caches = Caches::start(&client, &scope, &changed);
            inlets.push(Inlets { of_clusters, of_topics, topics, caches });
        }
        let controllers = Controllers::new(client.clone(), listeners, stores.clone(), Arc::clone(&metrics));
        let resources = Resources::new(&stores);
        let (arguments, held) = (arguments.clone(), Held::new(stores));
        Self { client, arguments, metrics, controllers, held, resources, inlets }
    }

    /// Until it is dropped: the caches follow what happens, and nobody is told. Whoever begins looks at everything.
    async fn stand_by(&mut self) -> anyhow::Result<()> {
        let unheard = self.inlets.iter_mut().map(|inlets| async { while inlets.of_clusters.recv().await.is_some() {} });
        select_all(unheard.map(Box::pin)).await;
        Err(anyhow!("the watches ended"))
    }

    async fn run(self) -> anyhow::Result<()> {
        let mut loops = JoinSet::new();
        let events = Events::new(self.client.clone(), &self.arguments.identity, Arc::clone(&self.metrics));
        for (place, (scope, inlets)) in self.arguments.scopes().into_iter().zip(self.inlets).enumerate() {
            let context = cluster::Context {
                client: self.client.clone(),
                controllers: self.controllers.clone(),
                defaults: self.arguments.defaults(),
                holder: self.arguments.identity.clone(),
                caches: inlets.caches,
                metrics: Arc::clone(&self.metrics),
                held: self.held.clone(),
                events: events.clone(),
                rolled: Rolled::default(),
                settling: Settling::default(),
            };
            let of_topics = topic::Context {
                client: self.client.clone(),
                controllers: self.controllers.clone(),
                metrics: Arc::clone(&self.metrics),
                held: self.held.clone(),
                events: events.clone(),
                topics: inlets.topics,
                resources: self.resources.clone(),
                place,
                changed: inlets.of_topics,
            };
            loops.spawn(topic::run(scope.clone(), of_topics));
            loops.spawn(cluster::run(scope, context, inlets.of_clusters));
        }
        match loops.join_next().await {
            Some(Ok(ended)) => ended.and(Err(anyhow!("a reconciler ended"))),
            Some(Err(error)) => Err(anyhow!(error).context("reconcile")),
            None => Err(anyhow!("there is no namespace to look after")),
        }
    }
}
