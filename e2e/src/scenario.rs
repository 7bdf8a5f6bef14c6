//! How every scenario begins and ends, and what it looks at.

use crate::{
    Place,
    brokers::{Life, pod_name},
    invariants::Invariants,
    load::{Acknowledged, Load, clients},
    nodes::signal,
    until, until_gone,
    volumes::claim_name,
};
use anyhow::Context as _;
use custom_resources::{Cluster, ClusterMetadataSpec, ClusterStatus, Topic, cluster_status::BrokerState};
use futures_util::future::try_join_all;
use k8s_openapi::{
    api::core::v1::{PersistentVolumeClaim, Pod},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

/// Three brokers, with nothing said that has a default but how clients outside come in.
pub const CLUSTER: &str = "
apiVersion: weir.dev/v1alpha1
kind: Cluster
metadata: {name: events}
spec:
  storage: {size: 1Gi}
  listeners:
  - {name: internal, port: 9092}
  - {name: external, port: 9094, type: nodeport}
";

/// For clients in pods.
pub const BOOTSTRAP: &str = "events-internal-bootstrap:9092";
pub(crate) const BOOTSTRAP_SERVICE: &str = "events-external-bootstrap";

/// Brokers are fenced after this if they are silent, in milliseconds. A process that died is noticed long before.
pub const SESSION_TIMEOUT_MS: u64 = 4500;

/// A producer that waits for an answer for this long asks who leads now, in milliseconds. Longer than a session, so that what is
/// fenced in time is no event for it.
pub const GIVES_UP_MS: u64 = 6000;

/// After the operator at work fell another decides within this time, in milliseconds: its lease has to end first.
pub const LEASE_MS: u64 = 6000;

/// Clients feel nothing of what is no business of brokers: no partition waits for longer, in milliseconds, also on a machine that is
/// busy.
pub const UNTOUCHED_MS: u64 = 2000;

/// Whether a condition holds.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}

fn is_whole(status: &ClusterStatus, brokers: i32) -> bool {
    let all = ["Ready", "Available", "FullyReplicated", "UpToDate", "Reconciled"];
    all.iter().all(|type_| is_true(&status.conditions, type_))
        && (status.replicas, status.ready_replicas) == (brokers, brokers)
}

/// Something is out of sync.
pub fn lacks_replicas(cluster: &Cluster) -> bool {
    cluster.status.as_ref().is_some_and(|status| !is_true(&status.conditions, "FullyReplicated"))
}

/// The controller does not let it lead.
pub fn is_fenced(cluster: &Cluster, id: i32) -> bool {
    let brokers = cluster.status.as_ref().map(|status| &status.brokers);
    brokers.into_iter().flatten().any(|broker| broker.id == id && broker.state == BrokerState::Fenced)
}

/// Every broker serves, and nothing is wanting.
pub async fn until_whole(place: &Place, brokers: i32) -> anyhow::Result<Cluster> {
    let what = format!("the cluster has {brokers} brokers and nothing is amiss");
    until(place, "events", &what, |cluster: &Cluster| {
        let is_seen = |status: &ClusterStatus| status.observed_generation == cluster.metadata.generation;
        cluster.status.as_ref().is_some_and(|status| is_seen(status) && is_whole(status, brokers))
    })
    .await
}

/// The broker that leads most partitions of the load, of those for which this holds.
pub async fn leader_of_most(stage: &mut Stage, may_be: impl Fn(i32) -> bool) -> anyhow::Result<i32> {
    let leaders = stage.load.leaders().await?;
    let leader = leaders.into_iter().filter(|(id, _)| may_be(*id)).max_by_key(|(_, led)| *led);
    leader.map(|(id, _)| id).context("no broker leads")
}

/// The epoch of the controller, as the cluster's status tells.
pub fn epoch(cluster: &Cluster) -> Option<i64> {
    cluster.status.as_ref()?.controller.as_ref().map(|controller| controller.epoch)
}

/// The cluster's id, as its status tells.
pub fn cluster_id(cluster: &Cluster) -> Option<String> {
    cluster.status.as_ref()?.cluster_id.clone()
}

/// The id of the topic that a resource has, as its status tells.
pub fn topic_id(topic: &Topic) -> Option<String> {
    topic.status.as_ref()?.topic_id.clone()
}

/// A cluster of three under load.
#[derive(Debug)]
pub struct Stage {
    pub place: Place,
    pub load: Load,
    invariants: Invariants,
}

impl Stage {
    pub async fn begin(place: Place) -> anyhow::Result<Self> {
        Self::begin_with(place, &clients(), GIVES_UP_MS).await
    }

    pub async fn begin_with(place: Place, clients: &[&str], gives_up_ms: u64) -> anyhow::Result<Self> {
        Self::begin_on(place, CLUSTER, clients, gives_up_ms).await
    }

    /// `cluster`: of three brokers, by the name and with the listeners of [`CLUSTER`].
    pub async fn begin_on(place: Place, cluster: &str, clients: &[&str], gives_up_ms: u64) -> anyhow::Result<Self> {
        place.apply::<Cluster>(cluster).await?;
        for client in clients {
            place.apply::<Topic>(&topic(&format!("load-{client}"), 6)).await?;
        }
        until_whole(&place, 3).await?;
        for client in clients {
            until_topic(&place, &format!("load-{client}"), 6).await?;
        }
        let mut load = Load::start(&place, clients, gives_up_ms).await?;
        load.more(30).await.context("the load begins")?;
        let invariants = Invariants::watch(&place);
        Ok(Self { place, load, invariants })
    }

    /// All is as it was, and what the cluster holds is what clients were told.
    pub async fn end(mut self) -> anyhow::Result<Acknowledged> {
        self.until_whole(3).await?;
        self.load.more(30).await.context("the load goes on at the end")?;
        self.invariants.check()?;
        self.load.finish().await
    }

    /// The scenario is about to put this in place of what the controller committed.
    pub fn excuse(&self, root: &ClusterMetadataSpec) {
        self.invariants.excuse(root);
    }

    /// As the operator tells, and as brokers do.
    pub async fn until_whole(&mut self, brokers: i32) -> anyhow::Result<Cluster> {
        let cluster = until_whole(&self.place, brokers).await?;
        self.load.in_sync().await?;
        Ok(cluster)
    }

    /// Changes the spec as a person does.
    pub async fn change(&self, spec: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let clusters = self.place.api::<Cluster>();
        clusters.patch("events", &PatchParams::default(), &patch).await.with_context(|| format!("change {patch:?}"))?;
        Ok(())
    }

    pub async fn scale(&self, brokers: i32) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"spec": {"replicas": brokers}}));
        self.place.api::<Cluster>().patch_scale("events", &PatchParams::default(), &patch).await.context("scale")?;
        Ok(())
    }

    /// `kill -9`.
    pub async fn kill(&self, broker: i32) -> anyhow::Result<Life> {
        let life = self.life(broker).await?;
        signal(&self.place, &pod_name(broker), "weir-broker", "KILL").await?;
        Ok(life)
    }

    pub async fn delete_pod(&self, broker: i32, parameters: &DeleteParams) -> anyhow::Result<Life> {
        let life = self.life(broker).await?;
        self.place.api::<Pod>().delete(&pod_name(broker), parameters).await.context("delete a broker's pod")?;
        Ok(life)
    }

    /// Its name, and the UID that it has until it is gone.
    async fn delete_claim(&self, broker: i32) -> anyhow::Result<(String, String)> {
        let (claims, claim) = (self.place.api::<PersistentVolumeClaim>(), claim_name(broker));
        let uid = claims.get(&claim).await.context("find the volume")?.uid().context("the volume has a UID")?;
        claims.delete(&claim, &DeleteParams::background()).await.context("delete the volume")?;
        Ok((claim, uid))
    }

    /// Of a broker that is no more.
    pub async fn forget_volume(&self, broker: i32) -> anyhow::Result<()> {
        let (claim, uid) = self.delete_claim(broker).await?;
        until_gone::<PersistentVolumeClaim>(&self.place, &claim, &uid).await
    }

    /// The broker's records are gone for good, and its pod starts with an empty volume.
    pub async fn lose_volume(&self, broker: i32) -> anyhow::Result<Life> {
        let (claim, uid) = self.delete_claim(broker).await?;
        let life = self.delete_pod(broker, &DeleteParams::default()).await?;
        until_gone::<PersistentVolumeClaim>(&self.place, &claim, &uid).await?;
        Ok(life)
    }

    pub async fn life(&self, broker: i32) -> anyhow::Result<Life> {
        Life::of(&self.place, &pod_name(broker)).await
    }

    /// Of all brokers as they begin.
    pub async fn lives(&self) -> anyhow::Result<Vec<Life>> {
        try_join_all([0, 1, 2].map(|broker| self.life(broker))).await
    }

    pub async fn epoch(&self) -> anyhow::Result<Option<i64>> {
        Ok(epoch(&self.place.api::<Cluster>().get("events").await?))
    }

    /// A controller of a later epoch than this decides.
    pub async fn until_taken_over(&self, before: Option<i64>) -> anyhow::Result<Cluster> {
        let later = |cluster: &Cluster| epoch(cluster) > before;
        until(&self.place, "events", "a controller of a later epoch decides", later).await
    }
}

