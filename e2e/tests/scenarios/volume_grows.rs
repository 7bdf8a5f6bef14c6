//! A broker's volume is full, and the spec says a larger size: the volumes grow in place, and the broker catches up without a restart.
//!
//! The scenario is the storage driver: the class is one of its own, and what it does is what a driver would when a claim asks for more.

use crate::own_volume::once_full;
use anyhow::{Context as _, ensure};
use custom_resources::Cluster;
use e2e::{
    Acknowledged, BrokerVolume, CLUSTER, GIVES_UP_MS, Nodes, Place, Stage, claim_name, clients, is_true,
    lacks_replicas, until,
};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;

/// Twice the small volume.
const LARGE: &str = "512m";
/// As the spec says, before and after.
const BEFORE: &str = "1Gi";
const AFTER: &str = "2Gi";

const STORAGE: &str = "storage";
const IS_DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

/// The default class by another name, of which volumes may grow.
async fn class_that_grows(place: &Place) -> anyhow::Result<StorageClass> {
    let classes: Api<StorageClass> = Api::all(place.client.clone());
    let all = classes.list(&ListParams::default()).await.context("list storage classes")?;
    let is_default = |class: &StorageClass| class.annotations().get(IS_DEFAULT).is_some_and(|value| value == "true");
    let default = all.items.into_iter().find(is_default).context("there is a default storage class")?;
    let metadata = ObjectMeta { generate_name: Some("e2e-grows-".to_owned()), ..ObjectMeta::default() };
    let class = StorageClass { metadata, allow_volume_expansion: Some(true), ..default };
    classes.create(&PostParams::default(), &class).await.context("make a storage class")
}

fn is_nearly_full(cluster: &Cluster) -> bool {
    let storage = cluster.status.as_ref().and_then(|status| status.condition("StorageHealthy"));
    storage.is_some_and(|condition| condition.reason == "DiskNearlyFull") && lacks_replicas(cluster)
}

fn asks_for(claim: &PersistentVolumeClaim) -> Option<&str> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    requests.get(STORAGE).map(|size| size.0.as_str())
}

/// The driver has made the volumes of all brokers as large as their claims ask for.
async fn grow(place: &Place) -> anyhow::Result<()> {
    let claims = place.api::<PersistentVolumeClaim>();
    for broker in 0..3 {
        let claim = claim_name(broker);
        until(place, &claim, "the claim asks for more", |claim| asks_for(claim) == Some(AFTER)).await?;
        let grown = Patch::Merge(json!({ "status": { "capacity": { STORAGE: AFTER } } }));
        claims.patch_status(&claim, &PatchParams::default(), &grown).await.context("say that the volume has grown")?;
    }
    Ok(())
}

async fn grows(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    let place = stage.place.clone();
    until(&place, "events", "the volume is full", is_nearly_full).await?;
    stage.load.more(20).await.context("the volume is full")?;
    let lives = stage.lives().await?;
    stage.change(json!({ "storage": { "size": AFTER } })).await?;
    volume.enlarge_to(LARGE).await?;
    grow(&place).await?;
    let cluster = stage.until_whole(3).await.context("the volumes have grown")?;
    let conditions = cluster.status.map(|status| status.conditions).unwrap_or_default();
    ensure!(is_true(&conditions, "StorageHealthy"), "there is room again, and the conditions are {conditions:?}");
    for life in lives {
        ensure!(life.goes_on().await?, "a broker was restarted: {life:?}");
    }
    let template = |set: &StatefulSet| {
        let templates = set.spec.as_ref()?.volume_claim_templates.as_ref()?;
        asks_for(templates.first()?).map(str::to_owned)
    };
    until(&place, "events", "volumes of new brokers are as large", |set| template(set).as_deref() == Some(AFTER))
        .await?;
    stage.load.more(20).await
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let class = class_that_grows(&place).await?.name_any();
    let storage = format!("storage: {{size: {BEFORE}, storageClassName: {class}}}");
    let cluster = CLUSTER.replace("storage: {size: 1Gi}", &storage);
    let stage = Stage::begin_on(place.clone(), &cluster, &clients(), GIVES_UP_MS).await?;
    let ended = once_full(stage, grows).await;
    let classes: Api<StorageClass> = Api::all(place.client.clone());
    classes.delete(&class, &DeleteParams::default()).await.context("delete the storage class")?;
    ended
}
