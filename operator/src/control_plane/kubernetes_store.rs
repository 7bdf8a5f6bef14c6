//! The objects in which a cluster's metadata is: one `ClusterMetadata` of the cluster's name, and a `ClusterMetadataShard`
//! for each shard.
//!
//! The API server has one writer win: a write of the root names the `resourceVersion` that it replaces. Reads go to it and
//! not to a cache, so that a controller that takes over sees every commit of the one before.

use crate::{
    metrics::OneController,
    resources::{self, CLUSTER_LABEL, FIELD_MANAGER, is_of_another_cluster},
    valid_cluster::ClusterKey,
};
use control_plane::store::{CommitError, MetadataObjects, ObjectError, ShardName, StoredRoot};
use custom_resources::{
    ClusterMetadata, ClusterMetadataShard, ClusterMetadataShardSpec, ClusterMetadataSpec, shard_object,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
};
use std::{future::Future, sync::Arc, time::Duration};

/// A call without an answer for this long has failed. The controller decides again then, so longer is only a longer outage.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// What one answer of a list holds at most.
const PAGE: u32 = 500;

/// The metadata objects of one cluster.
#[derive(Debug, Clone)]
pub struct KubernetesObjects {
    cluster: ClusterKey,
    /// Of the Cluster, where it is known.
    uid: Option<String>,
    /// `None`: the metadata outlives the Cluster, as its volumes do.
    owner: Option<OwnerReference>,
    roots: Api<ClusterMetadata>,
    shards: Api<ClusterMetadataShard>,
    metrics: Arc<OneController>,
}

impl KubernetesObjects {
    pub fn new(client: Client, cluster: ClusterKey, owner: Option<OwnerReference>) -> Self {
        let roots = Api::namespaced(client.clone(), &cluster.namespace);
        let shards = Api::namespaced(client, &cluster.namespace);
        Self { cluster, uid: None, owner, roots, shards, metrics: Arc::default() }
    }

    /// Takes no metadata that goes with another Cluster of the name, which was deleted.
    #[must_use]
    pub fn of_cluster(self, uid: &str) -> Self {
        Self { uid: Some(uid.to_owned()), ..self }
    }

    /// The sizes of the objects are told to `metrics`.
    #[must_use]
    pub fn counted(self, metrics: Arc<OneController>) -> Self {
        Self { metrics, ..self }
    }

    fn metadata(&self, name: String) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.cluster.namespace.clone()),
            labels: Some(resources::labels(&self.cluster.name)),
            owner_references: self.owner.clone().map(|owner| vec![owner]),
            ..ObjectMeta::default()
        }
    }

    fn shard_object(&self, shard: ShardName) -> String {
        shard_object(&self.cluster.name, shard)
    }

    /// The shard that an object of this name is; another cluster's name may begin as this one's.
    fn shard_of(&self, object: &str) -> Option<ShardName> {
        object.strip_prefix(&self.cluster.name)?.strip_prefix('-')?.parse().ok()
    }
}

impl MetadataObjects for KubernetesObjects {
    /// The object's `resourceVersion`.
    type Revision = String;

    async fn read_root(&self) -> Result<Option<StoredRoot<String>>, ObjectError> {
        let root = within_limit("read the root", self.roots.get_opt(&self.cluster.name)).await?;
        let is_of_another = |uid: &String| root.as_ref().is_some_and(|root| is_of_another_cluster(&root.metadata, uid));
        if self.uid.as_ref().is_some_and(is_of_another) {
            let reason = "the metadata goes with a Cluster of the same name that was deleted, and is waited for";
            return Err(ObjectError(reason.to_owned()));
        }
        self.metrics.root_is(root.as_ref().map_or(0, |root| root.spec.data.len()));
        root.map(|root| Ok(StoredRoot { revision: revision(&root.metadata)?, text: root.spec.data })).transpose()
    }

