//! Keys from environment variables, named as Apache's container image names them (KIP-975): `KAFKA_` goes, letters become
//! lower case, `_` is a dot, `__` an underscore, `___` a hyphen.

use super::{definitions::Definition, nearest::nearest, properties};

/// A variable that stands for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) variable: String,
}

/// Variables that steer the image's Java process and its logs, not the broker. The first eleven are the image's own list.
const NOT_KEYS: &[&str] = &[
    "KAFKA_VERSION",
    "KAFKA_HEAP_OPT",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_PORT",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_DEBUG",
    "KAFKA_CLASSPATH",
    "KAFKA_USER",
    "KAFKA_MODE",
    "KAFKA_LOG4J_CMD_OPTS",
];

/// The variables that are keys, in order of name, so that the outcome does not depend on the order of the environment.
pub(super) fn map(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Mapped> {
    let mut mapped: Vec<Mapped> = variables.into_iter().filter_map(map_one).collect();
    mapped.sort_by(|left, right| left.variable.cmp(&right.variable));
    mapped
}

fn map_one((variable, value): (String, String)) -> Option<Mapped> {
    let key = match variable.as_str() {
        "CLUSTER_ID" => "weir.cluster.id".to_owned(),
        name if NOT_KEYS.contains(&name) || is_service_link(name, &value) => return None,
        name if name.starts_with("KAFKA_") => key_of(name),
        name if name.starts_with("WEIR_") => own_key(&name.to_lowercase().replace('_', "."))?,
        _ => return None,
    };
    // The image writes the variables into a properties file, so backslashes in them are escapes.
    let value = properties::unescape_value(&value).unwrap_or(value);
    Some(Mapped { key, value, variable })
}

fn key_of(variable: &str) -> String {
    variable.replace("KAFKA_", "").to_lowercase().replace('_', ".").replace("...", "-").replace("..", "_")
}

/// Programs around the broker have variables of the same prefix; one that is not even near a key is theirs.
fn own_key(key: &str) -> Option<String> {
    let own = Definition::all().iter().map(|definition| definition.name).filter(|name| name.starts_with("weir."));
    nearest(key, own).map(|_| key.to_owned())
}

/// Kubernetes puts addresses of a Service called `kafka` (or `kafka-…`) into the environment of every pod: `KAFKA_PORT`,
/// `KAFKA_SERVICE_HOST`, `KAFKA_PORT_9092_TCP_ADDR`.
fn is_service_link(variable: &str, value: &str) -> bool {
    variable.ends_with("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || variable.contains("_TCP_")
        || value.starts_with("tcp://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        map(variables).into_iter().map(|mapped| (mapped.key, mapped.value)).collect()
    }

    #[test]
    fn names_are_mapped_as_the_container_image_maps_them() {
        for (variable, key) in [
            ("KAFKA_LOG_RETENTION_MS", "log.retention.ms"),
            ("KAFKA_NUM_PARTITIONS", "num.partitions"),
            ("KAFKA_ABC__DEF", "abc_def"),
            ("KAFKA_ABC___DEF", "abc-def"),
            ("KAFKA_ABC____DEF", "abc-.def"),
            ("KAFKA_ABC_DEF__GHI___JKL", "abc.def_ghi-jkl"),
            ("WEIR_ADMIN_LISTEN", "weir.admin.listen"),
            ("CLUSTER_ID", "weir.cluster.id"),
            ("WEIR_ADMIN_LISTN", "weir.admin.listn"),
        ] {
            assert_eq!(keys(&[(variable, "1")]), [(key.to_owned(), "1".to_owned())], "{variable}");
        }
    }

    #[test]
    fn variables_of_the_java_process_and_of_kubernetes_are_not_keys() {
        for (variable, value) in [
            ("KAFKA_HEAP_OPTS", "-Xmx1g"),
            ("KAFKA_JMX_PORT", "9101"),
            ("KAFKA_VERSION", "4.3.0"),
            ("KAFKA_LOG4J_ROOT_LOGLEVEL", "WARN"),
            ("KAFKA_PORT", "tcp://10.0.0.1:9092"),
            ("KAFKA_SERVICE_HOST", "10.0.0.1"),
            ("KAFKA_SERVICE_PORT_CLIENT", "9092"),
            ("KAFKA_UI_PORT_8080_TCP_ADDR", "10.0.0.2"),
            ("WEIR_BOOTSTRAP_SERVER", "localhost:9092"),
            ("PATH", "/bin"),
            ("kafka_num_partitions", "3"),
        ] {
            assert_eq!(keys(&[(variable, value)]), [], "{variable}");
        }
    }

    #[test]
    fn backslashes_are_escapes_as_in_the_file_the_image_writes() {
        assert_eq!(keys(&[("KAFKA_BROKER_RACK", "a\\tb\\\\c")])[0].1, "a\tb\\c");
        assert_eq!(keys(&[("KAFKA_BROKER_RACK", "a\\u00zz")])[0].1, "a\\u00zz");
    }
}
