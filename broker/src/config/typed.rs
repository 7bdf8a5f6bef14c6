//! One struct per subsystem. The defaults are in the table of definitions and nowhere else.

use super::{
    listeners::{AdvertisedListener, Listener, ListenerName, Listeners},
    values::Values,
};

use std::time::Duration;

const MINUTE_MS: i64 = 60_000;

/// Sockets, connections, and how much a request may weigh.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// `listeners`, without the controller's, and the one for other brokers. Empty only in a controller.
    pub listeners: Vec<Listener>,
    /// `advertised.listeners`, one per listener, in the same order.
    pub advertised: Vec<AdvertisedListener>,
    /// By which other brokers reach this one, and this one reaches them: `inter.broker.listener.name`, or one that is
    /// opened for it. A broker that is alone has none.
    pub replication_listener: Option<ListenerName>,
    /// `socket.request.max.bytes`: a larger frame closes the connection.
    pub request_max_bytes: u32,
    /// `socket.send.buffer.bytes`, `socket.receive.buffer.bytes`; `None` (-1) leaves them to the system.
    pub send_buffer_bytes: Option<u32>,
    pub receive_buffer_bytes: Option<u32>,
    /// `socket.listen.backlog.size`.
    pub listen_backlog: u32,
    /// `connections.max.idle.ms`; `None` (negative) never closes an idle connection.
    pub max_idle_ms: Option<u64>,
    /// `max.connections`, `max.connections.per.ip`, `max.connection.creation.rate` (per second).
    pub max_connections: u32,
    pub max_connections_per_ip: u32,
    pub max_connections_per_ip_overrides: Vec<(String, u32)>,
    pub max_connection_creation_rate: u32,
    /// `queued.max.request.bytes`; `None` derives the budget from the memory the process may use.
    pub queued_max_request_bytes: Option<u64>,
    /// `request.timeout.ms`.
    pub request_timeout_ms: u32,
}

impl NetworkConfig {
    pub(super) fn read(values: &Values, listeners: Listeners) -> Self {
        Self {
            listeners: listeners.listeners,
            advertised: listeners.advertised,
            replication_listener: listeners.replication,
            request_max_bytes: values.number("socket.request.max.bytes"),
            send_buffer_bytes: values.number_unless_negative("socket.send.buffer.bytes"),
            receive_buffer_bytes: values.number_unless_negative("socket.receive.buffer.bytes"),
            listen_backlog: values.number("socket.listen.backlog.size"),
            max_idle_ms: values.number_unless_negative("connections.max.idle.ms"),
            max_connections: values.number("max.connections"),
            max_connections_per_ip: values.number("max.connections.per.ip"),
            max_connections_per_ip_overrides: listeners.max_connections_per_ip_overrides,
            max_connection_creation_rate: values.number("max.connection.creation.rate"),
            queued_max_request_bytes: values.number_unless_negative("queued.max.request.bytes"),
            request_timeout_ms: values.number("request.timeout.ms"),
        }
    }

    /// What clients may be told: every listener but the one for other brokers, unless that is the only one.
    pub fn advertised_to_clients(&self) -> impl Iterator<Item = &AdvertisedListener> {
        let is_only = self.advertised.len() == 1;
        self.advertised.iter().filter(move |told| is_only || Some(&told.name) != self.replication_listener.as_ref())
    }

    /// What a client that came in by this listener is told as the address of this broker.
    pub fn advertised_for(&self, listener: &ListenerName) -> Option<&AdvertisedListener> {
        self.advertised.iter().find(|advertised| advertised.name == *listener)
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        let values = Values::default();
        let listeners =
            Listeners::read(&values, "localhost", false, false).expect("a test reads the defaults of the table");
        Self::read(&values, listeners)
    }
}

