//! Two requests of each API: as empty as it may be, and one whose answer has entries (good or bad ones).

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        AlterConfigsRequest, AlterPartitionReassignmentsRequest, ApiVersionsRequest, BrokerId, CreatePartitionsRequest,
        CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest,
        DescribeConfigsRequest, DescribeGroupsRequest, DescribeLogDirsRequest, DescribeProducersRequest,
        DescribeTopicPartitionsRequest, DescribeTransactionsRequest, ElectLeadersRequest, FetchRequest,
        FindCoordinatorRequest, GroupId, HeartbeatRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest,
        JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, ListPartitionReassignmentsRequest,
        ListTransactionsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
        OffsetForLeaderEpochRequest, ProduceRequest, SyncGroupRequest, TopicName, TransactionalId,
        UnregisterBrokerRequest, UpdateFeaturesRequest, alter_configs_request,
        alter_partition_reassignments_request as reassign, create_partitions_request, create_topics_request,
        delete_records_request, delete_topics_request, describe_configs_request, describe_producers_request,
        describe_topic_partitions_request, elect_leaders_request, fetch_request,
        incremental_alter_configs_request as incremental, join_group_request, leave_group_request,
        list_offsets_request, list_partition_reassignments_request, metadata_request, offset_delete_request,
        offset_for_leader_epoch_request as leader_epoch, produce_request, sync_group_request, update_features_request,
    },
    protocol::{Encodable, Message, Request, StrBytes},
};
use protocol::{
    codec_versions,
    frame::{FramePrefix, encode_request},
};
use std::sync::LazyLock;
use uuid::Uuid;

mod offsets;

/// Calls a macro with what it is given, and every request there is a sample of.
macro_rules! with_all_requests {
    ($macro:ident, $($argument:expr),*) => {
        $macro!($($argument),*; ProduceRequest FetchRequest ListOffsetsRequest MetadataRequest OffsetCommitRequest
            OffsetFetchRequest FindCoordinatorRequest JoinGroupRequest HeartbeatRequest LeaveGroupRequest SyncGroupRequest
            DescribeGroupsRequest ListGroupsRequest ApiVersionsRequest CreateTopicsRequest DeleteTopicsRequest
            DeleteRecordsRequest InitProducerIdRequest OffsetForLeaderEpochRequest DescribeConfigsRequest
            AlterConfigsRequest DescribeLogDirsRequest CreatePartitionsRequest DeleteGroupsRequest ElectLeadersRequest
            IncrementalAlterConfigsRequest AlterPartitionReassignmentsRequest ListPartitionReassignmentsRequest
            OffsetDeleteRequest DescribeClusterRequest DescribeProducersRequest DescribeTransactionsRequest
            ListTransactionsRequest DescribeTopicPartitionsRequest UpdateFeaturesRequest UnregisterBrokerRequest)
    };
}
pub(crate) use with_all_requests;

/// Filled requests of all APIs as frames, each in the first and the last version the codec has.
pub fn frames() -> &'static [Bytes] {
    static FRAMES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
        let mut frames = Vec::new();
        macro_rules! encode_all {
            ($frames:expr; $($request:ident)*) => {
                $(for api_version in [$request::VERSIONS.min, $request::VERSIONS.max] {
                    let prefix = FramePrefix { api_key: $request::KEY, api_version, correlation_id: 1 };
                    $frames.push(encode_request(prefix, Some("test"), &$request::filled(api_version)).unwrap());
                })*
            };
        }
        with_all_requests!(encode_all, frames);
        frames
    });
    &FRAMES
}

pub trait Sample: Default + Request {
    fn empty(_version: i16) -> Self {
        Self::default()
    }

    fn filled(version: i16) -> Self;

    fn body(&self, version: i16) -> Bytes {
        let codec_version = codec_versions::of_request(Self::KEY, version).expect("the codec writes the version");
        codec_body(self, codec_version)
    }
}

fn codec_body(request: &impl Encodable, version: i16) -> Bytes {
    let mut body = BytesMut::new();
    request.encode(&mut body, version).unwrap();
    body.freeze()
}

const TOPIC_RESOURCE: i8 = 2;
const BROKER_RESOURCE: i8 = 4;
const TIMEOUT_MS: i32 = 10_000;

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

/// A topic that is there.
pub fn topic() -> TopicName {
    TopicName(text("sample"))
}

fn missing_topic() -> TopicName {
    TopicName(text("missing"))
}

fn group() -> GroupId {
    GroupId(text("group"))
}

