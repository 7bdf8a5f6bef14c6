//! Caches of the objects of all clusters, and what of them belongs to one.

use super::{plan::Observed, set_size::SetSize, settling::Unsettled};
use crate::{resources::CLUSTER_LABEL, valid_cluster::ClusterKey};
use anyhow::Context as _;
use futures_util::StreamExt as _;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount},
        policy::v1::PodDisruptionBudget,
        storage::v1::StorageClass,
    },
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Debug},
    sync::Arc,
};
use tokio::sync::mpsc;

/// The namespaces that an operator looks after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    Namespace(String),
}

impl Scope {
    /// Whether a cluster is looked after here; others are somebody else's to judge.
    pub fn covers(&self, cluster: &ClusterKey) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(namespace) => *namespace == cluster.namespace,
        }
    }

    pub fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::All => Api::all(client.clone()),
            Self::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
        }
    }
}

/// Filled by watches. Cheap to clone.
#[derive(Clone)]
pub struct Caches {
    stateful_sets: Store<StatefulSet>,
    services: Store<Service>,
    config_maps: Store<ConfigMap>,
    service_accounts: Store<ServiceAccount>,
    budgets: Store<PodDisruptionBudget>,
    pods: Store<Pod>,
    claims: Store<PersistentVolumeClaim>,
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").finish_non_exhaustive()
    }
}

impl Caches {
    /// Begins to watch; whose object came, changed or went is told to `changed`.
    pub fn start(client: &Client, scope: &Scope, changed: &mpsc::Sender<ClusterKey>) -> Self {
        Self {
            stateful_sets: watch(scope.api(client), changed),
            services: watch(scope.api(client), changed),
            config_maps: watch(scope.api(client), changed),
            service_accounts: watch(scope.api(client), changed),
            budgets: watch(scope.api(client), changed),
            pods: watch(scope.api(client), changed),
            claims: watch(scope.api(client), changed),
        }
    }

    /// Returns once all that was there at the start is known.
    pub async fn filled(&self) -> Result<(), reflector::store::WriterDropped> {
        self.stateful_sets.wait_until_ready().await?;
        self.services.wait_until_ready().await?;
        self.config_maps.wait_until_ready().await?;
        self.service_accounts.wait_until_ready().await?;
        self.budgets.wait_until_ready().await?;
        self.pods.wait_until_ready().await?;
        self.claims.wait_until_ready().await
    }

    pub fn observe(&self, cluster: &ClusterKey) -> Observed {
        Observed {
            stateful_sets: of(&self.stateful_sets, cluster),
            services: of(&self.services, cluster),
            config_maps: of(&self.config_maps, cluster),
            service_accounts: of(&self.service_accounts, cluster),
            budgets: of(&self.budgets, cluster),
            pods: of(&self.pods, cluster),
            claims: of(&self.claims, cluster),
            classes: BTreeMap::new(),
            set_size: SetSize::default(),
            unsettled: Unsettled::default(),
            now: Timestamp::now(),
        }
    }
}

/// Asks about the storage classes of volumes that are to grow. Others are not read: most clusters never ask.
pub async fn classes(client: &Client, names: BTreeSet<String>) -> anyhow::Result<BTreeMap<String, bool>> {
    let classes: Api<StorageClass> = Api::all(client.clone());
    let mut found = BTreeMap::new();
    for name in names {
        if let Some(class) = classes.get_opt(&name).await.with_context(|| format!("read storage class {name}"))? {
            found.insert(name, class.allow_volume_expansion == Some(true));
        }
    }
    Ok(found)
}

fn of<K>(store: &Store<K>, cluster: &ClusterKey) -> Vec<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.state().into_iter().filter(|object| owner(&**object).as_ref() == Some(cluster)).collect()
}

fn owner<K: Resource>(object: &K) -> Option<ClusterKey> {
    let meta = object.meta();
    let name = meta.labels.as_ref()?.get(CLUSTER_LABEL)?.clone();
    Some(ClusterKey { namespace: meta.namespace.clone()?, name })
}

fn watch<K>(api: Api<K>, changed: &mpsc::Sender<ClusterKey>) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let labelled = watcher::Config::default().labels(CLUSTER_LABEL);
    let events = watcher(api, labelled).default_backoff().modify(|object| object.meta_mut().managed_fields = None);
    let touched = reflector::reflector(writer, events).touched_objects();
    let changed = changed.clone();
    tokio::spawn(async move {
        let mut touched = std::pin::pin!(touched);
        while let Some(object) = touched.next().await {
            match object {
                Ok(object) => {
                    if let Some(key) = owner(&object)
                        && changed.send(key).await.is_err()
                    {
                        return;
                    }
                }
                Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "the watch broke, watching again"),
            }
        }
    });
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_of_one_namespace_says_nothing_of_clusters_elsewhere() {
        let cluster = ClusterKey { namespace: "shop".to_owned(), name: "events".to_owned() };
        assert!(Scope::All.covers(&cluster) && Scope::Namespace("shop".to_owned()).covers(&cluster));
        assert!(!Scope::Namespace("billing".to_owned()).covers(&cluster));
    }
}