/// Creating and deleting topics.
#[derive(Debug, Clone)]
pub struct TopicConfig {
    /// `num.partitions`.
    pub num_partitions: u32,
    /// `default.replication.factor`; where nobody set it, so many or as many as there are brokers.
    pub default_replication_factor: u16,
    pub is_default_replication_set: bool,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
    /// `auto.create.topics.enable`.
    pub auto_create: bool,
    /// `delete.topic.enable`.
    pub delete_enable: bool,
    /// `weir.delete.topic.undo.ms`.
    pub deletion_undo_window: Duration,
    /// `max.request.partition.size.limit`: partitions in one DescribeTopicPartitions answer.
    pub max_request_partition_size_limit: u32,
}

impl TopicConfig {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            num_partitions: values.number("num.partitions"),
            default_replication_factor: values.number("default.replication.factor"),
            is_default_replication_set: values.is_set("default.replication.factor"),
            min_insync_replicas: values.number("min.insync.replicas"),
            auto_create: values.boolean("auto.create.topics.enable"),
            delete_enable: values.boolean("delete.topic.enable"),
            deletion_undo_window: Duration::from_millis(values.number("weir.delete.topic.undo.ms")),
            max_request_partition_size_limit: values.number("max.request.partition.size.limit"),
        }
    }
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

/// The log layer of the whole broker. What a topic can override (retention, segments, compaction, …) is not here: it is
/// resolved per topic from the topic's keys and the broker keys that stand in for them.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval_ms: u64,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub recovery_point_checkpoint_interval_ms: u64,
    /// `log.initial.task.delay.ms`.
    pub initial_task_delay_ms: u64,
}

impl LogConfig {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            retention_check_interval_ms: values.number("log.retention.check.interval.ms"),
            recovery_point_checkpoint_interval_ms: values.number("log.flush.offset.checkpoint.interval.ms"),
            initial_task_delay_ms: values.number("log.initial.task.delay.ms"),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

/// Log compaction.
#[derive(Debug, Clone)]
pub struct CleanerConfig {
    /// `log.cleaner.dedupe.buffer.size`, over all threads.
    pub dedupe_buffer_bytes: u64,
    /// `log.cleaner.backoff.ms`: between two looks for something to clean.
    pub backoff_ms: u64,
}

impl CleanerConfig {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            dedupe_buffer_bytes: values.number("log.cleaner.dedupe.buffer.size"),
            backoff_ms: values.number("log.cleaner.backoff.ms"),
        }
    }
}

impl Default for CleanerConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

/// Which replica a consumer reads from (KIP-392).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaSelector {
    Leader,
    /// One in the consumer's rack, if there is one in sync.
    RackAware,
}

impl ReplicaSelector {
    /// Kafka's classes, by their names with or without the package.
    fn named(class: Option<&str>) -> Self {
        match class.and_then(|class| class.rsplit('.').next()) {
            Some("RackAwareReplicaSelector") => Self::RackAware,
            _ => Self::Leader,
        }
    }
}

/// Replication from and to other brokers.
#[derive(Debug, Clone)]
pub struct ReplicationConfig {
    /// `replica.selector.class`.
    pub selector: ReplicaSelector,
    /// `replica.lag.time.max.ms`: a follower that was not caught up for so long leaves the in-sync replicas.
    pub lag_max_ms: u64,
    /// `replica.fetch.min.bytes`, `replica.fetch.max.bytes` (of a partition), `replica.fetch.response.max.bytes`.
    pub fetch_min_bytes: i32,
    pub fetch_max_bytes: i32,
    pub fetch_response_max_bytes: i32,
    /// `replica.fetch.wait.max.ms`: how long a leader may wait for something to send.
    pub fetch_wait_max_ms: u64,
    /// `replica.fetch.backoff.ms`: the longest pause after a leader could not be reached.
    pub fetch_backoff_ms: u64,
    /// `replica.socket.timeout.ms`: beyond the wait, how long an answer may take.
    pub socket_timeout_ms: u64,
}

