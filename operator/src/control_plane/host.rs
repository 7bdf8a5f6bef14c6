//! The life of one cluster's controller in this operator: it loads what the store holds, decides until it is stopped or
//! deposed, and begins again.

use super::{
    claims, cluster_id,
    failover::{Failover, failovers, fenced},
    kubernetes_store::KubernetesObjects,
    pod_admission::PodAdmission,
    rebuild::{Choice, Gathering, choose, is_new},
    settings,
    token::TokenHash,
    watched_store::{LostRoot, WatchedStore},
};
use crate::{metrics::OneController, resources::names, valid_cluster::ValidCluster};
use anyhow::{Context as _, anyhow, bail};
use control_plane::{
    CommitError, ControllerHandle, Host, LoadError, MetadataStore as _, Published, Publisher,
    session::{ControlPlaneServer, Doubt, Found, Owners, Updates},
    store::{MetadataObjects, SeenRoot, ShardedStore},
};
use controller::{ClusterImage, Leaving, Settings, rebuild::Reign};
use custom_resources::cluster::{Listener, Retention};
use k8s_openapi::{api::apps::v1::StatefulSet, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Api, Client};
use model::ClusterId;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};

/// After a start that failed, or a deposition: who deposed this one may be gone, or may know better.
const PAUSE: Duration = Duration::from_secs(2);

/// Doubts about the store that wait to be looked at. Brokers come again with them.
const DOUBTS: usize = 16;

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
    /// The metadata is being rebuilt from brokers, which have to be there for it.
    pub is_recovering: bool,
    /// Why what it decided last is not in the store; it is tried again.
    pub commit_failure: Option<String>,
    /// Who is about to go, where it is certain that the image and all that follow keep to it.
    pub leaving: Option<Leaving>,
    /// What was told to the sessions of brokers, and what they said; while it decides.
    pub updates: Option<Updates>,
    /// The latest of this operator.
    pub failover: Option<Failover>,
}

/// Brings committed images to the sessions of brokers, and to the reconcilers.
struct Everybody {
    updates: Updates,
    view: watch::Sender<View>,
    metrics: Arc<OneController>,
}

impl Publisher for Everybody {
    async fn publish(&mut self, published: Published) {
        let before = self.view.borrow().image.clone();
        let (image, fenced) = (Arc::clone(&published.image), fenced(&published.changes));
        self.view.send_modify(|view| view.image = Some(Arc::clone(&image)));
        self.updates.publish(published).await;
        let Some(before) = before else { return };
        let silent_for = |broker| Some(self.updates.silent_since(broker)?.elapsed());
        let mut failovers = failovers(&before, &image, &fenced, silent_for);
        self.metrics.told(&before, &image, &failovers);
        if let Some(latest) = failovers.pop() {
            self.view.send_modify(|view| view.failover = Some(latest));
        }
    }
}

/// Where brokers find a controller while it decides.
pub(super) trait Door: Clone + Send + Sync + 'static {
    fn open(&self, token: TokenHash, found: Found);
    fn close(&self, token: TokenHash);
}

/// One cluster's controller.
pub(super) struct ClusterHost<D> {
    pub(super) client: Client,
    pub(super) cluster: ValidCluster,
    pub(super) parameters: Parameters,
    pub(super) view: watch::Sender<View>,
    pub(super) door: D,
    pub(super) owners: Arc<dyn Owners>,
    pub(super) metrics: Arc<OneController>,
    /// Who is about to go as a controller starts; one that runs is told by its handle.
    pub(super) leaving: watch::Receiver<Leaving>,
    /// Of the metadata that it loaded last. Where that is lost, by it the brokers are known again.
    pub(super) loaded_id: Mutex<Option<ClusterId>>,
}

