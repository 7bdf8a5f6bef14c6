//! The controllers of all clusters of this operator, and the door by which brokers come to them.

use super::{
    allowed::Allowed,
    host::{ClusterHost, Door, Parameters, View},
    token::TokenHash,
    topic_owners::TopicOwners,
};
use crate::{
    metrics::Metrics,
    reconcilers::cluster::set_size::SetSize,
    valid_cluster::{ClusterKey, ValidCluster},
};
use control_plane::session::{Directory, Found, NotAdmitted};
use controller::Leaving;
use custom_resources::Topic;
use futures_util::future::join_all;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, runtime::reflector::Store};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

/// Committed changes of this time are told to the reconcilers together.
const TELL_PAUSE: Duration = Duration::from_secs(1);
/// How long a reconciliation waits for a controller that it started.
const START_PATIENCE: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone)]
pub struct Controllers(Arc<Inner>);

impl fmt::Debug for Controllers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controllers").finish_non_exhaustive()
    }
}

struct Inner {
    client: Client,
    /// Who is told that a cluster's metadata changed.
    listeners: Vec<mpsc::Sender<ClusterKey>>,
    entrance: Entrance,
    /// Of every namespace that is looked after.
    topics: Arc<[Store<Topic>]>,
    metrics: Arc<Metrics>,
    hosted: Mutex<BTreeMap<ClusterKey, Hosted>>,
}

struct Hosted {
    cluster: ObjectReference,
    parameters: Parameters,
    token: String,
    allowed_namespaces: watch::Sender<Vec<String>>,
    leaving: watch::Sender<Leaving>,
    set_size: SetSize,
    view: watch::Receiver<View>,
    /// `None`: it was told to end.
    stop: Option<oneshot::Sender<()>>,
    host: JoinHandle<()>,
    teller: JoinHandle<()>,
}

impl Controllers {
    pub fn new(
        client: Client,
        listeners: Vec<mpsc::Sender<ClusterKey>>,
        topics: Vec<Store<Topic>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (entrance, hosted) = (Entrance::default(), Mutex::default());
        Self(Arc::new(Inner { client, listeners, entrance, topics: topics.into(), metrics, hosted }))
    }

    /// Where the address for brokers finds controllers.
    pub fn entrance(&self) -> Entrance {
        self.0.entrance.clone()
    }

    /// Has the cluster's controller run with what the spec says, and returns what is to be seen of it. Brokers that leave are
    /// given no replica that the view does not show.
    pub async fn ensure(&self, cluster: &ValidCluster, token: &str, leaving: Leaving, set_size: SetSize) -> View {
        let parameters = Parameters::of(cluster, token);
        let running = {
            let mut hosted = self.0.hosted.lock().await;
            match hosted.get_mut(&cluster.key) {
                Some(running) if running.parameters == parameters && running.stop.is_some() => {
                    running.allowed_namespaces.send_replace(cluster.spec.allowed_namespaces.clone());
                    // First, for a controller that starts while this one is told.
                    running.leaving.send_replace(leaving);
                    Ok(running.view.clone())
                }
                Some(running) => {
                    running.tell_to_end();
                    Err(Some(running.view.clone()))
                }
                None => Err(None),
            }
        };
        // Without the lock: other clusters do not wait for what this one's controller commits last.
        let replaced = match running {
            Ok(view) => return keeping_to(leaving, view).await,
            Err(replaced) => replaced,
        };
        // It stays known until it has ended, for whoever waits here may be given up: no other begins beside it.
        if let Some(mut ending) = replaced {
            tracing::info!(cluster = %cluster.key, "the controller of the cluster starts again with other settings");
            while ending.changed().await.is_ok() {}
        }
        let started = self.start(cluster, parameters, token, leaving, set_size);
        let view = started.view.clone();
        self.0.hosted.lock().await.insert(cluster.key.clone(), started);
        let view = begun(view).await;
        View { leaving: Some(leaving).filter(|_| view.handle.is_some()), ..view }
    }

    /// What is to be seen of a cluster's controller; `None`: there is no such cluster here.
    pub async fn view(&self, cluster: &ClusterKey) -> Option<View> {
        let hosted = self.0.hosted.lock().await;
        hosted
            .get(cluster)
            .map(|hosted| View { leaving: Some(*hosted.leaving.borrow()), ..hosted.view.borrow().clone() })
    }

    /// What is known here of the cluster's StatefulSet.
    pub async fn set_size(&self, cluster: &ClusterKey) -> SetSize {
        let hosted = self.0.hosted.lock().await;
        hosted.get(cluster).map(|hosted| hosted.set_size).unwrap_or_default()
    }

    pub async fn note_set_size(&self, cluster: &ClusterKey, note: impl FnOnce(&mut SetSize)) {
        if let Some(hosted) = self.0.hosted.lock().await.get_mut(cluster) {
            note(&mut hosted.set_size);
        }
    }

    /// Whose resources may name the cluster; `None`: there is no such cluster here.
    pub async fn allowed(&self, cluster: &ClusterKey) -> Option<Allowed> {
        let hosted = self.0.hosted.lock().await;
        let allowed = hosted.get(cluster)?.allowed_namespaces.borrow();
        Some(Allowed::by(cluster, &allowed))
    }

