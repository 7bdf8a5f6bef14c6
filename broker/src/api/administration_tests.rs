//! The APIs about metadata, topics and configuration, asked through their handlers at every version they offer.

mod configs;
mod every_version;
mod features;
mod metadata;
mod topics;

use super::fixture::{Fixture, wire_name};
use bytes::BytesMut;
use kafka_protocol::{
    messages::*,
    protocol::{Decodable, Encodable, StrBytes},
};

/// What is left of a message after it went over the wire at a version.
fn over_the_wire<M: Encodable + Decodable>(message: &M, version: i16) -> M {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).unwrap_or_else(|error| panic!("does not encode at {version}: {error}"));
    let mut bytes = bytes.freeze();
    let decoded = M::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty());
    decoded
}

macro_rules! asks {
    ($($function:ident: $module:ident, $request:ident => $response:ident;)*) => {
        $(pub(super) async fn $function(fixture: &Fixture, version: i16, request: $request) -> $response {
            let request = over_the_wire(&request, version);
            over_the_wire(&super::$module::handle(&fixture.context(version), request).await, version)
        })*
    };
}

asks! {
    ask_metadata: metadata, MetadataRequest => MetadataResponse;
    create_topics: create_topics, CreateTopicsRequest => CreateTopicsResponse;
    delete_topics: delete_topics, DeleteTopicsRequest => DeleteTopicsResponse;
    create_partitions: create_partitions, CreatePartitionsRequest => CreatePartitionsResponse;
    describe_configs: describe_configs, DescribeConfigsRequest => DescribeConfigsResponse;
    alter_configs: alter_configs, AlterConfigsRequest => AlterConfigsResponse;
    incremental_alter_configs: incremental_alter_configs, IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse;
    describe_cluster: describe_cluster, DescribeClusterRequest => DescribeClusterResponse;
    describe_topic_partitions: describe_topic_partitions, DescribeTopicPartitionsRequest => DescribeTopicPartitionsResponse;
    elect_leaders: elect_leaders, ElectLeadersRequest => ElectLeadersResponse;
    alter_reassignments: alter_partition_reassignments, AlterPartitionReassignmentsRequest => AlterPartitionReassignmentsResponse;
    list_reassignments: list_partition_reassignments, ListPartitionReassignmentsRequest => ListPartitionReassignmentsResponse;
    api_versions: api_versions, ApiVersionsRequest => ApiVersionsResponse;
    update_features: update_features, UpdateFeaturesRequest => UpdateFeaturesResponse;
    unregister_broker: unregister_broker, UnregisterBrokerRequest => UnregisterBrokerResponse;
    init_producer_id: init_producer_id, InitProducerIdRequest => InitProducerIdResponse;
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
