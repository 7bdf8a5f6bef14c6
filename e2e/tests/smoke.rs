//! From `kubectl apply` to a cluster that heals, scales, is quiet, and comes back with its records.

use anyhow::{Context as _, ensure};
use custom_resources::{Cluster, ClusterStatus, cluster_status::BrokerState};
use e2e::{CLUSTER, History, LIMIT, Place, begin, in_own_namespace, until, until_whole, writes};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::{
    api::{DeleteParams, ListParams, Patch, PatchParams},
    runtime::wait::{await_condition, conditions::is_deleted},
};
use serde_json::json;

/// Renewals of the operator's lease, one a second, in which a converged cluster must not make it write.
const QUIET_RENEWALS: usize = 15;

async fn scale(place: &Place, brokers: i32) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"spec": {"replicas": brokers}}));
    place.api::<Cluster>().patch_scale("events", &PatchParams::default(), &patch).await.context("scale")?;
    until_whole(place, brokers).await.map(drop)
}

async fn lose_a_broker(place: &Place) -> anyhow::Result<()> {
    let pods = place.api::<Pod>();
    let before = pods.get("events-1").await?.metadata.uid;
    let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete("events-1", &at_once).await.context("kill a broker")?;
    let is_lost = |status: &ClusterStatus| {
        let broker = status.brokers.iter().find(|broker| broker.id == 1);
        broker.is_none_or(|broker| broker.state != BrokerState::Ready)
    };
    let seen = |cluster: &Cluster| cluster.status.as_ref().is_some_and(is_lost);
    until(place, "events", "the broker is missed", seen).await?;
    until(place, "events-1", "its pod is another", |pod: &Pod| pod.metadata.uid != before).await?;
    until_whole(place, 3).await.map(drop)
}

async fn is_quiet(place: &Place) -> anyhow::Result<()> {
    let watching = async {
        let (before, mut revision) = writes(place).await?;
        let mut renewals = 0;
        while renewals < QUIET_RENEWALS {
            let (now, seen) = writes(place).await?;
            ensure!(now == before, "the operator wrote {} times for a converged cluster", now - before);
            renewals += usize::from(seen != revision);
            revision = seen;
        }
        Ok(())
    };
    tokio::time::timeout(LIMIT, watching).await.context("the lease is not renewed")?
}

async fn comes_back_with_its_records(place: &Place, history: &History) -> anyhow::Result<()> {
    let id = |cluster: &Cluster| cluster.status.as_ref().and_then(|status| status.cluster_id.clone());
    let before = id(&until_whole(place, 3).await?);
    let sets = place.api::<StatefulSet>();
    let uid = sets.get("events").await?.metadata.uid.context("the set has a UID")?;
    place.api::<Cluster>().delete("events", &DeleteParams::foreground()).await.context("delete the cluster")?;
    let waiting = await_condition(sets, "events", is_deleted(&uid));
    tokio::time::timeout(LIMIT, waiting).await.context("wait until the brokers are gone")??;
    let volumes = place.api::<PersistentVolumeClaim>().list(&ListParams::default()).await?;
    ensure!(volumes.items.len() == 4, "volumes stay, that of a broker that went too: {}", volumes.items.len());
    place.apply::<Cluster>(CLUSTER).await?;
    let after = id(&until_whole(place, 3).await?);
    ensure!(before == after, "the cluster is another: {before:?}, now {after:?}");
    history.check(place).await.context("after the cluster was deleted and applied again")
}

async fn scenario(place: Place) -> anyhow::Result<()> {
    let mut history = begin(&place).await?;

    lose_a_broker(&place).await.context("lose a broker")?;
    history.send(&place, "after-loss").await?;
    history.check(&place).await?;

    scale(&place, 4).await.context("scale up")?;
    history.send(&place, "wider").await?;
    scale(&place, 3).await.context("scale down")?;
    history.check(&place).await.context("after scaling down")?;

    is_quiet(&place).await.context("be quiet")?;
    comes_back_with_its_records(&place, &history).await
}

#[tokio::test]
async fn applied_cluster_heals_scales_and_comes_back() -> anyhow::Result<()> {
    in_own_namespace("smoke", scenario).await
}
