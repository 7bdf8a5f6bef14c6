//! `kubectl weir import-metadata`.

use super::refused;
use crate::{access::Access, arguments::ImportMetadata, exported, metadata::StoredMetadata, output};
use anyhow::{Context as _, bail};
use custom_resources::{Cluster, ClusterMetadata, ClusterMetadataShard, cluster::Retention};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Resource as _, ResourceExt as _, api::PostParams};
use std::{fs, process::ExitCode};

pub(super) async fn run(access: &Access, asked: ImportMetadata) -> anyhow::Result<ExitCode> {
    let text = fs::read_to_string(&asked.file).with_context(|| format!("read {}", asked.file.display()))?;
    let mut metadata = exported::read(&text)?;
    let name = metadata.root.name_any();
    let clusters: Api<Cluster> = Api::namespaced(access.client.clone(), &access.namespace);
    let roots: Api<ClusterMetadata> = Api::namespaced(access.client.clone(), &access.namespace);
    let cluster = clusters.get_opt(&name).await.with_context(|| format!("read Cluster {name}"))?;
    let there = roots.get_opt(&name).await.with_context(|| format!("read ClusterMetadata {name}"))?;
    if let Some(why) = objection(&metadata, cluster.as_ref(), there.is_some()) {
        return Ok(refused(&why));
    }
    let what = format!(
        "metadata of {name}, version {}, with {} topics",
        metadata.image.metadata_version,
        metadata.image.topics.len()
    );
    if asked.dry_run {
        output::note(&format!("would be imported: {what}"));
        return Ok(ExitCode::SUCCESS);
    }
    let owner = cluster.as_ref().and_then(owner);
    metadata.root.metadata.owner_references.clone_from(&owner);
    metadata.shards.iter_mut().for_each(|shard| shard.metadata.owner_references.clone_from(&owner));
    create_shards(access, &metadata).await?;
    match roots.create(&PostParams::default(), &metadata.root).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {
            return Ok(refused("somebody else created the metadata meanwhile"));
        }
        Err(error) => return Err(error).context("create the ClusterMetadata"),
    }
    output::note(&format!("imported: {what}"));
    Ok(ExitCode::SUCCESS)
}

/// Why the metadata must not be put there.
fn objection(metadata: &StoredMetadata, cluster: Option<&Cluster>, has_root: bool) -> Option<String> {
    let name = metadata.root.name_any();
    if has_root {
        return Some(format!("ClusterMetadata {name} is there, and metadata that is there is never replaced"));
    }
    let known = cluster.and_then(|cluster| cluster.status.as_ref()?.cluster_id.clone())?;
    let id = metadata.image.cluster_id.to_string();
    (known != id).then(|| format!("the file is of cluster {id}, and {name} is {known}"))
}

/// As the operator does it: metadata goes with a Cluster whose volumes go with it.
fn owner(cluster: &Cluster) -> Option<Vec<OwnerReference>> {
    let goes = cluster.spec.storage.retention_policy.when_deleted == Retention::Delete;
    goes.then(|| cluster.controller_owner_ref(&()).into_iter().collect())
}

async fn create_shards(access: &Access, metadata: &StoredMetadata) -> anyhow::Result<()> {
    let shards: Api<ClusterMetadataShard> = Api::namespaced(access.client.clone(), &access.namespace);
    for shard in &metadata.shards {
        let name = shard.name_any();
        match shards.create(&PostParams::default(), shard).await {
            Ok(_) => {}
            // Its name is its checksum: it is either the same or damaged.
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let there = shards.get(&name).await.with_context(|| format!("read ClusterMetadataShard {name}"))?;
                if there.spec != shard.spec {
                    bail!("ClusterMetadataShard {name} is there and damaged: delete it and import again");
                }
            }
            Err(error) => return Err(error).with_context(|| format!("create ClusterMetadataShard {name}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{healthy_cluster, image, stored};

    #[test]
    fn metadata_that_is_there_or_of_another_cluster_is_not_replaced() {
        let metadata = stored("events", image(3, &[], &[]));
        let same = healthy_cluster();
        let mut other = healthy_cluster();
        other.status.as_mut().unwrap().cluster_id = Some("another".to_owned());
        assert_eq!(objection(&metadata, Some(&same), false), None);
        assert_eq!(objection(&metadata, None, false), None);
        assert!(objection(&metadata, Some(&same), true).unwrap().contains("never replaced"));
        assert_eq!(
            objection(&metadata, Some(&other), false).unwrap(),
            "the file is of cluster test, and events is another"
        );
    }

    #[test]
    fn metadata_is_owned_only_where_volumes_are() {
        let mut cluster = healthy_cluster();
        assert_eq!(owner(&cluster), None);
        cluster.spec.storage.retention_policy.when_deleted = Retention::Delete;
        assert_eq!(owner(&cluster).unwrap()[0].name, "events");
    }
}
