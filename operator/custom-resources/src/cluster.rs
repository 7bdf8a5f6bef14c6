//! `Cluster`: brokers and the controller that decides for them.

#![expect(unreachable_pub, reason = "what KubeSchema generates")]

use crate::{cluster_status::ClusterStatus, config_map::ConfigMap, pod_template::Template};
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Brokers of one cluster at most; bounds what its status holds.
pub const MOST_BROKERS: i32 = 200;

/// Names of pods and their labels have to hold the cluster's name and more.
pub const LONGEST_NAME: usize = 36;

/// Durations as Go reads them, in whole numbers and the largest unit first. Kubernetes' own format takes more, days say, that others
/// read otherwise or not at all.
pub const DURATION_PATTERN: &str = "^([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$";

/// Ports of a broker that no listener may take.
pub mod ports {
    pub const REPLICATION: u16 = 9093;
    pub const CONTROL_PLANE: u16 = 9090;
    pub const ADMIN: u16 = 9644;
}

/// A cluster of brokers that speak Kafka's protocol. The operator is its controller.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "Cluster",
    namespaced,
    status = "ClusterStatus",
    derive = "PartialEq",
    shortname = "weircluster",
    category = "weir",
    doc = "A cluster of brokers that speak Kafka's protocol. The operator is its controller: it places partitions, elects their leaders and keeps what it decided in objects of kind ClusterMetadata.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Brokers", type_ = "integer", json_path = ".status.readyReplicas"),
    printcolumn(name = "Of", type_ = "integer", json_path = ".status.replicas"),
    printcolumn(name = "Partitions", type_ = "integer", json_path = ".status.partitions.total"),
    printcolumn(name = "Offline", type_ = "integer", json_path = ".status.partitions.offline"),
    printcolumn(name = "UnderRepl", type_ = "integer", json_path = ".status.partitions.underReplicated"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "ClusterID", type_ = "string", json_path = ".status.clusterId", priority = "1"),
    printcolumn(name = "Epoch", type_ = "integer", json_path = ".status.controller.epoch", priority = "1"),
    printcolumn(name = "Bootstrap", type_ = "string", json_path = ".status.listeners[0].bootstrapServers", priority = "1"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = "1"
    ),
    validation = kube::core::Rule::new("size(self.metadata.name) <= 36 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("the name must be a DNS label of at most 36 characters that begins with a letter")
)]
#[x_kube(
    validation = kube::core::Rule::new("!has(self.topicDefaults) || !has(self.topicDefaults.replicas) || self.topicDefaults.replicas <= self.replicas")
        .message("topicDefaults.replicas must not exceed replicas: a topic has at most one replica on each broker"),
    validation = kube::core::Rule::new("!has(self.topicDefaults) || !has(self.topicDefaults.minInSyncReplicas) || has(self.topicDefaults.replicas) || self.topicDefaults.minInSyncReplicas <= (self.replicas < 3 ? self.replicas : 3)")
        .message("topicDefaults.minInSyncReplicas must not exceed the replicas of a topic: without topicDefaults.replicas 3, or as many as there are brokers"),
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// Container image of the brokers. Without it the operator takes the one of its own version. A change rolls the brokers,
    /// one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// Number of brokers. Broker ids are 0, 1, 2, …: those of the pods.
    #[serde(default = "replicas")]
    #[schemars(range(min = 1, max = 200))]
    pub replicas: i32,

    /// CPU and memory of a broker. A change rolls the brokers, one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Additions to the objects that the operator makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,

    /// Where brokers keep records.
    pub storage: Storage,

    /// Which brokers may fail together.
    #[serde(default)]
    pub rack: Rack,

    /// How clients reach the brokers. The first is the one that the status names as bootstrap in `kubectl get -o wide`.
    #[serde(default = "listeners")]
    #[schemars(length(min = 1, max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[x_kube(
        validation = kube::core::Rule::new("self.all(l, self.exists_one(o, o.port == l.port))").message("each listener has a port of its own"),
    )]
    pub listeners: Vec<Listener>,

    /// Configuration of every broker, by Kafka's keys; booleans in quotes. Addresses, ids, folders, the controller and what
    /// other fields here say are not set this way. Defaults of topics that Kafka lets change while brokers run, such as
    /// `log.retention.ms`, are in force within a second and restart nobody; a change of another key, such as
    /// `log.retention.hours`, rolls the brokers, one at a time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 256))]
    #[x_kube(
        validation = kube::core::Rule::new("self.all(key, !(key in ['listeners', 'advertised.listeners', 'listener.security.protocol.map', 'inter.broker.listener.name', 'node.id', 'broker.id', 'process.roles', 'log.dir', 'log.dirs', 'broker.rack', 'default.replication.factor', 'min.insync.replicas', 'num.partitions', 'broker.session.timeout.ms']) && !key.startsWith('weir.') && !key.startsWith('controller.'))")
            .message("the operator sets this key itself: listeners, ids, folders, the controller, and what topicDefaults and failover say"),
        validation = kube::core::Rule::new("self.all(key, key.matches('^[a-z][a-z0-9.]{0,127}$'))").message("keys are those of Kafka: lower-case words with dots"),
    )]
    pub config: ConfigMap,

    /// What a topic has where nobody says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_defaults: Option<TopicDefaults>,

    /// For this long a deleted topic can be brought back, with its records: hours, minutes, seconds, as in `1h30m`. `0s`: a deletion
    /// is final at once.
    #[serde(default = "deletion_undo_window")]
    #[schemars(extend("format" = "duration", "maxLength" = 32, "pattern" = DURATION_PATTERN))]
    #[x_kube(
        validation = kube::core::Rule::new("self >= duration('0s') && self <= duration('720h')").message("must be between 0s and 720h"),
    )]
    pub deletion_undo_window: String,

    /// When a broker counts as lost.
    #[serde(default)]
    pub failover: Failover,

    /// How many brokers an eviction (`kubectl drain`, an autoscaler) may take at once.
    #[serde(default)]
    pub pod_disruption_budget: DisruptionBudget,

    /// Whether changed pods are replaced.
    #[serde(default)]
    pub update_strategy: UpdateStrategy,

    /// How replicas move when the number of brokers changes.
    #[serde(default)]
    pub rebalance: Rebalance,

    /// Leave the cluster's objects as they are: nothing is created, changed, rolled or scaled. Elections and everything
    /// else that brokers and their controller do goes on.
    #[serde(default)]
    pub paused: bool,

    /// Namespaces, beside the cluster's own, whose Topics may name this cluster. `*` is every namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_namespaces: Vec<String>,
}

