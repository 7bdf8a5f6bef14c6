//! Which client software is connected, as clients name it in ApiVersions (KIP-511): for those who plan an upgrade.

use crate::{
    config::ListenerName,
    metrics::{Collect, Exposition, Kind},
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Names come from clients, so there may be any number of them: further ones count as [`OTHER`].
const MAX_NAMES: usize = 200;
const OTHER: &str = "other";

/// How many connections each software has. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientSoftware {
    connections: Arc<Mutex<BTreeMap<Software, u64>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Software {
    listener: String,
    name: String,
    version: String,
}

/// What one connection said about itself; counted until dropped.
#[derive(Debug)]
pub(crate) struct SoftwareOfConnection {
    all: ClientSoftware,
    listener: ListenerName,
    named: Mutex<Option<Software>>,
}

impl ClientSoftware {
    pub(crate) fn connection(&self, listener: ListenerName) -> SoftwareOfConnection {
        SoftwareOfConnection { all: self.clone(), listener, named: Mutex::new(None) }
    }
}

impl SoftwareOfConnection {
    /// The last name counts.
    pub(crate) fn name(&self, name: &str, version: &str) {
        let of_listener = |name: &str, version: &str| Software {
            listener: self.listener.as_str().to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        };
        let mut software = of_listener(name, version);
        let mut named = self.named.lock();
        if named.as_ref() == Some(&software) {
            return;
        }
        let mut connections = self.all.connections.lock();
        if connections.len() >= MAX_NAMES && !connections.contains_key(&software) {
            software = of_listener(OTHER, OTHER);
        }
        *connections.entry(software.clone()).or_insert(0) += 1;
        if let Some(before) = named.replace(software) {
            remove(&mut connections, &before);
        }
    }
}

impl Drop for SoftwareOfConnection {
    fn drop(&mut self) {
        if let Some(software) = self.named.get_mut().take() {
            remove(&mut self.all.connections.lock(), &software);
        }
    }
}

impl Collect for ClientSoftware {
    fn collect(&self, exposition: &mut Exposition) {
        // Kafka's attribute is `connections`; dashboards have it under the name that the usual exporter rules give it.
        let help = "Open connections by the software of the client";
        exposition.family("kafka_server_socket_server_metrics_connections_software", Kind::Gauge, help);
        for (software, connections) in self.connections.lock().iter() {
            let labels = [
                ("clientSoftwareName", &*software.name),
                ("clientSoftwareVersion", &*software.version),
                ("listener", &*software.listener),
            ];
            exposition.sample(&labels, *connections as f64);
        }
    }
}

fn remove(connections: &mut BTreeMap<Software, u64>, software: &Software) {
    if let Some(count) = connections.get_mut(software) {
        *count -= 1;
        if *count == 0 {
            connections.remove(software);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(all: &ClientSoftware) -> Vec<(String, u64)> {
        all.connections.lock().iter().map(|(software, count)| (software.name.clone(), *count)).collect()
    }

    #[test]
    fn a_connection_counts_for_the_software_it_named_last_until_it_ends() {
        let all = ClientSoftware::default();
        let (first, second) =
            (all.connection(ListenerName::new("plaintext")), all.connection(ListenerName::new("plaintext")));
        first.name("kafkajs", "2");
        second.name("kafkajs", "2");
        second.name("kafkajs", "2");
        assert_eq!(counts(&all), [("kafkajs".to_owned(), 2)]);
        second.name("java", "4");
        assert_eq!(counts(&all), [("java".to_owned(), 1), ("kafkajs".to_owned(), 1)]);
        drop((first, second));
        assert_eq!(counts(&all), []);
    }

    #[test]
    fn endless_names_end_in_one_series() {
        let all = ClientSoftware::default();
        let connections: Vec<_> = (0..MAX_NAMES + 10).map(|_| all.connection(ListenerName::new("plaintext"))).collect();
        for (index, connection) in connections.iter().enumerate() {
            connection.name("client", &index.to_string());
        }
        assert_eq!(all.connections.lock().len(), MAX_NAMES + 1);
        assert!(counts(&all).contains(&(OTHER.to_owned(), 10)));
    }

    #[test]
    fn software_is_shown_by_listener() {
        let all = ClientSoftware::default();
        let connections = ["internal", "external", "external"].map(|name| all.connection(ListenerName::new(name)));
        connections.iter().for_each(|connection| connection.name("kafkajs", "2.2.4"));
        let mut exposition = Exposition::new();
        all.collect(&mut exposition);
        let page = exposition.finish();
        for (listener, count) in [("INTERNAL", 1), ("EXTERNAL", 2)] {
            let labels =
                format!("clientSoftwareName=\"kafkajs\",clientSoftwareVersion=\"2.2.4\",listener=\"{listener}\"");
            let line = format!("kafka_server_socket_server_metrics_connections_software{{{labels}}} {count}\n");
            assert!(page.contains(&line), "{line} is missing in {page}");
        }
    }
}