/// Names where they are sent, ids that nobody has where those are.
fn id_if(is_sent: bool) -> Uuid {
    if is_sent { Uuid::from_u128(7) } else { Uuid::nil() }
}

fn name_if(is_sent: bool, name: TopicName) -> TopicName {
    if is_sent { name } else { TopicName::default() }
}

impl Sample for ProduceRequest {
    fn empty(_version: i16) -> Self {
        Self::default().with_acks(-1)
    }

    fn filled(version: i16) -> Self {
        let partitions = [0, 1, 99].map(|index| {
            let records = (index != 0).then(|| Bytes::from_static(b"no records"));
            produce_request::PartitionProduceData::default().with_index(index).with_records(records)
        });
        let topics = [topic(), missing_topic()].map(|name| {
            produce_request::TopicProduceData::default()
                .with_name(name_if(version < 13, name))
                .with_topic_id(id_if(version >= 13))
                .with_partition_data(partitions.to_vec())
        });
        Self::empty(version).with_timeout_ms(TIMEOUT_MS).with_topic_data(topics.to_vec())
    }
}

impl Sample for FetchRequest {
    fn filled(version: i16) -> Self {
        let partitions = [0, 99].map(|partition| {
            fetch_request::FetchPartition::default().with_partition(partition).with_partition_max_bytes(1000)
        });
        let topics = [topic(), missing_topic()].map(|name| {
            fetch_request::FetchTopic::default()
                .with_topic(name_if(version < 13, name))
                .with_topic_id(id_if(version >= 13))
                .with_partitions(partitions.to_vec())
        });
        Self::default()
            .with_max_bytes(if version >= 3 { 1000 } else { i32::MAX })
            .with_session_epoch(-1)
            .with_topics(topics.to_vec())
    }
}

impl Sample for ListOffsetsRequest {
    fn empty(_version: i16) -> Self {
        Self::default().with_replica_id(BrokerId(-1))
    }

    fn filled(version: i16) -> Self {
        let partitions = [0, 99].map(|index| {
            list_offsets_request::ListOffsetsPartition::default().with_partition_index(index).with_timestamp(-1)
        });
        let topics = [topic(), missing_topic()].map(|name| {
            list_offsets_request::ListOffsetsTopic::default().with_name(name).with_partitions(partitions.to_vec())
        });
        Self::empty(version).with_topics(topics.to_vec())
    }
}

impl Sample for MetadataRequest {
    fn filled(version: i16) -> Self {
        let names = [topic(), missing_topic(), TopicName(text("not a name"))];
        let topic = |name| metadata_request::MetadataRequestTopic::default().with_name(Some(name));
        Self::default()
            .with_topics(Some(names.map(topic).to_vec()))
            .with_allow_auto_topic_creation(version < 4)
            .with_include_topic_authorized_operations(version >= 8)
            .with_include_cluster_authorized_operations((8..=10).contains(&version))
    }
}

impl Sample for FindCoordinatorRequest {
    fn filled(version: i16) -> Self {
        match version {
            4.. => Self::default().with_coordinator_keys(vec![text("group"), text("")]),
            _ => Self::default().with_key(text("group")),
        }
    }
}

impl Sample for JoinGroupRequest {
    fn filled(version: i16) -> Self {
        let protocol = join_group_request::JoinGroupRequestProtocol::default().with_name(text("range"));
        // A session timeout that is refused: what an accepted member gets is the groups' own tests' business.
        Self::default()
            .with_group_id(group())
            .with_session_timeout_ms(1)
            .with_rebalance_timeout_ms(if version >= 1 { 1 } else { -1 })
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol])
    }
}

impl Sample for HeartbeatRequest {
    fn filled(_version: i16) -> Self {
        Self::default().with_group_id(group()).with_member_id(text("nobody"))
    }
}

impl Sample for LeaveGroupRequest {
    fn filled(version: i16) -> Self {
        let request = Self::default().with_group_id(group());
        if version < 3 {
            return request.with_member_id(text("nobody"));
        }
        request.with_members(vec![leave_group_request::MemberIdentity::default().with_member_id(text("nobody"))])
    }
}

impl Sample for SyncGroupRequest {
    fn filled(_version: i16) -> Self {
        let assignment = sync_group_request::SyncGroupRequestAssignment::default().with_member_id(text("nobody"));
        Self::default().with_group_id(group()).with_member_id(text("nobody")).with_assignments(vec![assignment])
    }
}

impl Sample for DescribeGroupsRequest {
    fn filled(version: i16) -> Self {
        Self::default().with_groups(vec![group()]).with_include_authorized_operations(version >= 3)
    }
}

