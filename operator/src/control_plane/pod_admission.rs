//! What the operator adds to a broker's registration from Kubernetes, which the broker does not talk to: the rack of its
//! node, and where clients outside reach it.

use crate::{
    resources::{CLUSTER_LABEL, names},
    valid_cluster::{ClusterKey, ValidCluster},
};
use control_plane::session::{Admission, Admitting, Doubt, NotAdmitted};
use controller::requests::RegisterBroker;
use custom_resources::cluster::{Listener, ListenerType};
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use kube::{Api, Client};
use std::{fmt, future::Future, time::Duration};
use tokio::sync::mpsc;

/// A broker waits for this, and so do the partitions that it would lead.
const CALL_LIMIT: Duration = Duration::from_secs(3);

/// For the brokers of one cluster.
pub struct PodAdmission {
    client: Client,
    cluster: ClusterKey,
    rack_label: String,
    outside: Vec<Listener>,
    doubting: mpsc::Sender<Doubt>,
}

impl fmt::Debug for PodAdmission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PodAdmission").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl PodAdmission {
    pub fn new(client: Client, cluster: &ValidCluster, doubting: mpsc::Sender<Doubt>) -> Self {
        let nodeport = |listener: &&Listener| listener.type_ == ListenerType::Nodeport;
        Self {
            client,
            cluster: cluster.key.clone(),
            rack_label: cluster.spec.rack.topology_key.clone(),
            outside: cluster.spec.listeners.iter().filter(nodeport).cloned().collect(),
            doubting,
        }
    }

    async fn complete(&self, mut registration: RegisterBroker) -> Result<RegisterBroker, NotAdmitted> {
        let ClusterKey { namespace, name } = &self.cluster;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pod_name = names::pod(name, registration.id.0);
        let pod = read("the pod", pods.get_opt(&pod_name)).await?;
        let node_name = node_of(pod.as_ref(), name).map_err(|reason| NotAdmitted::NotNow(reason.to_owned()))?;
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = read("the node", nodes.get_opt(node_name)).await?;
        let node = node.ok_or_else(|| NotAdmitted::NotNow(format!("node {node_name} is gone")))?;
        registration.rack = node.metadata.labels.as_ref().and_then(|labels| labels.get(&self.rack_label)).cloned();
        for listener in &self.outside {
            let services: Api<Service> = Api::namespaced(self.client.clone(), namespace);
            let service_name = names::broker_service(name, listener, registration.id.0);
            let service = read("the service", services.get_opt(&service_name)).await?;
            let address = outside_address(listener, &node, service.as_ref())
                .ok_or_else(|| NotAdmitted::NotNow(format!("service {service_name} has no port on nodes yet")))?;
            let told = registration.endpoints.iter_mut();
            for endpoint in told.filter(|endpoint| endpoint.listener.eq_ignore_ascii_case(&listener.name)) {
                (endpoint.host, endpoint.port) = address.clone();
            }
        }
        Ok(registration)
    }
}

impl Admission for PodAdmission {
    fn admit(&self, registration: RegisterBroker) -> Admitting<'_> {
        Box::pin(self.complete(registration))
    }

    fn doubt(&self, doubt: Doubt) {
        // The broker comes again: one that finds no room is not lost.
        let _ = self.doubting.try_send(doubt);
    }
}

async fn read<T>(what: &str, call: impl Future<Output = kube::Result<T>>) -> Result<T, NotAdmitted> {
    let not_now = |reason: String| NotAdmitted::NotNow(format!("read {what} of the broker: {reason}"));
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(result) => result.map_err(|error| not_now(error.to_string())),
        Err(_) => Err(not_now("the API server does not answer".to_owned())),
    }
}

/// The node of a broker's pod. A process that has the token and no pod is a stranger, or was just deleted.
fn node_of<'a>(pod: Option<&'a Pod>, cluster: &str) -> Result<&'a str, &'static str> {
    let pod = pod.ok_or("the broker has no pod")?;
    let labels = pod.metadata.labels.as_ref();
    if labels.and_then(|labels| labels.get(CLUSTER_LABEL)).is_none_or(|label| label != cluster) {
        return Err("the pod of this name is not the cluster's");
    }
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).ok_or("the broker's pod is on no node")
}

/// Where clients outside reach a broker.
fn outside_address(listener: &Listener, node: &Node, service: Option<&Service>) -> Option<(String, u16)> {
    let ports = service?.spec.as_ref()?.ports.as_ref()?;
    let port = u16::try_from(ports.first()?.node_port?).ok()?;
    let advertised = listener.node_port.as_ref().and_then(|node_port| node_port.advertised_host.clone());
    let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    let of_type = |wanted: &str| {
        let address = addresses?.iter().find(|address| address.type_ == wanted)?;
        Some(address.address.clone())
    };
    let host = advertised.or_else(|| of_type("ExternalIP")).or_else(|| of_type("InternalIP"))?;
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: serde::de::DeserializeOwned>(yaml: &str) -> T {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn clients_outside_are_told_the_best_address_there_is() {
        let service: Service = read("spec: {ports: [{port: 9094, nodePort: 32100}]}");
        let inside: Node = read("status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}");
        let both: Node = read(
            "status: {addresses: [{type: InternalIP, address: 10.0.0.1}, {type: ExternalIP, address: 192.0.2.1}]}",
        );
        let plain: Listener = read("{name: external, port: 9094, type: nodeport}");
        let named: Listener =
            read("{name: external, port: 9094, type: nodeport, nodePort: {advertisedHost: k.example}}");
        let address = |listener, node| outside_address(listener, node, Some(&service));
        assert_eq!(address(&plain, &inside), Some(("10.0.0.1".to_owned(), 32100)));
        assert_eq!(address(&plain, &both), Some(("192.0.2.1".to_owned(), 32100)));
        assert_eq!(address(&named, &both), Some(("k.example".to_owned(), 32100)));
        let unassigned: Service = read("spec: {ports: [{port: 9094}]}");
        assert_eq!(outside_address(&plain, &both, Some(&unassigned)), None);
        assert_eq!(outside_address(&plain, &both, None), None);
    }

    #[test]
    fn pods_of_others_admit_nobody() {
        let own: Pod = read("{metadata: {labels: {weir.dev/cluster: events}}, spec: {nodeName: n1, containers: []}}");
        assert_eq!(node_of(Some(&own), "events"), Ok("n1"));
        assert!(node_of(Some(&own), "other").is_err());
        let pending: Pod = read("{metadata: {labels: {weir.dev/cluster: events}}, spec: {containers: []}}");
        assert!(node_of(Some(&pending), "events").is_err());
        assert!(node_of(None, "events").is_err());
    }
}
