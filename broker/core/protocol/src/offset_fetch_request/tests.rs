use super::*;
use crate::requests_by_topic_id;
use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        self, GroupId,
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics},
    },
    protocol::{Encodable, StrBytes},
};
use model::TopicId;
use uuid::Uuid;

const ID: TopicId = TopicId(Uuid::from_u128(77));

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

/// Two partitions of `orders` for one group and, where the version has many, everything of another.
fn encoded(version: i16) -> Bytes {
    let request = messages::OffsetFetchRequest::default().with_require_stable(version >= 7);
    let request = if version < 8 {
        let topic = OffsetFetchRequestTopic::default().with_name(text("orders").into());
        let topics = vec![topic.with_partition_indexes(vec![0, 6])];
        request.with_group_id(GroupId(text("readers"))).with_topics(Some(topics))
    } else {
        let group = |name| OffsetFetchRequestGroup::default().with_group_id(GroupId(text(name))).with_member_epoch(4);
        let topic = OffsetFetchRequestTopics::default().with_name(text("orders").into());
        let topics = vec![topic.with_partition_indexes(vec![0, 6])];
        let member = (version >= 9).then(|| text("member"));
        let some = group("readers").with_topics(Some(topics)).with_member_id(member);
        request.with_groups(vec![some, group("others").with_topics(None)])
    };
    if version >= 10 {
        return requests_by_topic_id::offset_fetch(&request, |_| ID);
    }
    let mut out = BytesMut::new();
    request.encode(&mut out, version).unwrap();
    out.freeze()
}

#[test]
fn every_version_gives_what_was_sent() {
    for version in VERSIONS {
        let topic = if version >= 10 { TopicReference::Id(ID) } else { TopicReference::Name("orders") };
        let topic = AskedTopic { topic, partitions: vec![PartitionIndex(0), PartitionIndex(6)] };
        let mut groups = vec![AskedGroup { group_id: "readers", topics: Some(vec![topic]) }];
        if version >= 8 {
            groups.push(AskedGroup { group_id: "others", topics: None });
        }
        let expected = OffsetFetchRequest { groups, require_stable: version >= 7 };
        assert_eq!(OffsetFetchRequest::read(&encoded(version), version), Ok(expected), "v{version}");
    }
}

#[test]
fn null_topics_mean_all_from_version_two() {
    // Group "g", null for the topics.
    let body = [0, 1, b'g', 0xff, 0xff, 0xff, 0xff];
    assert_eq!(OffsetFetchRequest::read(&body, 1), Err(WireError::Null));
    assert_eq!(OffsetFetchRequest::read(&body, 2).unwrap().groups[0].topics, None);
}

#[test]
fn every_cut_of_a_request_is_an_error() {
    for version in VERSIONS {
        let body = encoded(version);
        for length in 0..body.len() {
            assert!(OffsetFetchRequest::read(&body[..length], version).is_err(), "v{version}, {length} bytes");
        }
    }
}

#[test]
fn versions_not_served_are_refused() {
    assert!(OffsetFetchRequest::read(&encoded(1), 0).is_err());
    assert!(OffsetFetchRequest::read(&encoded(10), 11).is_err());
}