impl<D: Door> ClusterHost<D> {
    /// Until `stopped` fires; what is being committed is finished.
    pub(super) async fn run(self, mut stopped: oneshot::Receiver<()>) {
        let key = &self.cluster.key;
        let mut lost: Option<Lost> = None;
        loop {
            let ended = match lost.take() {
                None => {
                    let started = tokio::select! {
                        started = self.start() => started,
                        _ = &mut stopped => return,
                    };
                    match started {
                        Ok(started) => self.decide(started, &mut stopped).await,
                        Err(NotStarted::Lost(lost)) => Ended::Lost(lost),
                        Err(NotStarted::Failed(error)) => Ended::Failed(format!("{error:#}")),
                    }
                }
                Some(known) => {
                    let recovered = tokio::select! {
                        recovered = self.recover(&known) => recovered,
                        _ = &mut stopped => return,
                    };
                    match recovered {
                        Ok(Recovered::Rebuilt) => continue,
                        // Everything is looked at from the start: what was lost may be there.
                        Ok(Recovered::Overtaken) => {
                            Ended::Failed(format!("{}; somebody else wrote it meanwhile", known.reason))
                        }
                        Err(error) => {
                            let problem = format!("{}; rebuilding it from brokers failed: {error:#}", known.reason);
                            // Metadata that went back is there, and is not decided on again.
                            lost = Some(known).filter(|known| known.disproved.is_some());
                            Ended::Failed(problem)
                        }
                    }
                }
            };
            let problem = match ended {
                Ended::Stopped => return,
                Ended::Failed(problem) => problem,
                Ended::Lost(known) => {
                    lost = Some(known);
                    continue;
                }
            };
            tracing::warn!(cluster = %key, %problem, "the controller of the cluster does not decide, trying again");
            self.view.send_modify(|view| view.problem = Some(problem));
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = &mut stopped => return,
            }
        }
    }

    fn objects(&self) -> KubernetesObjects {
        let objects =
            KubernetesObjects::new(self.client.clone(), self.cluster.key.clone(), self.parameters.owner.clone());
        objects.of_cluster(&self.cluster.uid).counted(Arc::clone(&self.metrics))
    }

    async fn start(&self) -> Result<Started, NotStarted> {
        let updates = Updates::new();
        let start = || async {
            let (updates, view, metrics) = (updates.clone(), self.view.clone(), Arc::clone(&self.metrics));
            let publisher = Everybody { updates, view, metrics };
            let store = ShardedStore::new(self.objects());
            let seen = store.seen();
            let (store, lost) = WatchedStore::new(store, seen.clone(), tell_of_commits(self.view.clone()));
            let settings = Settings { leaving: *self.leaving.borrow(), ..self.parameters.settings.clone() };
            let (host, handle) = Host::start(store, publisher, settings).await.map_err(|error| (error, root(&seen)))?;
            Ok((host, handle, lost, seen))
        };
        let started = match start().await {
            Err((LoadError::Missing, _)) => {
                self.create_metadata().await?;
                start().await
            }
            other => other,
        };
        let (host, handle, lost, seen) = match started {
            Ok(started) => started,
            Err((damaged @ LoadError::Damaged(_), found)) => return Err(self.lost(damaged.to_string(), found).await?),
            Err((error, _)) => return Err(NotStarted::Failed(anyhow!(error).context("load the metadata"))),
        };
        *self.loaded_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(host.committed().cluster_id.clone());
        let (doubting, doubts) = mpsc::channel(DOUBTS);
        let server = ControlPlaneServer {
            cluster_id: host.committed().cluster_id.clone(),
            controller: handle.clone(),
            updates: updates.clone(),
            session_timeout: self.parameters.settings.sessions.timeout,
            loaded_version: host.committed().metadata_version,
            admission: Some(Arc::new(PodAdmission::new(self.client.clone(), &self.cluster, doubting))),
            owners: Some(Arc::clone(&self.owners)),
        };
        Ok(Started { host, handle, server, updates, doubts, lost, seen })
    }

    async fn lost(&self, reason: String, found: Option<Revision>) -> anyhow::Result<NotStarted> {
        let volumes = claims::volumes(&self.client, &self.cluster).await?;
        let cluster_id = self.id_without_metadata(&volumes)?;
        Ok(NotStarted::Lost(Lost { reason, cluster_id, found, disproved: None }))
    }

    /// What this controller loaded, what was reported last, what the volumes say, or what a new cluster would have.
    fn id_without_metadata(&self, volumes: &claims::Volumes) -> anyhow::Result<ClusterId> {
        if let Some(id) = &*self.loaded_id.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(id.clone());
        }
        if let Some(id) = &self.cluster.known_id {
            return Ok(ClusterId::from(&**id));
        }
        let mut ids = volumes.cluster_ids.iter();
        match (ids.next(), ids.next()) {
            (Some(id), None) => Ok(ClusterId::from(&**id)),
            (None, _) => cluster_id::of_uid(&self.cluster.uid).context("read the UID of the Cluster"),
            (Some(_), Some(_)) => {
                let ids: Vec<_> = volumes.cluster_ids.iter().map(String::as_str).collect();
                bail!("the metadata is gone, and the volumes are of different clusters: {}", ids.join(", "))
            }
        }
    }

    /// Of a cluster that never was. "There is no metadata" alone does not say so: it may have been lost, and a new
    /// controller over disks with records would be the end of them.
    async fn create_metadata(&self) -> Result<(), NotStarted> {
        let volumes = claims::volumes(&self.client, &self.cluster).await?;
        if let Some(claim) = &volumes.one {
            let reason = format!("the metadata is gone, and there are volumes with records ({claim})");
            let cluster_id = self.id_without_metadata(&volumes)?;
            return Err(NotStarted::Lost(Lost { reason, cluster_id, found: None, disproved: None }));
        }
        if let Some(claim) = &volumes.going {
            // Brokers that begin with it would lose it, and one that is empty brings no metadata.
            return Err(NotStarted::Failed(anyhow!("volume {claim} is being deleted, and is waited for")));
        }
        let id = cluster_id::of_uid(&self.cluster.uid).context("read the UID of the Cluster")?;
        ShardedStore::new(self.objects()).create(id.clone()).await.context("create the metadata")?;
        tracing::info!(cluster = %self.cluster.key, cluster_id = %id, "metadata of a new cluster created");
        Ok(())
    }

    async fn decide(&self, started: Started, stopped: &mut oneshot::Receiver<()>) -> Ended {
        let Started { host, handle, server, updates, mut doubts, mut lost, seen } = started;
        let (token, cluster_id) = (self.parameters.token, server.cluster_id.clone());
        self.door.open(token, Found::Controller(server));
        self.metrics.decides(Some(updates.clone()));
        self.view.send_modify(|view| {
            (view.handle, view.problem, view.is_recovering) = (Some(handle.clone()), None, false);
            (view.commit_failure, view.updates) = (None, Some(updates.clone()));
        });
        tracing::info!(cluster = %self.cluster.key, "deciding for the cluster");
        let (stop, stopping) = oneshot::channel();
        let mut running = std::pin::pin!(host.run(stopping));
        // It takes over with the first thing that it hears, and the first broker may be a while.
        let taking_over = async {
            let _ = handle.describe_brokers().await;
            std::future::pending().await
        };
        let mut ended = tokio::select! {
            never = taking_over => never,
            _ = stopped => Ended::Stopped,
            reason = self.proof(&mut doubts) => {
                let (found, disproved) = (root(&seen), updates.reign());
                Ended::Lost(Lost { reason, cluster_id, found, disproved })
            }
            Some(LostRoot { error, found }) = lost.recv() => {
                Ended::Lost(Lost { reason: error.to_string(), cluster_id, found, disproved: None })
            }
            _ = &mut running => Ended::Failed("another controller has taken over".to_owned()),
        };
        self.door.close(token);
        self.metrics.decides(None);
        let loads = seen.borrow().loads;
        if !matches!(ended, Ended::Failed(_)) {
            // A host that ended on its own has dropped its side.
            let _ = stop.send(());
            running.await;
        }
        updates.close();
        if let Ended::Lost(Lost { disproved: Some(reign), found, .. }) = &mut ended {
            // With what was being committed; what was read since is somebody else's.
            *reign = updates.reign().unwrap_or(*reign);
            if seen.borrow().loads == loads {
                *found = root(&seen);
            }
        }
        // Nothing is to be planned on what is known to be wrong.
        let is_lost = matches!(ended, Ended::Lost(_));
        self.view.send_modify(|view| {
            (view.handle, view.updates) = (None, None);
            view.image = view.image.take().filter(|_| !is_lost);
        });
        if let Ended::Lost(Lost { reason, .. }) = &ended {
            tracing::error!(cluster = %self.cluster.key, reason, "the metadata is not what it was, the controller of the cluster stops");
        }
        ended
    }

    /// Returns once it is certain that a broker knows what the store forgot.
    async fn proof(&self, doubts: &mut mpsc::Receiver<Doubt>) -> String {
        loop {
            // Whoever doubts lives as long as the controller.
            let Some(Doubt { broker, applied, is_proof }) = doubts.recv().await else {
                return std::future::pending().await;
            };
            let is_older = is_proof || {
                let held = ShardedStore::new(self.objects()).load().await;
                held.is_ok_and(|image| image.metadata_version < applied)
            };
            if is_older {
                return format!("broker {broker} has acted by metadata of version {applied}, which the store forgot");
            }
        }
    }

    /// Writes anew what the brokers know. The reason is shown meanwhile, with who is waited for.
    async fn recover(&self, lost: &Lost) -> anyhow::Result<Recovered> {
        let Lost { reason, cluster_id, found, disproved } = lost;
        let brokers = self.brokers().await?;
        let gathering = Arc::new(Gathering::new(cluster_id.clone()));
        let mut offers = gathering.offers();
        self.door.open(self.parameters.token, Found::Recovery(gathering));
        let _closing = Closing { door: &self.door, token: self.parameters.token };
        loop {
            let choice = choose(&offers.borrow_and_update(), brokers, *disproved);
            let problem = match choice {
                Choice::Rebuild { from, image } => {
                    let mut store = ShardedStore::new(self.objects());
                    let rebuilt = match store.rebuild(&image, found.as_ref()).await {
                        Err(CommitError::Conflict) => return Ok(Recovered::Overtaken),
                        rebuilt => rebuilt.context("write the metadata")?,
                    };
                    let (epoch, version) = (rebuilt.controller_epoch.0, rebuilt.metadata_version);
                    tracing::warn!(cluster = %self.cluster.key, broker_id = %from, epoch, %version, "metadata rebuilt from what brokers know");
                    self.view.send_modify(|view| view.is_recovering = false);
                    return Ok(Recovered::Rebuilt);
                }
                Choice::Wait(missing) => {
                    let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
                    format!("{reason}; rebuilding it from the brokers, waiting for {}", missing.join(", "))
                }
                Choice::Nothing if is_new(&offers.borrow()) && self.was_never(lost).await? => {
                    let created = ShardedStore::new(self.objects()).create(cluster_id.clone()).await;
                    created.context("create the metadata")?;
                    tracing::info!(cluster = %self.cluster.key, %cluster_id, "metadata of a new cluster created, over volumes that are empty");
                    self.view.send_modify(|view| view.is_recovering = false);
                    return Ok(Recovered::Rebuilt);
                }
                Choice::Nothing => {
                    format!("{reason}; no broker has a copy that can be believed: restore it from a backup")
                }
            };
            tracing::warn!(cluster = %self.cluster.key, %problem, "no metadata to decide on");
            self.view.send_modify(|view| (view.problem, view.is_recovering) = (Some(problem), true));
            offers.changed().await.context("wait for brokers")?;
        }
    }

    /// Nothing says that there was a cluster: somebody made claims for a new one.
    async fn was_never(&self, Lost { found, disproved, .. }: &Lost) -> anyhow::Result<bool> {
        let is_unknown = self.loaded_id.lock().unwrap_or_else(PoisonError::into_inner).is_none()
            && self.cluster.known_id.is_none()
            && found.is_none()
            && disproved.is_none();
        Ok(is_unknown && claims::volumes(&self.client, &self.cluster).await?.cluster_ids.is_empty())
    }

    /// How many there are to be, by what Kubernetes keeps running.
    async fn brokers(&self) -> anyhow::Result<i32> {
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), &self.cluster.key.namespace);
        let set = sets.get_opt(&names::stateful_set(&self.cluster.key.name)).await.context("count the brokers")?;
        Ok(set.and_then(|set| set.spec?.replicas).unwrap_or(self.cluster.spec.replicas))
    }
}