/// Where brokers keep records: each has a volume of its own.
#[derive(KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[x_kube(
    validation = kube::core::Rule::new("has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)")
        .message("storageClassName cannot be changed: volumes are not moved between classes"),
)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Size of each volume. It can become larger, where the storage class lets volumes grow; a volume that was made larger
    /// otherwise is left so.
    #[schemars(schema_with = "quantity")]
    #[x_kube(
        validation = kube::core::Rule::new("!quantity(self).isLessThan(quantity(oldSelf))").message("size cannot become smaller"),
        validation = kube::core::Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('63Mi'))").message("size must be a quantity of at least 64Mi"),
    )]
    pub size: Quantity,

    /// Storage class of the volumes. Without it the default of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,

    /// What becomes of volumes that no broker uses any more.
    #[serde(default)]
    #[x_kube(
        validation = kube::core::Rule::new("self.whenDeleted == oldSelf.whenDeleted").message("whenDeleted cannot be changed: metadata and volumes were made for it"),
    )]
    pub retention_policy: RetentionPolicy,
}

/// What becomes of volumes that no broker uses any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicy {
    /// When the Cluster is deleted. With `Retain` the volumes and the metadata stay: a Cluster of the same name takes them
    /// over.
    #[serde(default)]
    pub when_deleted: Retention,

    /// When there are fewer brokers. With `Delete` the operator deletes the volume of a broker that is no more, half a minute after
    /// no topic has a replica there: none that can be brought back either.
    #[serde(default)]
    pub when_scaled: Retention,
}

/// Keep or delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Retention {
    #[default]
    Retain,
    Delete,
}

impl Retention {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retain => "Retain",
            Self::Delete => "Delete",
        }
    }
}

/// Which brokers may fail together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rack {
    /// Label of nodes that names what a broker shares with others: replicas of a partition spread over its values, and so do
    /// brokers. The operator reads it; brokers need no access to nodes.
    #[serde(default = "topology_key")]
    #[schemars(length(min = 1, max = 253))]
    pub topology_key: String,
}

/// How clients reach the brokers.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = kube::core::Rule::new("self.type == 'nodeport' || !has(self.nodePort)").message("nodePort is for listeners of type nodeport"),
    validation = kube::core::Rule::new("!(self.port in [9090, 9093, 9644])").message("ports 9090, 9093 and 9644 are the brokers' own"),
    validation = kube::core::Rule::new("!(self.name in ['replication', 'controller', 'admin'])").message("replication, controller and admin are no names for listeners"),
)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    /// Name of the listener; in Kafka's configuration it is upper case.
    #[schemars(length(min = 1, max = 15), regex(pattern = r"^[a-z][a-z0-9]*$"))]
    pub name: String,

    /// Port of the brokers' pods.
    #[schemars(range(min = 1024, max = 65535))]
    pub port: u16,

    /// `internal`: for clients in Kubernetes. `nodeport`: for clients outside, by a port of the nodes for each broker and one
    /// for bootstrap.
    #[serde(rename = "type", default)]
    pub type_: ListenerType,

    /// For type `nodeport`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<NodePort>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListenerType {
    #[default]
    Internal,
    Nodeport,
}

impl ListenerType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Nodeport => "nodeport",
        }
    }
}

