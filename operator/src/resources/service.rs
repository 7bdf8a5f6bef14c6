//! Services: one that names each broker, one per listener for bootstrap, and for listeners that clients reach through
//! nodes one per broker.

use super::{metadata, names, pod_selector};
use crate::valid_cluster::ValidCluster;
use custom_resources::cluster::{Listener, ListenerType, NodePort, ports};
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use std::collections::BTreeMap;

/// All of a cluster.
pub fn build_all(cluster: &ValidCluster) -> Vec<Service> {
    let mut services = vec![headless(cluster)];
    for listener in &cluster.spec.listeners {
        services.push(bootstrap(cluster, listener));
        if listener.type_ == ListenerType::Nodeport {
            services.extend((0..cluster.spec.replicas).map(|broker| of_broker(cluster, listener, broker)));
        }
    }
    services
}

fn headless(cluster: &ValidCluster) -> Service {
    let listeners = cluster.spec.listeners.iter().map(|listener| port(&listener.name, listener.port, None));
    let own = [port("replication", ports::REPLICATION, None), port("admin", ports::ADMIN, None)];
    Service {
        metadata: metadata(cluster, names::headless_service(&cluster.key.name)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            // Brokers find each other before they are ready: a follower has to fetch to become so.
            publish_not_ready_addresses: Some(true),
            selector: Some(pod_selector(&cluster.key.name)),
            ports: Some(listeners.chain(own).collect()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn bootstrap(cluster: &ValidCluster, listener: &Listener) -> Service {
    let node_port = listener.node_port.as_ref().and_then(|node_port| node_port.bootstrap_port);
    let name = names::bootstrap_service(&cluster.key.name, listener);
    for_clients(cluster, name, listener, node_port, pod_selector(&cluster.key.name))
}

fn of_broker(cluster: &ValidCluster, listener: &Listener, broker: i32) -> Service {
    let first = listener.node_port.as_ref().and_then(|NodePort { first_broker_port, .. }| *first_broker_port);
    let node_port = first.and_then(|first| first.checked_add(u16::try_from(broker).ok()?));
    let mut selector = pod_selector(&cluster.key.name);
    selector.insert("statefulset.kubernetes.io/pod-name".to_owned(), names::pod(&cluster.key.name, broker));
    let name = names::broker_service(&cluster.key.name, listener, broker);
    let mut service = for_clients(cluster, name, listener, node_port, selector);
    if let Some(spec) = &mut service.spec {
        // A client that was sent here by the metadata is told by the broker whether it serves yet.
        spec.publish_not_ready_addresses = Some(true);
    }
    service
}

fn for_clients(
    cluster: &ValidCluster,
    name: String,
    listener: &Listener,
    node_port: Option<u16>,
    selector: BTreeMap<String, String>,
) -> Service {
    let type_ = match listener.type_ {
        ListenerType::Internal => "ClusterIP",
        ListenerType::Nodeport => "NodePort",
    };
    Service {
        metadata: metadata(cluster, name),
        spec: Some(ServiceSpec {
            type_: Some(type_.to_owned()),
            selector: Some(selector),
            ports: Some(vec![port(&listener.name, listener.port, node_port)]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn port(name: &str, port: u16, node_port: Option<u16>) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: port.into(),
        target_port: Some(IntOrString::String(name.to_owned())),
        node_port: node_port.map(Into::into),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}
