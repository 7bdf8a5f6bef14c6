//! A broker's volume is full, and the spec says a larger size: the volumes grow in place, and the broker catches up without a restart.
//!
//! The scenario is the storage driver: the class is one of its own, and what it does is what a driver would when a claim asks for more.

use anyhow::{Context as _, ensure};
use custom_resources::Cluster;
use e2e::{
    Acknowledged, BrokerVolume, CLUSTER, GIVES_UP_MS, Life, Nodes, Place, Stage, clients, is_true, pod_name, until,
};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;

const BROKER: i32 = 1;
/// Room for what the load writes, and little more.
const SMALL: &str = "256m";
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
    cluster.status.as_ref().is_some_and(|status| {
        let storage = status.condition("StorageHealthy");
        storage.is_some_and(|condition| condition.reason == "DiskNearlyFull")
            && !is_true(&status.conditions, "FullyReplicated")
    })
}

fn asks_for(claim: &PersistentVolumeClaim) -> Option<&str> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    requests.get(STORAGE).map(|size| size.0.as_str())
}

/// The driver has made the volumes of all brokers as large as their claims ask for.
async fn grow(place: &Place) -> anyhow::Result<()> {
    let claims = place.api::<PersistentVolumeClaim>();
    for broker in 0..3 {
        let claim = format!("data-{}", pod_name(broker));
        until(place, &claim, "the claim asks for more", |claim| asks_for(claim) == Some(AFTER)).await?;
        let grown = Patch::Merge(json!({ "status": { "capacity": { STORAGE: AFTER } } }));
        claims.patch_status(&claim, &PatchParams::default(), &grown).await.context("say that the volume has grown")?;
    }
    Ok(())
}

async fn is_full(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    // A volume of its own size, which is empty: it begins anew.
    let life = stage.delete_pod(BROKER, &DeleteParams::default()).await?;
    life.is_over().await.context("it starts on a small volume")?;
    stage.until_whole(3).await?;
    volume.fill().await?;
    until(&stage.place, "events", "the volume is full", is_nearly_full).await?;
    stage.load.more(20).await.context("the volume is full")
}

async fn grows(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    let place = stage.place.clone();
    let mut lives = Vec::new();
    for broker in 0..3 {
        lives.push(Life::of(&place, &pod_name(broker)).await?);
    }
    stage.change(json!({ "storage": { "size": AFTER } })).await?;
    volume.enlarge_to(LARGE).await?;
    grow(&place).await?;
    let cluster = stage.until_whole(3).await.context("the volumes have grown")?;
    let conditions = cluster.status.map(|status| status.conditions).unwrap_or_default();
    ensure!(is_true(&conditions, "StorageHealthy"), "there is room again, and the conditions are {conditions:?}");
    for (broker, life) in lives.iter().enumerate() {
        ensure!(life.goes_on().await?, "broker {broker} was restarted");
    }
    let template = |set: &StatefulSet| {
        let templates = set.spec.as_ref()?.volume_claim_templates.as_ref()?;
        asks_for(templates.first()?).map(str::to_owned)
    };
    until(&place, "events", "volumes of new brokers are as large", |set| template(set).as_deref() == Some(AFTER))
        .await?;
    stage.load.more(20).await
}

async fn with_small_volume(stage: &mut Stage, volume: &BrokerVolume) -> anyhow::Result<()> {
    is_full(stage, volume).await?;
    grows(stage, volume).await
}

pub(crate) async fn run(place: Place, _: Nodes) -> anyhow::Result<Acknowledged> {
    let class = class_that_grows(&place).await?.name_any();
    let storage = format!("storage: {{size: {BEFORE}, storageClassName: {class}}}");
    let cluster = CLUSTER.replace("storage: {size: 1Gi}", &storage);
    let mut stage = Stage::begin_on(place.clone(), &cluster, &clients(), GIVES_UP_MS).await?;
    let volume = BrokerVolume::of(&place, BROKER).await?;
    volume.shrink_to(SMALL).await?;
    let gone_through = with_small_volume(&mut stage, &volume).await;
    let ended = match gone_through {
        Ok(()) => stage.end().await,
        Err(error) => Err(error),
    };
    // The pod that has it keeps it, and what takes the volume away finds a plain folder.
    volume.unshrink().await?;
    let classes: Api<StorageClass> = Api::all(place.client.clone());
    classes.delete(&class, &DeleteParams::default()).await.context("delete the storage class")?;
    ended
}
