//! The configuration file of a cluster's brokers: the same for all. What differs between brokers is on their command line, and
//! what takes effect while they run is the controller's to tell them.

use crate::valid_cluster::ValidCluster;
use controller::{
    errors::ConfigError,
    topic_config::{self, TopicConfigDefinition},
};
use custom_resources::cluster::ports;
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

/// The listener by which brokers reach each other.
pub const REPLICATION_LISTENER: &str = "REPLICATION";

/// On the ConfigMap: which keys of the spec are in force without being in the file, with commas between them.
pub const DYNAMIC_ANNOTATION: &str = "weir.dev/dynamic-config";

/// The key for which `topicDefaults` has a field of its own.
const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// Kafka lets the defaults of topics change while brokers run, by the name of each that counts first.
fn default_of_topics(key: &str) -> Option<&'static TopicConfigDefinition> {
    let mut topics = topic_config::definitions().iter();
    topics.find(|topic| topic.synonyms.first().is_some_and(|first| first.name == key))
}

pub fn is_dynamic(key: &str) -> bool {
    default_of_topics(key).is_some()
}

/// Whether a dynamic key can have this value.
pub fn check(key: &str, value: &str) -> Result<(), ConfigError> {
    default_of_topics(key).map_or(Ok(()), |topic| topic_config::validate(topic.name, value))
}

/// What the spec says of dynamic keys. `brokers`: all that there are.
pub fn dynamic(cluster: &ValidCluster, brokers: i32) -> BTreeMap<&str, String> {
    let config = cluster.spec.config.iter().filter(|(key, _)| is_dynamic(key));
    let config = config.map(|(key, value)| (key.as_str(), value.to_string()));
    config.chain([(MIN_INSYNC_REPLICAS, cluster.topics.min_in_sync_replicas(brokers).to_string())]).collect()
}

/// In Java's `.properties` format, sorted, so that the same spec gives the same bytes.
pub fn render(cluster: &ValidCluster) -> String {
    let mut properties = own(cluster);
    for (key, value) in cluster.spec.config.iter().filter(|(key, _)| !is_dynamic(key)) {
        properties.insert(key.clone(), value.to_string());
    }
    let mut text = format!("# Of the cluster {}, written by the operator.\n", cluster.key);
    for (key, value) in properties {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key}={}", Escaped(&value));
    }
    text
}

fn own(cluster: &ValidCluster) -> BTreeMap<String, String> {
    let topics = cluster.topics;
    let names = || cluster.spec.listeners.iter().map(|listener| (listener.name.to_uppercase(), listener.port));
    let all = || names().chain([(REPLICATION_LISTENER.to_owned(), ports::REPLICATION)]);
    let listeners: Vec<_> = all().map(|(name, port)| format!("{name}://:{port}")).collect();
    let protocols: Vec<_> = all().map(|(name, _)| format!("{name}:PLAINTEXT")).collect();
    let always = [
        ("listeners", listeners.join(",")),
        ("listener.security.protocol.map", protocols.join(",")),
        ("inter.broker.listener.name", REPLICATION_LISTENER.to_owned()),
        ("num.partitions", topics.partitions.to_string()),
        // A name misspelt by a client is an error, not a topic.
        ("auto.create.topics.enable", "false".to_owned()),
    ];
    let given = topics.replicas.map(|replicas| ("default.replication.factor", replicas.to_string()));
    always.into_iter().chain(given).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A value as `java.util.Properties.load` reads it back.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, character) in self.0.chars().enumerate() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\x0c' => f.write_str("\\f")?,
                ' ' if index == 0 => f.write_str("\\ ")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::valid_cluster::tests::valid;

    #[test]
    fn values_of_people_stay_one_line_and_one_value() {
        let cluster = valid(
            r#"{storage: {size: 1Gi}, config: {log.dir.failure: " a\nlisteners=X://:1\\", log.retention.hours: 12, log.retention.ms: 5}}"#,
        );
        let text = render(&cluster);
        assert!(text.contains("\nlog.dir.failure=\\ a\\nlisteners=X://:1\\\\\n"), "{text}");
        assert!(text.contains("\nlog.retention.hours=12\n") && !text.contains("log.retention.ms"), "{text}");
    }

    /// Another file is a restart of every broker.
    #[test]
    fn number_of_brokers_is_nothing_that_the_file_says() {
        let file = |replicas: i32| render(&valid(&format!("{{replicas: {replicas}, storage: {{size: 1Gi}}}}")));
        assert!([1, 2, 5].iter().all(|replicas| file(*replicas) == file(3)), "{}", file(3));
    }

    #[test]
    fn people_may_have_topics_made_by_their_first_use() {
        let text = render(&valid("{storage: {size: 1Gi}, config: {auto.create.topics.enable: 'true'}}"));
        assert!(text.contains("\nauto.create.topics.enable=true\n") && !text.contains("=false"), "{text}");
    }
}
