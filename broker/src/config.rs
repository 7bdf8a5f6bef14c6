//! Broker configuration: Kafka's keys, read once at start, turned into one typed struct per subsystem.
//!
//! [`BrokerConfig`] is what the rest of the broker reads. [`Definition`] knows every key of Kafka 4.3 that a tool may ask
//! for, with or without effect here; [`BrokerConfig::describe`] answers DescribeConfigs from both. [`load`] reads the
//! sources; of two that set a key the later in this list wins: the file, the environment, the flags with a name of their
//! own (`--listen`), `--set`.

mod arguments;
mod cluster;
mod definitions;
mod describe;
mod environment;
mod layers;
mod listeners;
mod load;
mod nearest;
mod properties;
mod typed;
mod value;
mod values;
mod yaml;

pub use arguments::{Arguments, list_keys};
pub use cluster::{ClusterConfig, Role};
pub use definitions::{ConfigType, Definition, Effect, UpdateMode};
pub use describe::{Described, Synonym};
pub use layers::{FlagValue, Origin, Setting, Sources};
pub use listeners::{AdvertisedListener, Listener, ListenerName};
pub use load::{ConfigError, LoadedConfig, Notice, load};
pub use typed::{
    CleanerConfig, CompressedBatchValidation, FetchConfig, GroupConfig, LogConfig, NetworkConfig, OffsetsConfig,
    ProducerConfig, ReplicaSelector, ReplicationConfig, TopicConfig,
};
pub use value::{Refusal, Value};

use controller::topic_config::Defaults;
use model::{BrokerId, ClusterId};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Everything the start decided about one broker.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// `log.dirs`: the one folder that holds everything this broker keeps.
    pub data_dir: PathBuf,
    /// What this process is in its cluster.
    pub role: Role,
    pub cluster: ClusterConfig,
    /// `node.id` (also `broker.id`).
    pub node_id: BrokerId,
    /// The cluster id asked for; a data folder that already has another refuses to start.
    pub cluster_id: Option<ClusterId>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `weir.admin.listen`: `HOST:PORT` of `/livez`, `/readyz` and `/metrics`.
    pub admin_listen: Option<String>,
    /// `weir.metrics.partitions`: whether `/metrics` has series per partition.
    pub partition_metrics: bool,
    /// `weir.compressed.batch.validation`.
    pub compressed_batch_validation: CompressedBatchValidation,
    pub network: NetworkConfig,
    pub topics: TopicConfig,
    pub log: LogConfig,
    pub cleaner: CleanerConfig,
    pub fetch: FetchConfig,
    pub groups: GroupConfig,
    pub offsets: OffsetsConfig,
    pub producers: ProducerConfig,
    pub replication: ReplicationConfig,
    static_values: Arc<BTreeMap<String, String>>,
    defaults: Defaults,
}

impl BrokerConfig {
    /// Every default, one plaintext listener on a free loopback port, no admin port, no wait before a first rebalance.
    pub fn for_tests(data_dir: &Path) -> Self {
        Self::for_tests_with(data_dir, &[])
    }

    /// The same with some keys set, each to a value that it may have.
    pub fn for_tests_with(data_dir: &Path, keys: &[(&str, &str)]) -> Self {
        let serves_clients = !keys.contains(&("process.roles", "controller"));
        let listeners = serves_clients.then(|| ("listeners", "PLAINTEXT://127.0.0.1:0".to_owned()));
        let fixed = [
            ("weir.admin.listen", "none".to_owned()),
            ("group.initial.rebalance.delay.ms", "0".to_owned()),
            ("log.dirs", data_dir.display().to_string()),
        ];
        let fixed = fixed.into_iter().chain(listeners);
        let mut set: Vec<_> = fixed.map(|(key, value)| (key.to_owned(), value)).collect();
        set.extend(keys.iter().map(|(key, value)| (key.to_string(), value.to_string())));
        match load(Sources { set, ..Sources::default() }) {
            Ok(loaded) => loaded.config,
            Err(error) => panic!("test configuration: {error}"),
        }
    }

    /// Takes over what the data folder decides: where it really is, and whose it is.
    pub(crate) fn adopt(&mut self, folder: &Path, broker_id: BrokerId, cluster_id: ClusterId) {
        self.data_dir = folder.to_owned();
        self.node_id = broker_id;
        self.cluster_id = Some(cluster_id);
        let id = broker_id.to_string();
        let folder = folder.display().to_string();
        let known = [("node.id", id.clone()), ("broker.id", id), ("log.dirs", folder)];
        Arc::make_mut(&mut self.static_values).extend(known.map(|(key, value)| (key.to_owned(), value)));
    }

    /// What somebody set at the start, by name of the known key, blanks trimmed, secrets emptied: the static layer of
    /// DescribeConfigs and of the defaults of topics. Both names of one thing (`node.id`, `broker.id`) are there.
    pub fn static_values(&self) -> &BTreeMap<String, String> {
        &self.static_values
    }

    /// Defaults that are others than those of the table, because of what this process is.
    pub fn defaults(&self) -> Defaults {
        self.defaults
    }
}

#[cfg(test)]
mod tests;
