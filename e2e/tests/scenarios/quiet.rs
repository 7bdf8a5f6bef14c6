//! Nothing happens to a cluster but what its clients do: for a minute neither the operator nor its controller writes anything.

use anyhow::ensure;
use custom_resources::{Cluster, ClusterMetadata, ClusterMetadataShard, Topic};
use e2e::{Acknowledged, Place, Stage, operator};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, Event, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
        policy::v1::PodDisruptionBudget,
    },
};
use kube::{Resource, ResourceExt as _, api::ListParams};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, fmt::Debug};

/// Renewals of the operator's lease, one a second, that a cluster has to come to rest.
const SETTLES: usize = 60;
const MINUTE: usize = 60;

/// By kind and name.
type Versions = BTreeMap<(String, String), Option<String>>;

async fn add<K>(place: &Place, versions: &mut Versions) -> anyhow::Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    for object in place.api::<K>().list(&ListParams::default()).await? {
        versions.insert((K::kind(&()).into_owned(), object.name_any()), object.resource_version());
    }
    Ok(())
}

async fn versions(place: &Place) -> anyhow::Result<Versions> {
    let mut versions = Versions::new();
    add::<Cluster>(place, &mut versions).await?;
    add::<Topic>(place, &mut versions).await?;
    add::<ClusterMetadata>(place, &mut versions).await?;
    add::<ClusterMetadataShard>(place, &mut versions).await?;
    add::<StatefulSet>(place, &mut versions).await?;
    add::<Pod>(place, &mut versions).await?;
    add::<Service>(place, &mut versions).await?;
    add::<ConfigMap>(place, &mut versions).await?;
    add::<Secret>(place, &mut versions).await?;
    add::<ServiceAccount>(place, &mut versions).await?;
    add::<PersistentVolumeClaim>(place, &mut versions).await?;
    add::<PodDisruptionBudget>(place, &mut versions).await?;
    add::<Event>(place, &mut versions).await?;
    Ok(versions)
}

pub(crate) async fn run(place: Place) -> anyhow::Result<Acknowledged> {
    let mut stage = Stage::begin(place.clone()).await?;
    operator::renewals(&place.client, SETTLES).await?;
    let before = versions(&place).await?;
    operator::writes_nothing(&place.client, MINUTE).await?;
    let after = versions(&place).await?;
    let changed: Vec<_> = after.iter().filter(|(object, version)| before.get(object) != Some(version)).collect();
    ensure!(changed.is_empty() && before.len() == after.len(), "within a minute these were written: {changed:?}");
    stage.load.more(20).await?;
    stage.end().await
}
