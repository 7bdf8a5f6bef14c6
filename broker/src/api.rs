//! The one table of Kafka APIs this broker serves. ApiVersions advertises it and dispatch obeys it, so that nothing is
//! advertised that is not served.
//!
//! Add an API: write `api/<name>.rs` with `pub(crate) async fn handle(context: &RequestContext, request: XRequest) -> XResponse`,
//! add its `mod` line and one row to [`TABLE`].

#[cfg(test)]
mod administration_tests;
mod alter_configs;
mod alter_partition_reassignments;
pub(crate) mod api_versions;
mod config_words;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod describe_transactions;
mod elect_leaders;
mod error_codes;
mod error_counts;
pub(crate) mod fetch;
mod find_coordinator;
#[cfg(test)]
pub(crate) mod fixture;
mod group_words;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
pub(crate) mod produce;
mod row;
mod sent_away;
mod sync_group;
mod topic_words;
mod unregister_broker;
mod update_features;

pub(crate) use row::{Api, Handler};

use crate::{
    Broker,
    config::ListenerName,
    server::{Draining, SoftwareOfConnection},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use kafka_protocol::protocol::StrBytes;
use std::{
    fs::File,
    net::SocketAddr,
    ops::{Deref, RangeInclusive},
    sync::{Arc, atomic::AtomicBool},
};
use tokio::time::Instant;

/// Everything a handler knows about the request besides its body. Owned, so that a response made later may keep it.
/// Derefs to what all requests of the connection share: `context.broker`, `context.listener`, ….
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub(crate) connection: Arc<ConnectionContext>,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    /// A copy of its own: keeping it does not keep the request's frame in memory.
    pub(crate) client_id: Option<StrBytes>,
    /// When work on it began.
    pub(crate) started: Instant,
}

/// What all requests of a connection share.
#[derive(Debug)]
pub(crate) struct ConnectionContext {
    pub(crate) broker: Arc<Broker>,
    pub(crate) client_address: SocketAddr,
    /// The listener the client came in by: answers name endpoints of this one.
    pub(crate) listener: ListenerName,
    /// Says when the server stops: what is parked should answer with what it has.
    pub(crate) draining: Draining,
    /// What the client says it is.
    pub(crate) software: SoftwareOfConnection,
    /// The client is to go to another broker: the connection ends once it has its answers.
    pub(crate) is_sent_away: AtomicBool,
}

/// What goes back to the client: whole frames, from the length prefix on.
#[derive(Debug)]
pub(crate) enum Response {
    Bytes(Bytes),
    /// One frame in parts that leave one after another.
    Pieces(Vec<Piece>),
    /// No response at all: acks=0.
    None,
    /// The connection closes once the responses before this one are written.
    Close,
}

/// A part of a response.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// Sent by the kernel straight from the page cache. Meant for extents of 256 KiB and more; smaller ones are cheaper copied.
    FileExtent {
        file: Arc<File>,
        position: u64,
        length: usize,
    },
}

