//! Conditions of a cluster that are about what it rests on: its listeners, its volumes, and where its metadata is kept.

use super::{node_ports::NodePorts, volumes};
use crate::{resources::names, valid_cluster::ValidCluster};
use controller::requests::DescribedBroker;
use custom_resources::{
    ClusterStatus,
    cluster::ListenerType,
    cluster_status::{condition, reason},
    conditions::{Finding, Truth},
};

/// Hundredths of a volume that are free where it is nearly full, and where it is so no more: in between it stays as it was.
const NEARLY_FULL: u64 = 10;
const ROOM_AGAIN: u64 = 15;

/// Clients find every listener: Kubernetes has given it the ports of nodes that it needs.
pub(super) fn listeners_ready(cluster: &ValidCluster, node_ports: &NodePorts) -> Finding {
    let name = &cluster.key.name;
    let outside = cluster.spec.listeners.iter().filter(|listener| listener.type_ == ListenerType::Nodeport);
    let mut services = outside.flat_map(|listener| {
        let of_brokers = (0..cluster.spec.replicas).map(|id| names::broker_service(name, listener, id));
        of_brokers.chain([names::bootstrap_service(name, listener)])
    });
    match services.find(|service| !node_ports.contains_key(service)) {
        Some(service) => {
            let message = format!("Service {service} has no port of nodes yet");
            Finding::new(condition::LISTENERS_READY, false, reason::WAITING_FOR_PORTS, message)
        }
        None => Finding::new(condition::LISTENERS_READY, true, reason::AS_EXPECTED, ""),
    }
}

/// `brokers`: as the controller hears them, if it decides.
pub(super) fn storage_healthy(
    volumes: &volumes::State,
    brokers: Option<&[DescribedBroker]>,
    before: Option<&ClusterStatus>,
) -> Finding {
    let told = |status: Truth, reason, message| Finding::new(condition::STORAGE_HEALTHY, status, reason, message);
    if let volumes::State::Refused(why) = volumes {
        return told(Truth::False, reason::VOLUMES_CANNOT_CHANGE, why.clone());
    }
    let Some(brokers) = brokers else {
        return told(Truth::Unknown, reason::UNKNOWN, "the controller does not decide now".to_owned());
    };
    let known = before.and_then(|status| status.condition(condition::STORAGE_HEALTHY));
    let was_full = known.is_some_and(|known| known.reason == reason::DISK_NEARLY_FULL);
    let least = if was_full { ROOM_AGAIN } else { NEARLY_FULL };
    let full: Vec<String> =
        brokers.iter().filter(|broker| has_less(broker, least)).map(|broker| broker.id.to_string()).collect();
    if full.is_empty() {
        return told(Truth::True, reason::AS_EXPECTED, String::new());
    }
    let message = format!(
        "less than {least} % of the volume is free at brokers {}: let spec.storage.size grow, or keep less",
        full.join(", ")
    );
    told(Truth::False, reason::DISK_NEARLY_FULL, message)
}

fn has_less(broker: &DescribedBroker, hundredths: u64) -> bool {
    let room = broker.said.as_ref().and_then(|(_, said)| Some((said.free_bytes?, said.total_bytes?)));
    room.is_some_and(|(free, total)| u128::from(free) * 100 < u128::from(total) * u128::from(hundredths))
}

/// `failure`: of the last commit, where it failed. Nothing new is decided then.
pub(super) fn metadata_persisted(decides: bool, failure: Option<&str>) -> Finding {
    let told =
        |status: Truth, reason, message: &str| Finding::new(condition::METADATA_PERSISTED, status, reason, message);
    match failure {
        Some(failure) => told(Truth::False, reason::COMMIT_FAILED, failure),
        None if decides => told(Truth::True, reason::AS_EXPECTED, ""),
        None => told(Truth::Unknown, reason::UNKNOWN, "the controller does not decide now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::valid_cluster::tests::valid;
    use controller::BrokerCondition;
    use custom_resources::conditions::conditions;
    use k8s_openapi::jiff::Timestamp;
    use model::{BrokerEpoch, BrokerId, MetadataVersion};

    #[test]
    fn listener_is_ready_once_every_service_has_its_port() {
        let inside = valid("{replicas: 1, storage: {size: 1Gi}}");
        assert_eq!(listeners_ready(&inside, &NodePorts::new()).status, Truth::True);
        let cluster =
            valid("{replicas: 1, storage: {size: 1Gi}, listeners: [{name: external, port: 9094, type: nodeport}]}");
        let mut ports = NodePorts::from([("events-external-bootstrap".to_owned(), 30000)]);
        let waits = listeners_ready(&cluster, &ports);
        assert_eq!((waits.status, waits.reason), (Truth::False, reason::WAITING_FOR_PORTS));
        assert!(waits.message.contains("events-external-0"), "{}", waits.message);
        ports.insert("events-external-0".to_owned(), 30001);
        assert_eq!(listeners_ready(&cluster, &ports).status, Truth::True);
    }

    fn broker(free: Option<u64>) -> DescribedBroker {
        let said = BrokerCondition { free_bytes: free, total_bytes: Some(1000), ..BrokerCondition::default() };
        DescribedBroker {
            id: BrokerId(2),
            epoch: BrokerEpoch(1),
            is_live: true,
            said: Some((MetadataVersion(1), said)),
        }
    }

    #[test]
    fn disk_that_is_nearly_full_stays_so_until_there_is_clearly_room() {
        let good = volumes::State::Good;
        let mut status = None;
        for (free, expected) in [(150, true), (101, true), (99, false), (140, false), (150, true), (140, true)] {
            let finding = storage_healthy(&good, Some(&[broker(Some(free))]), status.as_ref());
            assert_eq!(finding.status, Truth::from(expected), "{free}: {}", finding.message);
            let conditions = conditions(&[], vec![finding], None, Timestamp::UNIX_EPOCH);
            status = Some(ClusterStatus { conditions, ..ClusterStatus::default() });
        }
        assert_eq!(storage_healthy(&good, Some(&[broker(None)]), None).status, Truth::True, "it does not say");
        assert_eq!(storage_healthy(&good, None, None).status, Truth::Unknown);
        let refused = storage_healthy(&volumes::State::Refused("why".to_owned()), None, None);
        assert_eq!((refused.reason, &*refused.message), (reason::VOLUMES_CANNOT_CHANGE, "why"));
    }

    #[test]
    fn metadata_is_persisted_as_long_as_commits_succeed() {
        assert_eq!(metadata_persisted(true, None).status, Truth::True);
        assert_eq!(metadata_persisted(false, None).status, Truth::Unknown);
        let failed = metadata_persisted(true, Some("write the root: forbidden"));
        assert_eq!((failed.status, &*failed.message), (Truth::False, "write the root: forbidden"));
    }
}