    async fn write_root(&self, replaces: Option<&String>, text: &str) -> Result<String, CommitError> {
        let name = self.cluster.name.clone();
        let mut root = ClusterMetadata::new(&name, ClusterMetadataSpec { data: text.to_owned() });
        root.metadata = ObjectMeta { resource_version: replaces.cloned(), ..self.metadata(name.clone()) };
        let parameters = as_manager();
        let written = if replaces.is_some() {
            within_limit_raw(self.roots.replace(&name, &parameters, &root)).await
        } else {
            within_limit_raw(self.roots.create(&parameters, &root)).await
        };
        match written {
            Ok(root) => {
                self.metrics.root_is(text.len());
                Ok(revision(&root.metadata)?)
            }
            // Another revision, one that was made meanwhile, or none any more.
            Err(CallError::Api(kube::Error::Api(status)))
                if status.code == 409 || (status.code == 404 && replaces.is_some()) =>
            {
                Err(CommitError::Conflict)
            }
            Err(error) => Err(CommitError::Failed(error.told("write the root"))),
        }
    }

    async fn read_shard(&self, shard: ShardName) -> Result<Option<String>, ObjectError> {
        let name = self.shard_object(shard);
        let object = within_limit("read a shard", self.shards.get_opt(&name)).await?;
        self.metrics.shard_is(name, object.as_ref().map(|object| object.spec.data.len()));
        Ok(object.map(|object| object.spec.data))
    }

    async fn create_shard(&self, shard: ShardName, text: &str) -> Result<(), ObjectError> {
        let name = self.shard_object(shard);
        let mut object = ClusterMetadataShard::new(&name, ClusterMetadataShardSpec { data: text.to_owned() });
        object.metadata = self.metadata(name.clone());
        match within_limit_raw(self.shards.create(&as_manager(), &object)).await {
            Ok(_) => {}
            Err(CallError::Api(kube::Error::Api(status))) if status.code == 409 => {}
            Err(error) => return Err(ObjectError(error.told("create a shard"))),
        }
        self.metrics.shard_is(name, Some(text.len()));
        Ok(())
    }

    async fn delete_shard(&self, shard: ShardName) -> Result<(), ObjectError> {
        let name = self.shard_object(shard);
        match within_limit_raw(self.shards.delete(&name, &DeleteParams::background())).await {
            Ok(_) => {}
            Err(CallError::Api(kube::Error::Api(status))) if status.code == 404 => {}
            Err(error) => return Err(ObjectError(error.told("delete a shard"))),
        }
        self.metrics.shard_is(name, None);
        Ok(())
    }

    async fn list_shards(&self) -> Result<Vec<ShardName>, ObjectError> {
        let mut names = Vec::new();
        let mut page = ListParams::default().labels(&format!("{CLUSTER_LABEL}={}", self.cluster.name)).limit(PAGE);
        loop {
            let list = within_limit("list the shards", self.shards.list_metadata(&page)).await?;
            let objects = list.items.iter().filter_map(|object| object.metadata.name.as_deref());
            names.extend(objects.filter_map(|object| self.shard_of(object)));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(names),
            }
        }
    }
}

fn as_manager() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

fn revision(metadata: &ObjectMeta) -> Result<String, ObjectError> {
    metadata.resource_version.clone().ok_or_else(|| ObjectError("the object has no resourceVersion".to_owned()))
}

enum CallError {
    Api(kube::Error),
    NoAnswer,
}

impl CallError {
    fn told(&self, what: &str) -> String {
        match self {
            Self::Api(error) => format!("{what}: {error}"),
            Self::NoAnswer => format!("{what}: the API server did not answer within {CALL_LIMIT:?}"),
        }
    }
}

async fn within_limit_raw<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(result) => result.map_err(CallError::Api),
        Err(_) => Err(CallError::NoAnswer),
    }
}

async fn within_limit<T>(what: &str, call: impl Future<Output = kube::Result<T>>) -> Result<T, ObjectError> {
    within_limit_raw(call).await.map_err(|error| ObjectError(error.told(what)))
}
