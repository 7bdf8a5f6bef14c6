//! Groups over a real broker in this process: its offsets topic, its clock, its restarts.

mod hosting;
mod leadership;
mod topic_ids;
mod versions;

use crate::api::{Handler, Response, TABLE, fixture::Fixture};
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        GroupId, JoinGroupRequest, JoinGroupResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
        OffsetFetchResponse, ResponseHeader, SyncGroupRequest, TopicName,
        join_group_request::JoinGroupRequestProtocol,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::{OffsetFetchRequestTopic, OffsetFetchRequestTopics},
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::{Decodable, HeaderVersion, Request, StrBytes},
};
use model::TopicId;
use protocol::requests_by_topic_id;

const FIRST_BY_ID: i16 = 10;
const NOBODYS_ID: TopicId = TopicId(uuid::Uuid::from_u128(99));

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

/// Through the table of APIs, as a connection would: encoded, decoded, answered, encoded, decoded.
async fn call<R: Request>(fixture: &Fixture, version: i16, request: &R) -> R::Response {
    let mut body = BytesMut::new();
    request.encode(&mut body, version).unwrap();
    send::<R>(fixture, version, body.freeze()).await
}

async fn send<R: Request>(fixture: &Fixture, version: i16, body: Bytes) -> R::Response {
    let api = TABLE.iter().find(|api| api.key as i16 == R::KEY).expect("the API is served");
    let context = fixture.context(version);
    let response = match &api.handler {
        Handler::Ordinary(handle) | Handler::Parking(handle) => handle(context, body).await,
        Handler::Overlapping(_) => unreachable!("no group API overlaps"),
    };
    let Response::Bytes(mut frame) = response else { panic!("answered with a frame") };
    let _length: Bytes = frame.split_to(4);
    ResponseHeader::decode(&mut frame, R::Response::header_version(version)).unwrap();
    let response = R::Response::decode(&mut frame, version).unwrap();
    assert!(frame.is_empty(), "bytes after the response");
    response
}

/// In the versions that name topics by id as well.
async fn commit(fixture: &Fixture, version: i16, request: &OffsetCommitRequest) -> OffsetCommitResponse {
    if version < FIRST_BY_ID {
        return call(fixture, version, request).await;
    }
    let body = requests_by_topic_id::offset_commit(request, |name| topic_id(fixture, name));
    send::<OffsetCommitRequest>(fixture, version, body).await
}

async fn fetch_offsets(fixture: &Fixture, version: i16, request: &OffsetFetchRequest) -> OffsetFetchResponse {
    if version < FIRST_BY_ID {
        return call(fixture, version, request).await;
    }
    let body = requests_by_topic_id::offset_fetch(request, |name| topic_id(fixture, name));
    send::<OffsetFetchRequest>(fixture, version, body).await
}

/// Of a topic that is not there, one that nobody has.
fn topic_id(fixture: &Fixture, name: &str) -> TopicId {
    fixture.broker().metadata.current().topic(name).map_or(NOBODYS_ID, |topic| topic.id)
}

fn join_request(name: &str, member: &str) -> JoinGroupRequest {
    let metadata = Bytes::from_static(b"\0\x01\0\0\0\x01\0\x06orders\xff\xff\xff\xff");
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(metadata);
    JoinGroupRequest::default()
        .with_group_id(group(name))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_member_id(text(member))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

/// Joins as the only member, with the id handshake where the version has one.
async fn join(fixture: &Fixture, version: i16, name: &str) -> JoinGroupResponse {
    let first = call(fixture, version, &join_request(name, "")).await;
    if first.error_code != 79 {
        return first;
    }
    call(fixture, version, &join_request(name, &first.member_id)).await
}

fn sync_request(name: &str, joined: &JoinGroupResponse, version: i16) -> SyncGroupRequest {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(Bytes::from_static(b"all of it"));
    let request = SyncGroupRequest::default()
        .with_group_id(group(name))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(vec![assignment]);
    if version < 5 {
        return request;
    }
    request.with_protocol_type(Some(text("consumer"))).with_protocol_name(Some(text("range")))
}

/// For partition 0 of `orders`.
fn commit_request(name: &str, member: &str, generation: i32, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("note")));
    let topic = OffsetCommitRequestTopic::default().with_name(topic("orders")).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group(name))
        .with_member_id(text(member))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(vec![topic])
}

fn fetch_request(name: &str, version: i16) -> OffsetFetchRequest {
    use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
    if version < 8 {
        let topic = OffsetFetchRequestTopic::default().with_name(topic("orders")).with_partition_indexes(vec![0]);
        return OffsetFetchRequest::default().with_group_id(group(name)).with_topics(Some(vec![topic]));
    }
    let topic = OffsetFetchRequestTopics::default().with_name(topic("orders")).with_partition_indexes(vec![0]);
    let group = OffsetFetchRequestGroup::default().with_group_id(group(name)).with_topics(Some(vec![topic]));
    OffsetFetchRequest::default().with_groups(vec![group])
}

/// Error of the whole, offset and metadata of the one partition asked for.
fn fetched(response: &OffsetFetchResponse, version: i16) -> (i16, i64, String) {
    if version < 8 {
        let Some(topic) = response.topics.first() else { return (response.error_code, -1, String::new()) };
        let partition = &topic.partitions[0];
        let metadata = partition.metadata.clone().unwrap_or_default();
        return (partition.error_code, partition.committed_offset, metadata.to_string());
    }
    let group = &response.groups[0];
    let Some(topic) = group.topics.first() else { return (group.error_code, -1, String::new()) };
    let partition = &topic.partitions[0];
    (partition.error_code, partition.committed_offset, partition.metadata.clone().unwrap_or_default().to_string())
}

async fn committed(fixture: &Fixture, name: &str) -> i64 {
    fetched(&call(fixture, 7, &fetch_request(name, 7)).await, 7).1
}

/// A broker with the topic `orders`, whose coordinators are loaded.
async fn started() -> Fixture {
    let fixture = Fixture::start_with(&[("group.initial.rebalance.delay.ms", "0")]).await;
    fixture.topic("orders", 2, &[]).await;
    find_coordinator(&fixture, "any").await;
    fixture
}

/// Until the offsets topic is there and loaded.
async fn find_coordinator(fixture: &Fixture, name: &str) {
    use kafka_protocol::messages::{FindCoordinatorRequest, ListGroupsRequest};
    let found = call(fixture, 3, &FindCoordinatorRequest::default().with_key(text(name))).await;
    assert_eq!(found.error_code, 0, "{found:?}");
    until(async || call(fixture, 4, &ListGroupsRequest::default()).await.error_code == 0).await;
}

async fn until(condition: impl AsyncFn() -> bool) {
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
    while !condition().await {
        assert!(tokio::time::Instant::now() < limit, "the condition never came");
        tokio::task::yield_now().await;
    }
}
