//! All objects of a cluster are lost, and its disks are not. Restored from a backup without a status, as docs/kubernetes.md says, it is
//! the same cluster with the same topics and records.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, ClusterMetadata, ClusterMetadataShard, Topic, topic::ADOPT_ANNOTATION};
use e2e::{
    Acknowledged, Orders, Place, Stage, epoch,
    operator::{self, OPERATORS},
    until_gone, until_whole,
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{PersistentVolume, PersistentVolumeClaim},
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::fmt::Debug;

/// Prefixes of what Kubernetes writes on a claim that is bound.
const OF_BINDING: [&str; 3] = ["pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/"];

trait Kept:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}
impl Kept for Cluster {}
impl Kept for Topic {}
impl Kept for ClusterMetadata {}
impl Kept for ClusterMetadataShard {}
impl Kept for PersistentVolumeClaim {}

/// What a backup has: neither status nor what only counts for the object that there was.
fn kept<K: Kept>(object: &K) -> anyhow::Result<K> {
    let mut annotations = object.annotations().clone();
    annotations.retain(|name, _| OF_BINDING.iter().all(|prefix| !name.starts_with(prefix)));
    let labels = Some(object.labels().clone());
    let metadata = ObjectMeta {
        name: object.meta().name.clone(),
        labels,
        annotations: Some(annotations),
        ..ObjectMeta::default()
    };
    let mut value = serde_json::to_value(object).context("write the backup")?;
    let fields = value.as_object_mut().context("an object has fields")?;
    fields.remove("status");
    fields.insert("metadata".to_owned(), serde_json::to_value(metadata)?);
    serde_json::from_value(value).context("read the backup")
}

async fn back_up<K: Kept>(place: &Place) -> anyhow::Result<Vec<K>> {
    let objects = place.api::<K>().list(&ListParams::default()).await.context("back up")?;
    objects.iter().map(kept).collect()
}

async fn restore<K: Kept>(place: &Place, objects: &[K]) -> anyhow::Result<()> {
    for object in objects {
        let created = place.api::<K>().create(&PostParams::default(), object).await;
        created.with_context(|| format!("restore {}", object.name_any()))?;
    }
    Ok(())
}

async fn lose<K: Kept + Send + 'static>(place: &Place) -> anyhow::Result<()> {
    for object in place.api::<K>().list(&ListParams::default()).await? {
        let (name, uid) = (object.name_any(), object.uid().unwrap_or_default());
        place.api::<K>().delete(&name, &DeleteParams::foreground()).await.with_context(|| format!("delete {name}"))?;
        until_gone::<K>(place, &name, &uid).await?;
    }
    Ok(())
}

async fn change_disks(place: &Place, names: &[String], spec: Value) -> anyhow::Result<()> {
    let disks: Api<PersistentVolume> = Api::all(place.client.clone());
    for name in names {
        let patch = Patch::Merge(json!({ "spec": spec }));
        disks.patch(name, &PatchParams::default(), &patch).await.with_context(|| format!("change volume {name}"))?;
    }
    Ok(())
}

async fn is_lost_and_restored(place: &Place) -> anyhow::Result<Cluster> {
    let (clusters, mut topics) = (back_up::<Cluster>(place).await?, back_up::<Topic>(place).await?);
    let roots = back_up::<ClusterMetadata>(place).await?;
    let shards = back_up::<ClusterMetadataShard>(place).await?;
    let claims = back_up::<PersistentVolumeClaim>(place).await?;
    let disks: Vec<_> = claims.iter().filter_map(|claim| claim.spec.as_ref()?.volume_name.clone()).collect();
    ensure!(disks.len() == 3, "each broker has a volume: {disks:?}");
    change_disks(place, &disks, json!({"persistentVolumeReclaimPolicy": "Retain"})).await?;

    operator::scale(&place.client, 0).await?;
    lose::<Cluster>(place).await?;
    lose::<Topic>(place).await?;
    lose::<ClusterMetadata>(place).await?;
    lose::<ClusterMetadataShard>(place).await?;
    lose::<PersistentVolumeClaim>(place).await?;

    change_disks(place, &disks, json!({"claimRef": null})).await?;
    restore(place, &claims).await?;
    restore(place, &roots).await?;
    restore(place, &shards).await?;
    restore(place, &clusters).await?;
    for topic in &mut topics {
        topic.annotations_mut().insert(ADOPT_ANNOTATION.to_owned(), "true".to_owned());
    }
    restore(place, &topics).await?;
    operator::scale(&place.client, OPERATORS).await?;
    let restored = until_whole(place, 3).await?;
    // They go with their claims again.
    change_disks(place, &disks, json!({"persistentVolumeReclaimPolicy": "Delete"})).await?;
    Ok(restored)
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let stage = Stage::begin(place.clone()).await?;
    let orders = Orders::write(&place).await?;
    let acknowledged = stage.end().await?;
    let before = until_whole(&place, 3).await?;

    let after = is_lost_and_restored(&place).await?;

    ensure!(epoch(&before) < epoch(&after), "its epoch is {:?} after {:?}", epoch(&after), epoch(&before));
    orders.are_of_the_same_cluster(&place).await?;
    Ok(acknowledged)
}
