use super::*;
use crate::requests_by_topic_id;
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        self, GroupId,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    },
    protocol::{Encodable, StrBytes},
};
use model::TopicId;
use uuid::Uuid;

const ID: TopicId = TopicId(Uuid::from_u128(77));

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn encoded(version: i16) -> Bytes {
    let partition = |index, offset, epoch, metadata: Option<&'static str>| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(epoch)
            .with_committed_metadata(metadata.map(text))
    };
    let topic = |name, partitions| OffsetCommitRequestTopic::default().with_name(name).with_partitions(partitions);
    let request = messages::OffsetCommitRequest::default()
        .with_group_id(GroupId(text("readers")))
        .with_generation_id_or_member_epoch(5)
        .with_member_id(text("member"))
        .with_group_instance_id((version >= 7).then(|| text("instance")))
        .with_retention_time_ms(9_000)
        .with_topics(vec![
            topic(text("orders").into(), vec![partition(3, 1 << 40, 8, Some("note")), partition(4, 0, -1, None)]),
            topic(text("empty").into(), vec![]),
        ]);
    if version >= 10 {
        return requests_by_topic_id::offset_commit(&request, |name| if name == "orders" { ID } else { TopicId::ZERO });
    }
    let mut out = BytesMut::new();
    request.encode(&mut out, version).unwrap();
    out.freeze()
}

#[test]
fn every_version_gives_what_was_sent() {
    for version in VERSIONS {
        let body = encoded(version);
        let partition = |index, offset, epoch, metadata| CommittedPartition {
            index: PartitionIndex(index),
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(if version >= 6 { epoch } else { -1 }),
            metadata,
        };
        let topic = |name, id, partitions| {
            let topic = if version >= 10 { TopicReference::Id(id) } else { TopicReference::Name(name) };
            CommittedTopic { topic, partitions }
        };
        let expected = OffsetCommitRequest {
            group_id: "readers",
            generation_id: 5,
            member_id: "member",
            group_instance_id: (version >= 7).then_some("instance"),
            retention_time_ms: (version <= 4).then_some(9_000),
            topics: vec![
                topic("orders", ID, vec![partition(3, 1 << 40, 8, Some("note")), partition(4, 0, -1, None)]),
                topic("empty", TopicId::ZERO, vec![]),
            ],
        };
        assert_eq!(OffsetCommitRequest::read(&body, version), Ok(expected), "v{version}");
    }
}

#[test]
fn every_cut_of_a_request_is_an_error() {
    for version in VERSIONS {
        let body = encoded(version);
        for length in 0..body.len() {
            assert!(OffsetCommitRequest::read(&body[..length], version).is_err(), "v{version}, {length} bytes");
        }
    }
}

#[test]
fn counts_that_lie_are_errors() {
    // Empty names, generation 0, no instance, then 4,294,967,294 topics.
    let body = [1, 0, 0, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(matches!(OffsetCommitRequest::read(&body, 10), Err(WireError::Truncated { .. })));
}

#[test]
fn versions_not_served_are_refused() {
    assert!(OffsetCommitRequest::read(&encoded(2), 1).is_err());
    assert!(OffsetCommitRequest::read(&encoded(10), 11).is_err());
}