impl Sample for ListGroupsRequest {
    fn filled(version: i16) -> Self {
        let states = if version >= 4 { vec![text("Empty")] } else { Vec::new() };
        let types = if version >= 5 { vec![text("classic")] } else { Vec::new() };
        Self::default().with_states_filter(states).with_types_filter(types)
    }
}

impl Sample for ApiVersionsRequest {
    fn filled(version: i16) -> Self {
        let word = || if version >= 3 { text("word") } else { text("") };
        Self::default().with_client_software_name(word()).with_client_software_version(word())
    }
}

impl Sample for CreateTopicsRequest {
    fn filled(version: i16) -> Self {
        let names =
            [topic(), TopicName(text("not a name")), TopicName(StrBytes::from_string(format!("made-{version}")))];
        let topics = names.map(|name| {
            create_topics_request::CreatableTopic::default()
                .with_name(name)
                .with_num_partitions(1)
                .with_replication_factor(1)
        });
        Self::default().with_topics(topics.to_vec()).with_timeout_ms(TIMEOUT_MS)
    }
}

impl Sample for DeleteTopicsRequest {
    fn filled(version: i16) -> Self {
        let request = Self::default().with_timeout_ms(TIMEOUT_MS);
        if version < 6 {
            return request.with_topic_names(vec![missing_topic()]);
        }
        let by_id = delete_topics_request::DeleteTopicState::default().with_topic_id(id_if(true));
        let by_name = delete_topics_request::DeleteTopicState::default().with_name(Some(missing_topic()));
        request.with_topics(vec![by_name, by_id])
    }
}

impl Sample for DeleteRecordsRequest {
    fn filled(_version: i16) -> Self {
        let partitions =
            [0, 99].map(|index| delete_records_request::DeleteRecordsPartition::default().with_partition_index(index));
        let topics = [topic(), missing_topic()].map(|name| {
            delete_records_request::DeleteRecordsTopic::default().with_name(name).with_partitions(partitions.to_vec())
        });
        Self::default().with_topics(topics.to_vec()).with_timeout_ms(TIMEOUT_MS)
    }
}

impl Sample for InitProducerIdRequest {
    fn empty(_version: i16) -> Self {
        Self::default().with_transactional_id(None)
    }

    fn filled(_version: i16) -> Self {
        Self::default()
            .with_transactional_id(Some(TransactionalId(text("transaction"))))
            .with_transaction_timeout_ms(1000)
    }
}

impl Sample for OffsetForLeaderEpochRequest {
    fn filled(version: i16) -> Self {
        let partitions = [0, 99].map(|partition| {
            leader_epoch::OffsetForLeaderPartition::default().with_partition(partition).with_current_leader_epoch(-1)
        });
        let topics = [topic(), missing_topic()].map(|name| {
            leader_epoch::OffsetForLeaderTopic::default().with_topic(name).with_partitions(partitions.to_vec())
        });
        let replica = if version >= 3 { -1 } else { -2 };
        Self::default().with_replica_id(BrokerId(replica)).with_topics(topics.to_vec())
    }
}

impl Sample for DescribeConfigsRequest {
    fn filled(version: i16) -> Self {
        let resources = [(TOPIC_RESOURCE, "sample"), (TOPIC_RESOURCE, "missing"), (BROKER_RESOURCE, "1"), (99, "x")];
        let resources = resources.map(|(kind, name)| {
            describe_configs_request::DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(text(name))
                .with_configuration_keys(None)
        });
        Self::default()
            .with_resources(resources.to_vec())
            .with_include_synonyms(true)
            .with_include_documentation(version >= 3)
    }
}

impl Sample for AlterConfigsRequest {
    fn filled(_version: i16) -> Self {
        let config = alter_configs_request::AlterableConfig::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("1000000")));
        let resources = ["sample", "missing"].map(|name| {
            alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(TOPIC_RESOURCE)
                .with_resource_name(text(name))
                .with_configs(vec![config.clone()])
        });
        Self::default().with_resources(resources.to_vec())
    }
}

impl Sample for IncrementalAlterConfigsRequest {
    fn filled(_version: i16) -> Self {
        let config =
            incremental::AlterableConfig::default().with_name(text("retention.ms")).with_value(Some(text("-5")));
        let resource = incremental::AlterConfigsResource::default()
            .with_resource_type(TOPIC_RESOURCE)
            .with_resource_name(text("sample"))
            .with_configs(vec![config]);
        Self::default().with_resources(vec![resource])
    }
}

impl Sample for DescribeLogDirsRequest {
    fn filled(_version: i16) -> Self {
        Self::default().with_topics(None)
    }
}

