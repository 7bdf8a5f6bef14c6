//! What the controller committed, read from the objects in which the operator keeps it.

use crate::access::Access;
use anyhow::{Context as _, bail};
use control_plane::store::sharding::Outline;
use controller::ClusterImage;
use custom_resources::{ClusterMetadata, ClusterMetadataShard, shard_object};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kube::Api;
use std::sync::Arc;

/// Shards that are read at once.
const SIDE_BY_SIDE: usize = 16;

/// Reading begins again when shards went that the root named: the controller folds once in hundreds of commits.
const READS: usize = 8;

/// The objects of one version of the metadata, and what they say.
#[derive(Debug, Clone)]
pub(crate) struct StoredMetadata {
    pub(crate) root: ClusterMetadata,
    /// Those that the root names, in its order.
    pub(crate) shards: Vec<ClusterMetadataShard>,
    pub(crate) image: Arc<ClusterImage>,
}

pub(crate) async fn read(access: &Access, cluster: &str) -> anyhow::Result<StoredMetadata> {
    let roots: Api<ClusterMetadata> = Api::namespaced(access.client.clone(), &access.namespace);
    let shards: Api<ClusterMetadataShard> = Api::namespaced(access.client.clone(), &access.namespace);
    let mut missing = String::new();
    for _ in 0..READS {
        let root = roots.get_opt(cluster).await.context("read the ClusterMetadata")?;
        let root = root.with_context(|| format!("ClusterMetadata {cluster} is not there"))?;
        let outline = Outline::parse(&root.spec.data).context("read the root of the metadata")?;
        let names: Vec<_> = outline.shard_names().map(|shard| shard_object(cluster, shard)).collect();
        let shards = &shards;
        let reads = names.iter().map(|name| async move {
            let shard = shards.get_opt(name).await.with_context(|| format!("read ClusterMetadataShard {name}"))?;
            anyhow::Ok(shard.ok_or_else(|| name.clone()))
        });
        let read: Vec<_> = stream::iter(reads).buffered(SIDE_BY_SIDE).try_collect().await?;
        match read.into_iter().collect::<Result<Vec<_>, String>>() {
            Ok(shards) => return assemble(root, shards),
            Err(gone) => missing = gone,
        }
    }
    bail!("ClusterMetadataShard {missing} is not there, and the root names it")
}

/// `shards` are those that the root names, in its order. Every text is checked against its checksum.
pub(crate) fn assemble(root: ClusterMetadata, shards: Vec<ClusterMetadataShard>) -> anyhow::Result<StoredMetadata> {
    let outline = Outline::parse(&root.spec.data).context("read the root of the metadata")?;
    let texts: Vec<_> = shards.iter().map(|shard| shard.spec.data.clone()).collect();
    let layout = outline.with_shards(&texts).context("read the shards of the metadata")?;
    Ok(StoredMetadata { root, shards, image: Arc::clone(layout.image()) })
}
