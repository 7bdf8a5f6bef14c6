//! The pods of a cluster's brokers, as far as plans look at them.

use crate::resources::names;
use k8s_openapi::api::core::v1::Pod;
use model::BrokerId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerPod {
    pub broker: BrokerId,
    pub name: String,
    pub uid: String,
    /// Of the StatefulSet's template.
    pub revision: Option<String>,
    pub node: Option<String>,
    pub is_ready: bool,
    pub is_going: bool,
}

/// By broker.
pub fn pods_of<'a>(cluster: &str, pods: impl Iterator<Item = &'a Pod>) -> Vec<BrokerPod> {
    let mut brokers: Vec<_> = pods.filter_map(|pod| of(cluster, pod)).collect();
    brokers.sort_by_key(|pod| pod.broker);
    brokers
}

fn of(cluster: &str, pod: &Pod) -> Option<BrokerPod> {
    let meta = &pod.metadata;
    let name = meta.name.clone()?;
    let label = |key: &str| meta.labels.as_ref()?.get(key).cloned();
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let is_ready = conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    Some(BrokerPod {
        broker: BrokerId(names::broker_of_pod(cluster, &name)?),
        uid: meta.uid.clone()?,
        revision: label("controller-revision-hash"),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        is_ready,
        is_going: meta.deletion_timestamp.is_some(),
        name,
    })
}