impl Sample for CreatePartitionsRequest {
    fn filled(_version: i16) -> Self {
        let topics = [topic(), missing_topic()].map(|name| {
            create_partitions_request::CreatePartitionsTopic::default()
                .with_name(name)
                .with_count(1)
                .with_assignments(None)
        });
        Self::default().with_topics(topics.to_vec()).with_timeout_ms(TIMEOUT_MS)
    }
}

impl Sample for DeleteGroupsRequest {
    fn filled(_version: i16) -> Self {
        Self::default().with_groups_names(vec![GroupId(text("nobody"))])
    }
}

impl Sample for ElectLeadersRequest {
    fn empty(_version: i16) -> Self {
        Self::default().with_topic_partitions(None).with_timeout_ms(TIMEOUT_MS)
    }

    fn filled(_version: i16) -> Self {
        let topics = [topic(), missing_topic()].map(|name| {
            elect_leaders_request::TopicPartitions::default().with_topic(name).with_partitions(vec![0, 99])
        });
        Self::default().with_topic_partitions(Some(topics.to_vec())).with_timeout_ms(TIMEOUT_MS)
    }
}

impl Sample for AlterPartitionReassignmentsRequest {
    fn filled(_version: i16) -> Self {
        let partitions = [(0, Some(vec![BrokerId(1)])), (1, None)].map(|(index, replicas)| {
            reassign::ReassignablePartition::default().with_partition_index(index).with_replicas(replicas)
        });
        let topics = [topic(), missing_topic()]
            .map(|name| reassign::ReassignableTopic::default().with_name(name).with_partitions(partitions.to_vec()));
        Self::default().with_topics(topics.to_vec()).with_timeout_ms(TIMEOUT_MS)
    }
}

impl Sample for ListPartitionReassignmentsRequest {
    fn empty(_version: i16) -> Self {
        Self::default().with_topics(None)
    }

    fn filled(_version: i16) -> Self {
        let topics = [topic(), missing_topic()].map(|name| {
            list_partition_reassignments_request::ListPartitionReassignmentsTopics::default()
                .with_name(name)
                .with_partition_indexes(vec![0])
        });
        Self::default().with_topics(Some(topics.to_vec()))
    }
}

impl Sample for OffsetDeleteRequest {
    fn filled(_version: i16) -> Self {
        let topic = offset_delete_request::OffsetDeleteRequestTopic::default()
            .with_name(topic())
            .with_partitions(vec![offset_delete_request::OffsetDeleteRequestPartition::default()]);
        Self::default().with_group_id(group()).with_topics(vec![topic])
    }
}

impl Sample for DescribeClusterRequest {
    fn filled(version: i16) -> Self {
        Self::default()
            .with_include_cluster_authorized_operations(true)
            .with_endpoint_type(if version >= 1 { 2 } else { 1 })
            .with_include_fenced_brokers(version >= 2)
    }
}

impl Sample for DescribeProducersRequest {
    fn filled(_version: i16) -> Self {
        let topics = [topic(), missing_topic()].map(|name| {
            describe_producers_request::TopicRequest::default().with_name(name).with_partition_indexes(vec![0, 99])
        });
        Self::default().with_topics(topics.to_vec())
    }
}

impl Sample for DescribeTransactionsRequest {
    fn filled(_version: i16) -> Self {
        Self::default().with_transactional_ids(vec![TransactionalId(text("transaction"))])
    }
}

impl Sample for ListTransactionsRequest {
    fn filled(_version: i16) -> Self {
        Self::default().with_state_filters(vec![text("Ongoing"), text("NoState")])
    }
}

impl Sample for DescribeTopicPartitionsRequest {
    fn filled(_version: i16) -> Self {
        let topics = [topic(), missing_topic()]
            .map(|name| describe_topic_partitions_request::TopicRequest::default().with_name(name));
        Self::default().with_topics(topics.to_vec()).with_response_partition_limit(2000)
    }
}

impl Sample for UpdateFeaturesRequest {
    fn filled(version: i16) -> Self {
        let updates = ["metadata.version", "no.feature"].map(|name| {
            let update = update_features_request::FeatureUpdateKey::default().with_feature(text(name));
            let update = update.with_max_version_level(99);
            if version == 0 { update.with_allow_downgrade(true) } else { update.with_upgrade_type(1) }
        });
        Self::default().with_feature_updates(updates.to_vec()).with_timeout_ms(TIMEOUT_MS)
    }
}

impl Sample for UnregisterBrokerRequest {
    fn filled(_version: i16) -> Self {
        Self::default().with_broker_id(BrokerId(99))
    }
}
