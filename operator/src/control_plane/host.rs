//! The life of one cluster's controller in this operator: it loads what the store holds, decides until it is stopped or
//! deposed, and begins again.

use super::{cluster_id, kubernetes_store::KubernetesObjects, pod_admission::PodAdmission, settings, token::TokenHash};
use crate::{
    resources::CLUSTER_LABEL,
    valid_cluster::{ClusterKey, ValidCluster},
};
use anyhow::{Context as _, bail};
use control_plane::{
    ControllerHandle, Host, LoadError, Published, Publisher,
    session::{ControlPlaneServer, Updates},
    store::ShardedStore,
};
use controller::{ClusterImage, Settings};
use custom_resources::cluster::{Listener, Retention};
use k8s_openapi::{api::core::v1::PersistentVolumeClaim, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Api, Client, api::ListParams};
use std::{sync::Arc, time::Duration};
use tokio::sync::{oneshot, watch};

/// After a start that failed, or a deposition: who deposed this one may be gone, or may know better.
const PAUSE: Duration = Duration::from_secs(2);

/// What a controller is started with. Another value of any of it takes another start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameters {
    pub(super) token: TokenHash,
    settings: Settings,
    rack_label: String,
    listeners: Vec<Listener>,
    owner: Option<OwnerReference>,
}

impl Parameters {
    pub(super) fn of(cluster: &ValidCluster, token: &str) -> Self {
        // Metadata without records would promise what is gone, and records without metadata are nobody's.
        let goes_with_cluster = cluster.spec.storage.retention_policy.when_deleted == Retention::Delete;
        Self {
            token: TokenHash::of(token),
            settings: settings::of(cluster),
            rack_label: cluster.spec.rack.topology_key.clone(),
            listeners: cluster.spec.listeners.clone(),
            owner: goes_with_cluster.then(|| cluster.owner.clone()),
        }
    }
}

/// What a reconciler sees of a controller.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// What was committed last.
    pub image: Option<Arc<ClusterImage>>,
    /// While it decides.
    pub handle: Option<ControllerHandle>,
    /// Why it does not decide.
    pub problem: Option<String>,
}

/// Brings committed images to the sessions of brokers, and to the reconcilers.
struct Everybody {
    updates: Updates,
    view: watch::Sender<View>,
}

impl Publisher for Everybody {
    async fn publish(&mut self, published: Published) {
        self.view.send_modify(|view| view.image = Some(Arc::clone(&published.image)));
        self.updates.publish(published).await;
    }
}

/// Where brokers find a controller while it decides.
pub(super) trait Door: Clone + Send + Sync + 'static {
    fn open(&self, token: TokenHash, server: ControlPlaneServer);
    fn close(&self, token: TokenHash);
}

/// One cluster's controller.
pub(super) struct ClusterHost<D> {
    pub(super) client: Client,
    pub(super) cluster: ValidCluster,
    pub(super) parameters: Parameters,
    pub(super) view: watch::Sender<View>,
    pub(super) door: D,
}

impl<D: Door> ClusterHost<D> {
    /// Until `stopped` fires; what is being committed is finished.
    pub(super) async fn run(self, mut stopped: oneshot::Receiver<()>) {
        let key = &self.cluster.key;
        loop {
            let starting = self.start();
            let started = tokio::select! {
                started = starting => started,
                _ = &mut stopped => return,
            };
            let problem = match started {
                Ok(started) => match self.decide(started, &mut stopped).await {
                    Ended::Stopped => return,
                    Ended::Deposed => "another controller has taken over".to_owned(),
                },
                Err(error) => format!("{error:#}"),
            };
            tracing::warn!(cluster = %key, %problem, "the controller of the cluster does not decide, trying again");
            self.view.send_modify(|view| view.problem = Some(problem));
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = &mut stopped => return,
            }
        }
    }

    async fn start(&self) -> anyhow::Result<Started> {
        let key = self.cluster.key.clone();
        let objects = KubernetesObjects::new(self.client.clone(), key.clone(), self.parameters.owner.clone());
        let updates = Updates::new();
        let start = |objects| {
            let publisher = Everybody { updates: updates.clone(), view: self.view.clone() };
            Host::start(ShardedStore::new(objects), publisher, self.parameters.settings.clone())
        };
        let (host, handle) = match start(objects.clone()).await {
            Err(LoadError::Missing) => {
                self.create_metadata(objects.clone()).await?;
                start(objects).await.context("load the metadata")?
            }
            other => other.context("load the metadata")?,
        };
        let server = ControlPlaneServer {
            cluster_id: host.committed().cluster_id.clone(),
            controller: handle.clone(),
            updates: updates.clone(),
            session_timeout: self.parameters.settings.sessions.timeout,
            admission: Some(Arc::new(PodAdmission::new(self.client.clone(), &self.cluster))),
        };
        Ok(Started { host, handle, server, updates })
    }

    /// Of a cluster that never was. "There is no metadata" alone does not say so: it may have been lost, and a new
    /// controller over disks with records would be the end of them.
    async fn create_metadata(&self, objects: KubernetesObjects) -> anyhow::Result<()> {
        let ClusterKey { namespace, name } = &self.cluster.key;
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
        let of_cluster = ListParams::default().labels(&format!("{CLUSTER_LABEL}={name}")).limit(1);
        let claims = claims.list_metadata(&of_cluster).await.context("look for volumes of the cluster")?;
        if let Some(claim) = claims.items.first().and_then(|claim| claim.metadata.name.as_deref()) {
            bail!(
                "the metadata of the cluster is gone, and volumes with its records are there ({claim}): restore ClusterMetadata {name} and its shards from a backup, or delete the volumes to begin anew"
            );
        }
        let id = cluster_id::of_uid(&self.cluster.uid).context("read the UID of the Cluster")?;
        ShardedStore::new(objects).create(id.clone()).await.context("create the metadata")?;
        tracing::info!(cluster = %self.cluster.key, cluster_id = %id, "metadata of a new cluster created");
        Ok(())
    }

    async fn decide(&self, started: Started, stopped: &mut oneshot::Receiver<()>) -> Ended {
        let Started { host, handle, server, updates } = started;
        let token = self.parameters.token;
        self.door.open(token, server);
        self.view.send_modify(|view| (view.handle, view.problem) = (Some(handle), None));
        tracing::info!(cluster = %self.cluster.key, "deciding for the cluster");
        let (stop, stopping) = oneshot::channel();
        let mut running = std::pin::pin!(host.run(stopping));
        let ended = tokio::select! {
            _ = stopped => {
                // A host that ended on its own has dropped its side.
                let _ = stop.send(());
                running.await;
                Ended::Stopped
            }
            _ = &mut running => Ended::Deposed,
        };
        self.door.close(token);
        updates.close();
        self.view.send_modify(|view| view.handle = None);
        ended
    }
}

struct Started {
    host: Host<ShardedStore<KubernetesObjects>, Everybody>,
    handle: ControllerHandle,
    server: ControlPlaneServer,
    updates: Updates,
}

enum Ended {
    Stopped,
    Deposed,
}
