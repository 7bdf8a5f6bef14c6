//! Metadata in a file: the objects of one version as Kubernetes has them, checked whole. Pure.
//!
//! A `List`, shards before the root as a controller writes them: `kubectl create -f` takes it too.

use crate::metadata::{StoredMetadata, assemble};
use anyhow::{Context as _, bail, ensure};
use control_plane::store::sharding::Outline;
use custom_resources::{CLUSTER_LABEL, ClusterMetadata, ClusterMetadataShard, shard_object};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) fn export(metadata: &StoredMetadata) -> Value {
    let cluster = metadata.root.name_any();
    let shards = metadata.shards.iter().map(|shard| {
        let metadata = portable(&cluster, shard.name_any(), shard.namespace());
        json!(ClusterMetadataShard { metadata, spec: shard.spec.clone() })
    });
    let root = ClusterMetadata {
        metadata: portable(&cluster, cluster.clone(), metadata.root.namespace()),
        spec: metadata.root.spec.clone(),
    };
    json!({ "apiVersion": "v1", "kind": "List", "items": shards.chain([json!(root)]).collect::<Vec<_>>() })
}

/// Without what belongs to the place where an object was: versions, owners, managers.
fn portable(cluster: &str, name: String, namespace: Option<String>) -> ObjectMeta {
    let labels = BTreeMap::from([(CLUSTER_LABEL.to_owned(), cluster.to_owned())]);
    ObjectMeta { name: Some(name), namespace, labels: Some(labels), ..ObjectMeta::default() }
}

/// What [`export`] wrote, or `kubectl get clustermetadata,clustermetadatashards -o json` of one cluster.
pub(crate) fn read(text: &str) -> anyhow::Result<StoredMetadata> {
    let list: Value = serde_json::from_str(text).context("read the file as JSON")?;
    let items = list.get("items").and_then(Value::as_array).context("the file is no List of objects")?;
    let mut roots = Vec::new();
    let mut shards = BTreeMap::new();
    for item in items {
        match item.get("kind").and_then(Value::as_str) {
            Some("ClusterMetadata") => roots.push(serde_json::from_value::<ClusterMetadata>(item.clone())?),
            Some("ClusterMetadataShard") => {
                let shard: ClusterMetadataShard = serde_json::from_value(item.clone())?;
                shards.insert(shard.name_any(), shard);
            }
            Some(kind) => bail!("the file has a {kind}, which is no metadata of a cluster"),
            None => bail!("the file has an object without a kind"),
        }
    }
    let root = roots.pop().context("the file has no ClusterMetadata")?;
    ensure!(roots.is_empty(), "the file has the metadata of more than one cluster");
    let cluster = root.name_any();
    ensure!(!cluster.is_empty(), "the ClusterMetadata in the file has no name");
    let outline = Outline::parse(&root.spec.data).context("read the root of the metadata")?;
    let named = outline.shard_names().map(|shard| {
        let name = shard_object(&cluster, shard);
        shards.remove(&name).with_context(|| format!("the file lacks ClusterMetadataShard {name}"))
    });
    let shards = named.collect::<anyhow::Result<Vec<_>>>()?;
    let mut metadata = assemble(root, shards)?;
    metadata.root.metadata = portable(&cluster, cluster.clone(), None);
    for shard in &mut metadata.shards {
        shard.metadata = portable(&cluster, shard.name_any(), None);
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{image, stored};

    fn exported() -> (StoredMetadata, Value) {
        let partitions: Vec<(&[i32], &[i32])> = vec![(&[0, 1, 2], &[0, 1, 2]); 2_000];
        let metadata = stored("events", image(3, &[], &[&partitions]));
        let file = export(&metadata);
        (metadata, file)
    }

    #[test]
    fn what_is_exported_is_read_as_it_was() {
        let (metadata, file) = exported();
        assert!(metadata.shards.len() > 1, "the test is to have more than one shard");
        let read = read(&file.to_string()).unwrap();
        assert_eq!(read.image, metadata.image);
        assert_eq!(read.root.spec, metadata.root.spec);
        assert_eq!(read.root.metadata.resource_version, None);
    }

    #[test]
    fn root_is_last_so_that_a_half_created_file_is_no_cluster() {
        let items = exported().1["items"].as_array().unwrap().clone();
        let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.iter().position(|kind| *kind == "ClusterMetadata"), Some(kinds.len() - 1));
    }

    #[test]
    fn file_that_is_not_whole_is_refused() {
        let (_, good) = exported();
        let last = good["items"].as_array().unwrap().len() - 1;
        let damaged = |path: &str, from: &str, to: &str| {
            let mut file = good.clone();
            let data = file.pointer_mut(path).unwrap();
            let text = data.as_str().unwrap().replacen(from, to, 1);
            assert_ne!(data.as_str().unwrap(), text, "{path}");
            *data = json!(text);
            file
        };
        let without = |index: usize| {
            let mut file = good.clone();
            file["items"].as_array_mut().unwrap().remove(index);
            file
        };
        let mut twice = good.clone();
        twice["items"].as_array_mut().unwrap().push(good["items"][last].clone());
        let table = [
            (damaged("/items/0/spec/data", "[0,1,2]", "[0,1,1]"), "read the shards of the metadata"),
            (damaged(&format!("/items/{last}/spec/data"), "zone-1", "zone-2"), "read the root of the metadata"),
            (without(0), "the file lacks ClusterMetadataShard events-"),
            (without(last), "the file has no ClusterMetadata"),
            (twice, "more than one cluster"),
            (json!({ "items": [{ "kind": "Secret" }] }), "the file has a Secret"),
            (json!({ "items": [{}] }), "an object without a kind"),
            (json!([]), "no List"),
        ];
        for (file, problem) in table {
            let error = format!("{:#}", read(&file.to_string()).unwrap_err());
            assert!(error.contains(problem), "{problem}: {error}");
        }
    }
}