pub fn topic(name: &str, partitions: i32) -> String {
    topic_with(name, &format!("partitions: {partitions}"))
}

/// `spec`: fields of it, beside the cluster.
pub fn topic_with(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: weir.dev/v1alpha1, kind: Topic, metadata: {{name: {name}}}, spec: {{clusterRef: {{name: events}}, {spec}}}}}"
    )
}

pub fn is_topic_ready(topic: &Topic) -> bool {
    topic.status.as_ref().is_some_and(|status| is_true(&status.conditions, "Ready"))
}

/// It is ready, with so many partitions.
pub async fn until_topic(place: &Place, name: &str, partitions: i32) -> anyhow::Result<Topic> {
    let has_all = |topic: &Topic| topic.status.as_ref().is_some_and(|status| status.partitions == partitions);
    until(place, name, "the topic is ready", |topic: &Topic| is_topic_ready(topic) && has_all(topic)).await
}

/// A condition of it is False for this reason.
pub async fn until_topic_says(place: &Place, name: &str, reason: &str) -> anyhow::Result<()> {
    let says = |topic: &Topic| {
        let conditions = topic.status.as_ref().map(|status| &status.conditions);
        conditions.into_iter().flatten().any(|condition| condition.status == "False" && condition.reason == reason)
    };
    until(place, name, &format!("its status says {reason}"), says).await.map(drop)
}