impl ReplicationConfig {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            selector: ReplicaSelector::named(values.text("replica.selector.class").as_deref()),
            lag_max_ms: values.number("replica.lag.time.max.ms"),
            fetch_min_bytes: values.number("replica.fetch.min.bytes"),
            fetch_max_bytes: values.number("replica.fetch.max.bytes"),
            fetch_response_max_bytes: values.number("replica.fetch.response.max.bytes"),
            fetch_wait_max_ms: values.number("replica.fetch.wait.max.ms"),
            fetch_backoff_ms: values.number("replica.fetch.backoff.ms"),
            socket_timeout_ms: values.number("replica.socket.timeout.ms"),
        }
    }
}

impl Default for ReplicationConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

/// Fetch, its sessions, and long polling.
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// `fetch.max.bytes`: upper bound of any Fetch answer.
    pub max_bytes: u32,
    /// `max.incremental.fetch.session.cache.slots`; 0 keeps no sessions.
    pub session_cache_slots: u32,
}

impl FetchConfig {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            max_bytes: values.number("fetch.max.bytes"),
            session_cache_slots: values.number("max.incremental.fetch.session.cache.slots"),
        }
    }
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

/// Classic consumer groups.
#[derive(Debug, Clone)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`, `group.max.session.timeout.ms`.
    pub min_session_timeout_ms: u32,
    pub max_session_timeout_ms: u32,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: u32,
    /// `group.max.size`.
    pub max_size: u32,
}

impl GroupConfig {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            min_session_timeout_ms: values.number("group.min.session.timeout.ms"),
            max_session_timeout_ms: values.number("group.max.session.timeout.ms"),
            initial_rebalance_delay_ms: values.number("group.initial.rebalance.delay.ms"),
            max_size: values.number("group.max.size"),
        }
    }
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

/// Committed offsets and the topic that keeps them.
#[derive(Debug, Clone)]
pub struct OffsetsConfig {
    /// `offsets.topic.num.partitions`, `offsets.topic.segment.bytes`.
    pub topic_num_partitions: u32,
    pub topic_segment_bytes: u32,
    /// `offsets.topic.replication.factor`; a cluster with fewer brokers uses what it has.
    pub topic_replication_factor: u16,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub retention_check_interval_ms: u64,
    /// `offset.metadata.max.bytes`.
    pub metadata_max_bytes: u32,
    /// `offsets.commit.timeout.ms`.
    pub commit_timeout_ms: u32,
    /// `offsets.load.buffer.size`.
    pub load_buffer_bytes: u32,
}

impl OffsetsConfig {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            topic_num_partitions: values.number("offsets.topic.num.partitions"),
            topic_segment_bytes: values.number("offsets.topic.segment.bytes"),
            topic_replication_factor: values.number("offsets.topic.replication.factor"),
            retention_ms: values.number::<i64>("offsets.retention.minutes") * MINUTE_MS,
            retention_check_interval_ms: values.number("offsets.retention.check.interval.ms"),
            metadata_max_bytes: values.number("offset.metadata.max.bytes"),
            commit_timeout_ms: values.number("offsets.commit.timeout.ms"),
            load_buffer_bytes: values.number("offsets.load.buffer.size"),
        }
    }
}

impl Default for OffsetsConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

/// Idempotent producers.
#[derive(Debug, Clone)]
pub struct ProducerConfig {
    /// `producer.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// `producer.id.expiration.check.interval.ms`.
    pub id_expiration_check_interval_ms: u64,
}

impl ProducerConfig {
    pub(super) fn read(values: &Values) -> Self {
        Self {
            id_expiration_ms: values.number("producer.id.expiration.ms"),
            id_expiration_check_interval_ms: values.number("producer.id.expiration.check.interval.ms"),
        }
    }
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self::read(&Values::default())
    }
}

/// What is looked at of a compressed batch that a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressedBatchValidation {
    Records,
    Checksum,
}

impl CompressedBatchValidation {
    pub(super) fn read(values: &Values) -> Self {
        match values.text("weir.compressed.batch.validation").as_deref() {
            Some("checksum") => Self::Checksum,
            _ => Self::Records,
        }
    }
}
