//! Does what a plan says.

use super::{
    brokers::BrokerPod,
    dynamic_config::Changes,
    plan::{Action, configuring},
    unused_volumes::{Claim, UNUSED_ANNOTATION},
};
use crate::{
    resources::{CLUSTER_ID_ANNOTATION, FIELD_MANAGER},
    valid_cluster::ClusterKey,
};
use anyhow::{Context as _, anyhow, bail};
use control_plane::ControllerHandle;
use controller::requests::ReassignPartitions;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions},
};
use model::{BrokerId, TopicPartition};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

/// For a port of nodes that a deleted Service had.
const PORT_ATTEMPTS: u32 = 10;
const PORT_PAUSE: Duration = Duration::from_millis(100);

/// Something that was looked at is another by now: the watch brings it, and it is planned again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was planned is about an object that is another by now")]
pub(super) struct Superseded;

pub(super) struct Applier<'a> {
    pub(super) client: &'a Client,
    pub(super) cluster: &'a ClusterKey,
    pub(super) controller: Option<&'a ControllerHandle>,
}

impl Applier<'_> {
    pub(super) async fn apply(&self, action: &Action) -> anyhow::Result<()> {
        let namespace = &self.cluster.namespace;
        match action {
            Action::Apply { resource, name, body } => {
                let applied = self.apply_object(resource, name, body).await;
                if matches!(&applied, Err(kube::Error::Api(status)) if status.code == 409) {
                    bail!(Superseded);
                }
                applied.with_context(|| format!("apply {} {name}", resource.kind))?;
                tracing::info!(cluster = %self.cluster, kind = %resource.kind, name, "applied");
            }
            Action::Restore { name, body, node_port } => self.restore(name, body, *node_port).await?,
            Action::Delete { resource, name } => {
                let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, resource);
                gone_is_good(api.delete(name, &DeleteParams::background()).await.map(drop))
                    .with_context(|| format!("delete {} {name}", resource.kind))?;
                tracing::info!(cluster = %self.cluster, kind = %resource.kind, name, "deleted");
            }
            Action::Grow { claim, size } => {
                let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
                let parameters =
                    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
                let patch = json!({ "spec": { "resources": { "requests": { "storage": size } } } });
                let patched = claims.patch(claim, &parameters, &Patch::Merge(patch)).await;
                patched.with_context(|| format!("grow volume {claim}"))?;
                tracing::info!(cluster = %self.cluster, claim, size = size.0, "volume is to grow");
            }
            Action::Mark { claim, unused_since } => {
                let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
                let parameters =
                    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
                let mark = unused_since.map(|since| since.to_string());
                // Only as it was looked at.
                let patch = json!({ "metadata": {
                    "resourceVersion": claim.revision, "annotations": { UNUSED_ANNOTATION: mark },
                } });
                let patched = claims.patch(&claim.name, &parameters, &Patch::Merge(patch)).await;
                patched.with_context(|| format!("mark volume {}", claim.name))?;
                tracing::info!(cluster = %self.cluster, claim = claim.name, is_unused = mark.is_some(), "volume marked");
            }
            Action::Identify { claim, cluster_id } => {
                let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
                let parameters =
                    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
                let patch = json!({ "metadata": { "annotations": { CLUSTER_ID_ANNOTATION: cluster_id.to_string() } } });
                let patched = claims.patch(claim, &parameters, &Patch::Merge(patch)).await;
                patched.with_context(|| format!("write the cluster's id on volume {claim}"))?;
                tracing::info!(cluster = %self.cluster, claim, "the cluster's id is on the volume");
            }
            Action::DeleteVolume(claim) => self.delete_volume(claim).await?,
            Action::Orphan { resource, name, uid } => {
                let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, resource);
                // Only the set that was looked at.
                let parameters =
                    DeleteParams::orphan().preconditions(Preconditions { uid: uid.clone(), resource_version: None });
                gone_is_good(api.delete(name, &parameters).await.map(drop))
                    .with_context(|| format!("delete {} {name} without its pods", resource.kind))?;
                tracing::info!(cluster = %self.cluster, name, "set is made again with another template of claims");
            }
            Action::Restart(pod) => self.restart(pod).await?,
            Action::Move(moves) => self.move_replicas(moves).await?,
            Action::Cancel(partitions) => self.call_back(partitions).await?,
            Action::Configure(changes) => self.configure(changes).await?,
            Action::Forget(broker) => self.forget(*broker).await?,
        }
        Ok(())
    }

    async fn apply_object(&self, resource: &ApiResource, name: &str, body: &Value) -> kube::Result<()> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.cluster.namespace, resource);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(name, &parameters, &Patch::Apply(body)).await.map(drop)
    }

    async fn restore(&self, name: &str, body: &Value, node_port: u16) -> anyhow::Result<()> {
        let resource = ApiResource::erase::<Service>(&());
        let mut with_port = body.clone();
        with_port["spec"]["ports"][0]["nodePort"] = node_port.into();
        match self.apply_when_free(&resource, name, &with_port).await {
            // Another one has it by now, or there is no such port.
            Err(kube::Error::Api(status)) if status.code == 422 => {
                let applied = self.apply_object(&resource, name, body).await;
                applied.with_context(|| format!("apply Service {name}"))?;
                tracing::warn!(cluster = %self.cluster, name, node_port, "service made again has another port of nodes");
            }
            other => {
                other.with_context(|| format!("apply Service {name}"))?;
                tracing::info!(cluster = %self.cluster, name, node_port, "service made again with its port of nodes");
            }
        }
        Ok(())
    }

    /// The API server gives a port back only after it has told of the deletion.
    async fn apply_when_free(&self, resource: &ApiResource, name: &str, body: &Value) -> kube::Result<()> {
        for _ in 1..PORT_ATTEMPTS {
            match self.apply_object(resource, name, body).await {
                Err(kube::Error::Api(status)) if status.code == 422 => sleep(PORT_PAUSE).await,
                other => return other,
            }
        }
        self.apply_object(resource, name, body).await
    }

    /// The broker hands over what it leads when it is told to stop, and its pod comes back as the template is now.
    async fn restart(&self, pod: &BrokerPod) -> anyhow::Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.cluster.namespace);
        // Only the pod that was looked at, as it was: one of the same name may be back already, and a broker that served nothing
        // may serve again.
        let seen = Preconditions { uid: Some(pod.uid.clone()), resource_version: pod.version.clone() };
        let parameters = DeleteParams::default().preconditions(seen);
        match pods.delete(&pod.name, &parameters).await.map(drop) {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            other => gone_is_good(other).with_context(|| format!("restart pod {}", pod.name)),
        }?;
        tracing::info!(cluster = %self.cluster, broker_id = %pod.broker, "broker restarts");
        Ok(())
    }

    async fn delete_volume(&self, claim: &Claim) -> anyhow::Result<()> {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), &self.cluster.namespace);
        let looked_at = Preconditions { uid: claim.uid.clone(), resource_version: claim.revision.clone() };
        let deleted = claims.delete(&claim.name, &DeleteParams::default().preconditions(looked_at)).await;
        gone_is_good(deleted.map(drop)).with_context(|| format!("delete volume {}", claim.name))?;
        tracing::warn!(cluster = %self.cluster, claim = claim.name, broker_id = %claim.broker, "volume of a broker that is no more was deleted");
        Ok(())
    }

    async fn move_replicas(&self, moves: &[(TopicPartition, Vec<BrokerId>)]) -> anyhow::Result<()> {
        let partitions = moves.iter().map(|(partition, replicas)| (partition.clone(), Some(replicas.clone())));
        let request = ReassignPartitions { partitions: partitions.collect(), allow_replication_factor_change: false };
        let results = self.controller()?.reassign_partitions(request).await.context("move replicas")?;
        let refused = results.iter().find_map(|(partition, result)| Some((partition, result.as_ref().err()?)));
        if let Some((partition, error)) = refused {
            bail!("move replicas of {}-{}: {error}", partition.topic, partition.partition);
        }
        tracing::info!(cluster = %self.cluster, partitions = moves.len(), "replicas move");
        Ok(())
    }

    async fn call_back(&self, partitions: &[TopicPartition]) -> anyhow::Result<()> {
        let partitions = partitions.iter().map(|partition| (partition.clone(), None)).collect();
        let request = ReassignPartitions { partitions, allow_replication_factor_change: false };
        let results = self.controller()?.reassign_partitions(request).await.context("call back moves")?;
        // One that is over meanwhile, or cannot go back without a loss, goes the other way once it has ended.
        let called_back = results.iter().filter(|(_, result)| result.is_ok()).count();
        tracing::info!(cluster = %self.cluster, partitions = called_back, "moves to brokers that are to go were called back");
        Ok(())
    }

    async fn configure(&self, changes: &Changes) -> anyhow::Result<()> {
        let results =
            self.controller()?.alter_configs(configuring(changes.clone())).await.context("configure brokers")?;
        results.into_iter().try_for_each(|(_, result)| result.context("configure brokers"))?;
        tracing::info!(cluster = %self.cluster, ?changes, "running brokers were configured");
        Ok(())
    }

    async fn forget(&self, broker: BrokerId) -> anyhow::Result<()> {
        let result = self.controller()?.unregister_broker(broker).await.context("forget a broker")?;
        result.with_context(|| format!("forget broker {broker}"))?;
        tracing::info!(cluster = %self.cluster, broker_id = %broker, "broker that is gone was forgotten");
        Ok(())
    }

    fn controller(&self) -> anyhow::Result<&ControllerHandle> {
        self.controller.ok_or_else(|| anyhow!("the controller of the cluster does not decide"))
    }
}

fn gone_is_good(result: kube::Result<()>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
