//! What a client has as `bootstrap.servers`, for each listener.

use super::node_ports::{NodePorts, outside};
use crate::{
    resources::names,
    valid_cluster::{ClusterKey, ValidCluster},
};
use controller::ClusterImage;
use custom_resources::{
    cluster::{Listener, ListenerType},
    cluster_status::ListenerStatus,
};
use std::collections::BTreeSet;

pub(super) fn listeners(
    cluster: &ValidCluster,
    node_ports: &NodePorts,
    image: Option<&ClusterImage>,
) -> Vec<ListenerStatus> {
    let ClusterKey { namespace, name } = &cluster.key;
    let status = |listener: &Listener| {
        let service = names::bootstrap_service(name, listener);
        let given = listener.node_port.as_ref();
        let node_port = given.and_then(|ports| ports.bootstrap_port).or_else(|| node_ports.get(&service).copied());
        let outside = node_port.map(|port| {
            let servers = hosts(listener, image).into_iter().map(|host| format!("{host}:{port}"));
            servers.collect::<Vec<_>>().join(",")
        });
        let inside = || format!("{service}.{namespace}.svc:{}", listener.port);
        ListenerStatus {
            name: listener.name.clone(),
            type_: listener.type_.as_str().to_owned(),
            bootstrap_servers: outside.filter(|servers| !servers.is_empty()).unwrap_or_else(inside),
            node_port: node_port.map(i32::from),
        }
    };
    cluster.spec.listeners.iter().map(status).collect()
}

/// Of nodes, by which clients outside reach the listener: every node has its port, and these have brokers.
fn hosts(listener: &Listener, image: Option<&ClusterImage>) -> BTreeSet<String> {
    if listener.type_ != ListenerType::Nodeport {
        return BTreeSet::new();
    }
    if let Some(host) = listener.node_port.as_ref().and_then(|ports| ports.advertised_host.clone()) {
        return [host].into();
    }
    let brokers = image.into_iter().flat_map(|image| image.brokers.values());
    brokers.filter_map(|broker| outside(broker, listener)).map(|endpoint| endpoint.host.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{self, registration},
        *,
    };
    use crate::valid_cluster::tests::valid;
    use controller::Endpoint;
    use std::sync::Arc;

    fn servers(node_port: &str, image: Option<&ClusterImage>) -> String {
        let cluster = valid(&format!(
            "{{storage: {{size: 1Gi}}, listeners: [{{name: external, port: 9094, type: nodeport, nodePort: {node_port}}}]}}"
        ));
        let ports = [(names::bootstrap_service("events", &cluster.spec.listeners[0]), 32092)].into();
        listeners(&cluster, &ports, image).remove(0).bootstrap_servers
    }

    #[test]
    fn clients_outside_are_told_of_nodes_that_have_brokers() {
        let mut image = testing::image(0, &[], &[]);
        let at = |id: i32, host: &str, port| {
            let endpoint = Endpoint { listener: "EXTERNAL".into(), host: host.into(), port };
            let known = registration(id, false);
            (known.id, controller::BrokerRegistration { endpoints: vec![endpoint], ..known })
        };
        let brokers = [at(0, "10.0.0.2", 32100), at(1, "10.0.0.1", 32101), at(2, "10.0.0.2", 32102)];
        image.brokers = Arc::new(brokers.into_iter().chain([at(3, "events-3.events", 9094)]).collect());
        assert_eq!(servers("{}", Some(&image)), "10.0.0.1:32092,10.0.0.2:32092");
        assert_eq!(servers("{advertisedHost: k.example}", Some(&image)), "k.example:32092");
        assert_eq!(servers("{}", None), "events-external-bootstrap.shop.svc:9094", "nobody serves yet");
    }
}
