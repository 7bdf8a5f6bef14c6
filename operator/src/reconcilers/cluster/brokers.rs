//! The pods of a cluster's brokers, as far as plans look at them.

use crate::resources::names;
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use model::BrokerId;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerPod {
    pub broker: BrokerId,
    pub name: String,
    pub uid: String,
    /// Another one after every change.
    pub version: Option<String>,
    /// Of the StatefulSet's template.
    pub revision: Option<String>,
    pub node: Option<String>,
    pub is_ready: bool,
    /// As Kubernetes says.
    pub ready_since: Option<Timestamp>,
    /// Ready only since a moment ago.
    pub is_settling: bool,
    /// Why there is no node for it.
    pub unschedulable: Option<String>,
    pub is_going: bool,
    pub created: Option<Timestamp>,
}

/// By broker.
pub fn pods_of<'a>(cluster: &str, pods: impl Iterator<Item = &'a Arc<Pod>>) -> Vec<BrokerPod> {
    let mut brokers: Vec<_> = pods.filter_map(|pod| of(cluster, pod)).collect();
    brokers.sort_by_key(|pod| pod.broker);
    brokers
}

fn of(cluster: &str, pod: &Pod) -> Option<BrokerPod> {
    let meta = &pod.metadata;
    let name = meta.name.clone()?;
    let label = |key: &str| meta.labels.as_ref()?.get(key).cloned();
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let condition = |type_: &str| conditions?.iter().find(|condition| condition.type_ == type_);
    let refused = condition("PodScheduled")
        .filter(|condition| condition.status == "False" && condition.reason.as_deref() == Some("Unschedulable"));
    let ready = condition("Ready").filter(|condition| condition.status == "True");
    Some(BrokerPod {
        broker: BrokerId(names::broker_of_pod(cluster, &name)?),
        uid: meta.uid.clone()?,
        version: meta.resource_version.clone(),
        revision: label("controller-revision-hash"),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        is_ready: ready.is_some(),
        ready_since: ready.and_then(|condition| condition.last_transition_time.as_ref()).map(|time| time.0),
        is_settling: false,
        unschedulable: refused.map(|condition| condition.message.clone().unwrap_or_default()),
        is_going: meta.deletion_timestamp.is_some(),
        created: meta.creation_timestamp.as_ref().map(|time| time.0),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_without_a_node_says_why() {
        let pod = |conditions: &str| {
            let yaml = format!("{{metadata: {{name: events-1, uid: u}}, status: {{conditions: [{conditions}]}}}}");
            Arc::new(serde_yaml::from_str::<Pod>(&yaml).unwrap())
        };
        let pending = pod("{type: PodScheduled, status: 'False', reason: Unschedulable, message: no room}");
        let gated = pod("{type: PodScheduled, status: 'False', reason: SchedulingGated}");
        let running = pod("{type: PodScheduled, status: 'True'}, {type: Ready, status: 'True'}");
        let [pending, gated, running] =
            [pending, gated, running].map(|pod| pods_of("events", [&pod].into_iter()).remove(0));
        assert_eq!((pending.unschedulable.as_deref(), pending.is_ready), (Some("no room"), false));
        assert_eq!(gated.unschedulable, None);
        assert!(running.unschedulable.is_none() && running.is_ready);
    }
}
