//! What the objects of a cluster are called. The longest stays below 63 characters: `LONGEST_NAME` of a cluster and 15 of
//! a listener leave nine.

use custom_resources::cluster::Listener;

pub fn stateful_set(cluster: &str) -> String {
    cluster.to_owned()
}

/// The number of a pod is the id of its broker.
pub fn pod(cluster: &str, broker: i32) -> String {
    format!("{}-{broker}", stateful_set(cluster))
}

/// The id of a broker from the name of its pod.
pub fn broker_of_pod(cluster: &str, pod: &str) -> Option<i32> {
    let number = pod.strip_prefix(&stateful_set(cluster))?.strip_prefix('-')?;
    number.parse().ok().filter(|id: &i32| id.to_string() == number)
}

/// Of the claims that the StatefulSet makes of its one template.
pub const CLAIM_TEMPLATE: &str = "data";

/// The id of a broker from the name of its claim.
pub fn broker_of_claim(cluster: &str, claim: &str) -> Option<i32> {
    broker_of_pod(cluster, claim.strip_prefix(CLAIM_TEMPLATE)?.strip_prefix('-')?)
}

/// Gives each broker a name.
pub fn headless_service(cluster: &str) -> String {
    format!("{cluster}-brokers")
}

pub fn bootstrap_service(cluster: &str, listener: &Listener) -> String {
    format!("{cluster}-{}-bootstrap", listener.name)
}

/// Of a listener that clients reach through nodes.
pub fn broker_service(cluster: &str, listener: &Listener, broker: i32) -> String {
    format!("{cluster}-{}-{broker}", listener.name)
}

pub fn config_map(cluster: &str) -> String {
    format!("{cluster}-broker-config")
}

pub fn secret(cluster: &str) -> String {
    format!("{cluster}-session")
}

pub fn service_account(cluster: &str) -> String {
    format!("{cluster}-broker")
}

pub fn pod_disruption_budget(cluster: &str) -> String {
    format!("{cluster}-brokers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use custom_resources::cluster::{LONGEST_NAME, ListenerType};

    #[test]
    fn pods_of_another_cluster_or_form_are_no_brokers() {
        assert_eq!(broker_of_pod("events", "events-12"), Some(12));
        assert_eq!(broker_of_claim("events", "data-events-12"), Some(12));
        assert_eq!(broker_of_claim("events", "logs-events-12"), None);
        for pod in ["events", "events-", "events-a", "events-01", "events-2-0", "other-1"] {
            assert_eq!(broker_of_pod("events", pod), None, "{pod}");
        }
    }

    #[test]
    fn longest_name_is_a_label() {
        let name = "l".repeat(15);
        let listener = Listener { name, port: 1, type_: ListenerType::Nodeport, node_port: None };
        let service = bootstrap_service(&"c".repeat(LONGEST_NAME), &listener);
        assert!(service.len() <= 63, "{service}");
    }
}
