//! The async shell around Weir's cores: one broker that speaks Kafka's protocol.
//!
//! It is: sockets, files, threads, time and configuration, and the hosts that run the cores over them.
//! It is not: decisions. What a record batch may be, who leads a partition, when a group rebalances are the cores'.
//!
//! Promises: nothing is answered before it is as durable as the request asked for; every queue has a bound; a connection
//! that misbehaves ends alone.
//!
//! Start with [`Broker`] (what a request handler can reach) and [`Broker::start`] (the order in which it comes to life;
//! [`RunningController`] is the other kind of process), then `server` (bytes in, bytes out) and `api` (one file per Kafka API).

pub mod admin;
mod api;
pub mod clock;
pub mod config;
mod control_plane;
mod coordinators;
pub mod data_folder;
mod file_disk;
mod imported;
mod metadata_cache;
pub mod metrics;
mod partitions;
mod replication;
mod replication_quota;
mod running;
mod server;
pub mod shutdown;
pub mod telemetry;
mod whole_file;

pub use api::{ServedApi, served_apis};
pub use running::{RunningBroker, RunningController};

/// Everything a request handler needs; shared by all connections.
#[derive(Debug)]
pub struct Broker {
    pub config: config::BrokerConfig,
    pub clock: clock::Clock,
    pub metrics: metrics::Metrics,
    pub(crate) metadata: metadata_cache::MetadataCache,
    pub(crate) controller: control_plane::ControllerHandle,
    pub(crate) producer_ids: control_plane::ProducerIds,
    pub(crate) partitions: partitions::Partitions,
    pub(crate) groups: coordinators::Groups,
    pub(crate) replication_quota: replication_quota::ReplicationQuota,
    pub(crate) fetch_sessions: api::fetch::FetchSessions,
}