    /// Has the reconcilers look at a cluster again.
    pub async fn tell_of(&self, cluster: &ClusterKey) {
        for listener in &self.0.listeners {
            // The operator ends where nobody listens.
            let _ = listener.send(cluster.clone()).await;
        }
    }

    /// The resource of a cluster, for events on it.
    pub async fn reference(&self, cluster: &ClusterKey) -> Option<ObjectReference> {
        let hosted = self.0.hosted.lock().await;
        hosted.get(cluster).map(|hosted| hosted.cluster.clone())
    }

    /// The token that the cluster's brokers have, where its controller runs here.
    pub async fn token(&self, cluster: &ClusterKey) -> Option<String> {
        let hosted = self.0.hosted.lock().await;
        hosted.get(cluster).map(|hosted| hosted.token.clone())
    }

    /// Ends the controllers of clusters that are no more.
    pub async fn keep_only(&self, exists: impl Fn(&ClusterKey) -> bool) {
        let gone: Vec<_> = self.0.hosted.lock().await.extract_if(.., |key, _| !exists(key)).collect();
        let ending = gone.into_iter().map(|(key, running)| async move {
            running.end().await;
            tracing::info!(cluster = %key, "the controller of the cluster ended");
        });
        join_all(ending).await;
        self.0.metrics.controllers.keep_only(exists);
    }

    fn start(
        &self,
        cluster: &ValidCluster,
        parameters: Parameters,
        token: &str,
        leaving: Leaving,
        set_size: SetSize,
    ) -> Hosted {
        let (view, seen) = watch::channel(View::default());
        let (stop, stopped) = oneshot::channel();
        let (allowed_namespaces, allowed) = watch::channel(cluster.spec.allowed_namespaces.clone());
        let (leaving, told_leaving) = watch::channel(leaving);
        let owners = TopicOwners {
            cluster: cluster.key.clone(),
            allowed_namespaces: allowed,
            topics: Arc::clone(&self.0.topics),
        };
        let host = ClusterHost {
            client: self.0.client.clone(),
            cluster: cluster.clone(),
            parameters: parameters.clone(),
            view,
            door: self.0.entrance.clone(),
            owners: Arc::new(owners),
            metrics: self.0.metrics.controllers.of(&cluster.key),
            leaving: told_leaving,
            loaded_id: std::sync::Mutex::default(),
        };
        let teller = tell(seen.clone(), cluster.key.clone(), self.0.listeners.clone());
        let ClusterKey { namespace, name } = cluster.key.clone();
        let reference = ObjectReference {
            api_version: Some(cluster.owner.api_version.clone()),
            kind: Some(cluster.owner.kind.clone()),
            namespace: Some(namespace),
            name: Some(name),
            uid: Some(cluster.uid.clone()),
            ..ObjectReference::default()
        };
        Hosted {
            cluster: reference,
            parameters,
            token: token.to_owned(),
            allowed_namespaces,
            leaving,
            set_size,
            view: seen,
            stop: Some(stop),
            host: tokio::spawn(host.run(stopped)),
            teller: tokio::spawn(teller),
        }
    }
}

impl Hosted {
    fn tell_to_end(&mut self) {
        // A host that ended on its own has dropped its side.
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    async fn end(mut self) {
        self.tell_to_end();
        let _ = self.host.await;
        self.teller.abort();
    }
}

/// Once the controller has taken over, or says why it does not. What is reported before would say that nobody decides, at each
/// start of an operator.
async fn begun(mut view: watch::Receiver<View>) -> View {
    let is_known = |view: &View| view.handle.is_some() && view.image.is_some() || view.problem.is_some();
    let _ = timeout(START_PATIENCE, view.wait_for(is_known)).await;
    view.borrow().clone()
}

/// Once the controller that decides has answered, and those that come after it know, too.
async fn keeping_to(leaving: Leaving, view: watch::Receiver<View>) -> View {
    let handle = view.borrow().handle.clone();
    let is_told = match handle {
        Some(handle) => handle.set_leaving(leaving).await.is_ok(),
        None => false,
    };
    View { leaving: Some(leaving).filter(|_| is_told), ..view.borrow().clone() }
}

async fn tell(mut seen: watch::Receiver<View>, key: ClusterKey, listeners: Vec<mpsc::Sender<ClusterKey>>) {
    while seen.changed().await.is_ok() {
        for listener in &listeners {
            if listener.send(key.clone()).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(TELL_PAUSE).await;
    }
}

/// Finds the controller by the token that a broker shows.
#[derive(Debug, Clone, Default)]
pub struct Entrance(Arc<RwLock<BTreeMap<TokenHash, Found>>>);

impl Directory for Entrance {
    fn find(&self, token: Option<&str>) -> Result<Found, NotAdmitted> {
        let token = token.ok_or(NotAdmitted::UnknownToken)?;
        let doors = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if doors.is_empty() {
            return Err(NotAdmitted::NotNow("this operator decides for no cluster now".to_owned()));
        }
        doors.get(&TokenHash::of(token)).cloned().ok_or(NotAdmitted::UnknownToken)
    }
}

impl Door for Entrance {
    fn open(&self, token: TokenHash, found: Found) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(token, found);
    }

    fn close(&self, token: TokenHash) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&token);
    }
}