/// Ports of nodes, and the address that clients are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePort {
    /// Port for bootstrap. Without it Kubernetes chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub bootstrap_port: Option<u16>,

    /// Port of broker 0; broker 1 has the next, and so on. Without it Kubernetes chooses each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65335))]
    pub first_broker_port: Option<u16>,

    /// Host that clients are told for every broker. Without it the address of the broker's node: external where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub advertised_host: Option<String>,
}

/// What a topic has where nobody says otherwise.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = kube::core::Rule::new("!has(self.replicas) || !has(self.minInSyncReplicas) || self.minInSyncReplicas <= self.replicas")
        .message("minInSyncReplicas must not exceed replicas"),
)]
#[serde(rename_all = "camelCase")]
pub struct TopicDefaults {
    /// Partitions. Without it 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub partitions: Option<i32>,

    /// Replicas of each partition. Without it 3, or as many as there are brokers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub replicas: Option<i16>,

    /// In-sync replicas without which acks=all is refused. Without it 2 where topics have 3 replicas or more, else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub min_in_sync_replicas: Option<i16>,
}

/// When a broker counts as lost.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failover {
    /// A broker that is silent for longer is fenced and others lead. One whose process died is noticed at once.
    #[serde(default = "session_timeout")]
    #[schemars(extend("format" = "duration", "maxLength" = 32, "pattern" = DURATION_PATTERN))]
    #[x_kube(
        validation = kube::core::Rule::new("self >= duration('1s') && self <= duration('10m')").message("must be between 1s and 10m"),
    )]
    pub session_timeout: String,
}

/// How many brokers an eviction may take at once: one, or any number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisruptionBudget {
    /// Whether there is a PodDisruptionBudget that lets one broker go at a time, when all replicas are in sync.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Whether changed pods are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStrategy {
    /// `RollingUpdate`: the operator restarts brokers one at a time, each only when no partition falls below its in-sync
    /// minimum. `OnDelete`: whoever deletes a pod decides.
    #[serde(rename = "type", default)]
    pub type_: UpdateType,

    /// A broker that restarted is ready for so many seconds before the next one restarts or may be evicted, and before a roll that is over
    /// hands leaders back. Until then clients may not reach it: proxies of nodes (`kube-proxy`) learn of its new address within a second or two, and
    /// clients in the cluster may have the old one from a resolver for up to 30 s.
    #[serde(default = "min_ready_seconds")]
    #[schemars(range(min = 0, max = 3600))]
    pub min_ready_seconds: u16,
}

impl Default for UpdateStrategy {
    fn default() -> Self {
        Self { type_: UpdateType::default(), min_ready_seconds: min_ready_seconds() }
    }
}

fn min_ready_seconds() -> u16 {
    5
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpdateType {
    #[default]
    RollingUpdate,
    OnDelete,
}

/// How replicas move when the number of brokers changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rebalance {
    /// What brokers that are added take over. `Move`: their share of the replicas that there are. `Leave`: only what is made
    /// later. Brokers that go hand over all they have in any case.
    #[serde(default)]
    pub on_scale_up: OnScaleUp,

    /// Bytes a second that each broker sends to, and takes as, replicas that a move adds. 0: as fast as it goes. What is in sync
    /// is never held up.
    #[serde(default = "throttle_bytes_per_second")]
    #[schemars(range(min = 0))]
    pub throttle_bytes_per_second: i64,

    /// Partitions that move at a time.
    #[serde(default = "max_concurrent_moves")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_concurrent_moves: u32,
}

/// What brokers that are added take over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnScaleUp {
    #[default]
    Move,
    Leave,
}

impl Default for Rebalance {
    fn default() -> Self {
        Self {
            on_scale_up: OnScaleUp::default(),
            throttle_bytes_per_second: throttle_bytes_per_second(),
            max_concurrent_moves: max_concurrent_moves(),
        }
    }
}

/// Less than half of what a network of 1 Gbit/s carries: clients keep the larger part.
fn throttle_bytes_per_second() -> i64 {
    50 << 20
}

/// Each copies a log; all at once would be felt by clients.
fn max_concurrent_moves() -> u32 {
    20
}

impl Default for Rack {
    fn default() -> Self {
        Self { topology_key: topology_key() }
    }
}

impl Default for Failover {
    fn default() -> Self {
        Self { session_timeout: session_timeout() }
    }
}

impl Default for DisruptionBudget {
    fn default() -> Self {
        Self { enabled: true }
    }
}

fn yes() -> bool {
    true
}

fn replicas() -> i32 {
    3
}

fn topology_key() -> String {
    "topology.kubernetes.io/zone".to_owned()
}

fn deletion_undo_window() -> String {
    "10m".to_owned()
}

/// The broker's own default: what is silent for this long is to be fenced within five seconds.
fn session_timeout() -> String {
    "4500ms".to_owned()
}

fn listeners() -> Vec<Listener> {
    vec![Listener { name: "internal".to_owned(), port: 9092, type_: ListenerType::Internal, node_port: None }]
}

/// As text: what `kubectl` shows is what was written, and rules can compare it.
fn quantity(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "maxLength": 32 })
}