/// Those who watch the view are woken only by what is new.
fn tell_of_commits(view: watch::Sender<View>) -> impl FnMut(Option<String>) + Send {
    move |failure| {
        view.send_if_modified(|view| std::mem::replace(&mut view.commit_failure, failure.clone()) != failure);
    }
}

/// Also when a recovery is given up.
struct Closing<'a, D: Door> {
    door: &'a D,
    token: TokenHash,
}

impl<D: Door> Drop for Closing<'_, D> {
    fn drop(&mut self) {
        self.door.close(self.token);
    }
}

type Revision = <KubernetesObjects as MetadataObjects>::Revision;

/// As the store of this controller saw it last.
fn root(seen: &watch::Receiver<SeenRoot<Revision>>) -> Option<Revision> {
    seen.borrow().revision.clone()
}

type Store = WatchedStore<ShardedStore<KubernetesObjects>, Revision>;

struct Started {
    host: Host<Store, Everybody>,
    handle: ControllerHandle,
    server: ControlPlaneServer,
    updates: Updates,
    doubts: mpsc::Receiver<Doubt>,
    lost: mpsc::Receiver<LostRoot<Revision>>,
    seen: watch::Receiver<SeenRoot<Revision>>,
}

/// There is no metadata to decide on, and there was.
struct Lost {
    reason: String,
    cluster_id: ClusterId,
    /// The root in whose place the metadata is written anew; `None`: there is none.
    found: Option<Revision>,
    /// What this controller committed before a broker proved that it had begun with less than there was.
    disproved: Option<Reign>,
}

enum Recovered {
    Rebuilt,
    /// Another one wrote, or a write of this one went through whose answer was lost.
    Overtaken,
}

enum NotStarted {
    Lost(Lost),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for NotStarted {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

enum Ended {
    Stopped,
    Failed(String),
    Lost(Lost),
}

#[cfg(test)]
mod tests;
