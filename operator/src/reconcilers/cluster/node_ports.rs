//! Ports of nodes that Kubernetes chose. A Service that somebody deleted is to have the same again: clients outside have that for
//! bootstrap in their configuration, and a broker told its own when it registered.

use super::plan::{Action, Observed};
use crate::{resources::names, valid_cluster::ValidCluster};
use controller::{BrokerRegistration, ClusterImage, Endpoint};
use custom_resources::cluster::{Listener, ListenerType};
use k8s_openapi::api::core::v1::Service;
use kube::{ResourceExt as _, api::ApiResource};
use model::BrokerId;
use std::{collections::BTreeMap, sync::Arc};

/// By the name of the Service.
pub type NodePorts = BTreeMap<String, u16>;

/// As the Services have them; of one that is not there, as it was reported or a broker registered.
pub fn known(cluster: &ValidCluster, observed: &Observed, image: Option<&ClusterImage>) -> NodePorts {
    let name = &cluster.key.name;
    let mut known = NodePorts::new();
    for listener in cluster.spec.listeners.iter().filter(|listener| listener.type_ == ListenerType::Nodeport) {
        let reported = cluster.known_node_ports.get(&listener.name).copied();
        known.extend(reported.map(|port| (names::bootstrap_service(name, listener), port)));
        for id in 0..cluster.spec.replicas {
            let registered = registered(image, BrokerId(id), listener);
            known.extend(registered.map(|port| (names::broker_service(name, listener, id), port)));
        }
    }
    known.extend(observed.services.iter().filter_map(|service| Some((service.name_any(), port_of(service)?))));
    known
}

fn registered(image: Option<&ClusterImage>, broker: BrokerId, listener: &Listener) -> Option<u16> {
    outside(image?.brokers.get(&broker)?, listener).map(|endpoint| endpoint.port)
}

/// Where clients outside reach the broker; nothing where it registered before the listener was one for them.
pub(super) fn outside<'a>(broker: &'a BrokerRegistration, listener: &Listener) -> Option<&'a Endpoint> {
    broker.endpoint(&listener.name).filter(|endpoint| endpoint.port != listener.port)
}

fn port_of(service: &Service) -> Option<u16> {
    let ports = service.spec.as_ref()?.ports.as_ref()?;
    u16::try_from(ports.first()?.node_port?).ok()
}

/// What makes a Service that is not there, and whose port the spec leaves open, makes it with the port that it had.
pub(super) fn keep(actions: &mut [Action], there: &[Arc<Service>], known: &NodePorts) {
    let kind = ApiResource::erase::<Service>(&()).kind;
    for action in actions {
        let Action::Apply { resource, name, body } = action else { continue };
        let is_new = resource.kind == kind && there.iter().all(|service| service.name_any() != *name);
        let is_open = body["spec"]["type"] == "NodePort" && body["spec"]["ports"][0].get("nodePort").is_none();
        if let Some(port) = known.get(name).copied().filter(|_| is_new && is_open) {
            *action = Action::Restore { name: name.clone(), body: body.clone(), node_port: port };
        }
    }
}
