//! What is reported of each broker: what its pod is, what the controller makes of it, and what it said of itself.

use super::brokers::BrokerPod;
use crate::control_plane::{Failover, View};
use custom_resources::{
    ClusterStatus,
    cluster_status::{BrokerState, BrokerStatus, FailoverStatus},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use model::BrokerId;
use std::collections::BTreeSet;

pub(super) fn broker_status(pod: &BrokerPod, view: &View, before: Option<&ClusterStatus>) -> BrokerStatus {
    let image = view.image.as_deref();
    let registered = image.and_then(|image| image.brokers.get(&pod.broker));
    let state = match registered {
        _ if pod.unschedulable.is_some() && registered.is_none_or(|broker| broker.fenced) => BrokerState::Unschedulable,
        None => BrokerState::Pending,
        Some(broker) if broker.fenced => BrokerState::Fenced,
        Some(broker) if broker.in_controlled_shutdown => BrokerState::ShuttingDown,
        Some(_) => BrokerState::Ready,
    };
    let BrokerId(id) = pod.broker;
    let said = view.updates.as_ref().and_then(|updates| updates.software_version(pod.broker));
    // To an operator that takes over it says it again in a moment.
    let known = || before?.brokers.iter().find(|broker| broker.id == id)?.version.clone();
    let hold = image.map(|image| image.hold(pod.broker)).unwrap_or_default();
    BrokerStatus {
        id,
        pod_name: pod.name.clone(),
        node: pod.node.clone(),
        rack: registered.and_then(|broker| broker.rack.clone()),
        version: said.or_else(known),
        state,
        fenced_by_hand: hold.fenced,
        drained: hold.drained,
    }
}

/// One, unless a roll goes on.
pub(super) fn versions(brokers: &[BrokerStatus]) -> Option<String> {
    let versions: BTreeSet<_> = brokers.iter().filter_map(|broker| broker.version.as_deref()).collect();
    let versions: Vec<_> = versions.into_iter().collect();
    (!versions.is_empty()).then(|| versions.join(", "))
}

pub(super) fn failover_status(failover: &Failover) -> FailoverStatus {
    let count = |partitions: usize| u32::try_from(partitions).unwrap_or(u32::MAX);
    FailoverStatus {
        broker: failover.broker.0,
        at: Time(failover.at),
        duration_ms: i64::try_from(failover.took.as_millis()).unwrap_or(i64::MAX),
        moved: count(failover.moved),
        offline: count(failover.offline),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{image, pod},
        *,
    };
    use std::sync::Arc;

    fn saying(version: Option<&str>) -> BrokerStatus {
        let view = View { image: Some(Arc::new(image(1, &[], &[]))), ..View::default() };
        let status = broker_status(&pod(0, "new", true), &view, None);
        BrokerStatus { version: version.map(str::to_owned), ..status }
    }

    #[test]
    fn versions_are_one_unless_a_roll_goes_on() {
        let of = |said: &[Option<&str>]| versions(&said.iter().map(|version| saying(*version)).collect::<Vec<_>>());
        assert_eq!(of(&[None, None]), None);
        assert_eq!(of(&[Some("0.1.0"), None, Some("0.1.0")]).as_deref(), Some("0.1.0"));
        assert_eq!(of(&[Some("0.2.0"), Some("0.1.0")]).as_deref(), Some("0.1.0, 0.2.0"));
    }

    #[test]
    fn version_that_was_said_is_known_until_another_is() {
        let before = ClusterStatus { brokers: vec![saying(Some("0.1.0"))], ..ClusterStatus::default() };
        let now = broker_status(&pod(0, "new", true), &View::default(), Some(&before));
        assert_eq!((now.version.as_deref(), now.state), (Some("0.1.0"), BrokerState::Pending));
    }
}