/// What the first stage of an overlapping request (Produce) leaves behind.
pub(crate) enum Dispatched {
    Ready(Response),
    /// The response comes later; the next request may start now. Everything whose order matters has already happened.
    ///
    /// The connection polls this only once all responses before it are there, so it must only *wait* (for a high
    /// watermark, until a deadline fixed earlier), never do work others depend on.
    Pending(BoxFuture<'static, Response>),
}

/// Every API of this broker, by rising key.
pub(crate) static TABLE: &[Api] = &[
    row::raw!(Overlapping, Produce, produce, 3..=13, advertised 0..=13),
    row::raw!(Parking, Fetch, fetch, 4..=18, advertised 4..=18),
    row::raw!(Ordinary, ListOffsets, list_offsets, 1..=11, advertised 1..=11),
    row::typed!(Ordinary, Metadata, metadata, MetadataRequest, 0..=13, advertised 0..=13, unless sent_away),
    row::raw!(Ordinary, OffsetCommit, offset_commit, 2..=10, advertised 2..=10),
    row::raw!(Ordinary, OffsetFetch, offset_fetch, 1..=10, advertised 1..=10),
    row::typed!(
        Ordinary,
        FindCoordinator,
        find_coordinator,
        FindCoordinatorRequest,
        0..=6,
        advertised 0..=6,
        unless sent_away
    ),
    row::typed!(Parking, JoinGroup, join_group, JoinGroupRequest, 0..=9),
    row::typed!(Ordinary, Heartbeat, heartbeat, HeartbeatRequest, 0..=4),
    row::typed!(Ordinary, LeaveGroup, leave_group, LeaveGroupRequest, 0..=5),
    row::typed!(Parking, SyncGroup, sync_group, SyncGroupRequest, 0..=5),
    row::typed!(Ordinary, DescribeGroups, describe_groups, DescribeGroupsRequest, 0..=6),
    row::typed!(Ordinary, ListGroups, list_groups, ListGroupsRequest, 0..=5),
    row::typed!(Ordinary, ApiVersions, api_versions, ApiVersionsRequest, 0..=4),
    row::typed!(Ordinary, CreateTopics, create_topics, CreateTopicsRequest, 2..=7),
    row::typed!(Ordinary, DeleteTopics, delete_topics, DeleteTopicsRequest, 1..=6),
    row::typed!(Ordinary, DeleteRecords, delete_records, DeleteRecordsRequest, 0..=2),
    row::typed!(Ordinary, InitProducerId, init_producer_id, InitProducerIdRequest, 0..=5),
    row::typed!(Ordinary, OffsetForLeaderEpoch, offset_for_leader_epoch, OffsetForLeaderEpochRequest, 2..=4),
    row::typed!(Ordinary, DescribeConfigs, describe_configs, DescribeConfigsRequest, 1..=4),
    row::typed!(Ordinary, AlterConfigs, alter_configs, AlterConfigsRequest, 0..=2),
    row::raw!(Ordinary, DescribeLogDirs, describe_log_dirs, 1..=5, advertised 1..=5),
    row::typed!(Ordinary, CreatePartitions, create_partitions, CreatePartitionsRequest, 0..=3),
    row::typed!(Ordinary, DeleteGroups, delete_groups, DeleteGroupsRequest, 0..=2),
    row::typed!(Ordinary, ElectLeaders, elect_leaders, ElectLeadersRequest, 0..=2),
    row::typed!(Ordinary, IncrementalAlterConfigs, incremental_alter_configs, IncrementalAlterConfigsRequest, 0..=1),
    row::typed!(
        Ordinary,
        AlterPartitionReassignments,
        alter_partition_reassignments,
        AlterPartitionReassignmentsRequest,
        0..=1
    ),
    row::typed!(
        Ordinary,
        ListPartitionReassignments,
        list_partition_reassignments,
        ListPartitionReassignmentsRequest,
        0..=0
    ),
    row::typed!(Ordinary, OffsetDelete, offset_delete, OffsetDeleteRequest, 0..=0),
    row::typed!(Ordinary, UpdateFeatures, update_features, UpdateFeaturesRequest, 0..=2),
    row::typed!(Ordinary, DescribeCluster, describe_cluster, DescribeClusterRequest, 0..=2),
    row::typed!(Ordinary, DescribeProducers, describe_producers, DescribeProducersRequest, 0..=0),
    row::typed!(Ordinary, UnregisterBroker, unregister_broker, UnregisterBrokerRequest, 0..=0),
    row::typed!(Ordinary, DescribeTransactions, describe_transactions, DescribeTransactionsRequest, 0..=0),
    row::typed!(Ordinary, ListTransactions, list_transactions, ListTransactionsRequest, 0..=2),
    row::typed!(Ordinary, DescribeTopicPartitions, describe_topic_partitions, DescribeTopicPartitionsRequest, 0..=0),
];

/// A row of the table as documents show it.
#[derive(Debug, Clone)]
pub struct ServedApi {
    pub key: i16,
    pub name: String,
    pub served: RangeInclusive<i16>,
    pub advertised: RangeInclusive<i16>,
}

/// What this broker serves, by rising key.
pub fn served_apis() -> Vec<ServedApi> {
    let served = |api: &Api| ServedApi {
        key: api.key as i16,
        name: format!("{:?}", api.key),
        served: api.served.0..=api.served.1,
        advertised: api.advertised.0..=api.advertised.1,
    };
    TABLE.iter().map(served).collect()
}

/// The row for a key as it stands on the wire.
pub(crate) fn find(table: &'static [Api], key: i16) -> Option<&'static Api> {
    table.binary_search_by_key(&key, |api| api.key as i16).ok().map(|index| &table[index])
}

impl Deref for RequestContext {
    type Target = ConnectionContext;
    fn deref(&self) -> &ConnectionContext {
        &self.connection
    }
}

#[cfg(test)]
impl RequestContext {
    /// As if a client on loopback had sent the request to the first listener.
    pub(crate) fn for_tests(broker: Arc<Broker>, version: i16) -> Self {
        let listener = broker.config.network.listeners[0].name.clone();
        let client_address = SocketAddr::from(([127, 0, 0, 1], 50_000));
        let connection = ConnectionContext {
            broker,
            client_address,
            software: crate::server::ClientSoftware::default().connection(listener.clone()),
            is_sent_away: AtomicBool::new(false),
            listener,
            draining: Draining::new(),
        };
        Self { connection: Arc::new(connection), version, correlation_id: 1, client_id: None, started: Instant::now() }
    }
}
