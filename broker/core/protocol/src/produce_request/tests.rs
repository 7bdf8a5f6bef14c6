use super::*;
use bytes::BytesMut;
use kafka_protocol::{
    messages::{
        self, TransactionalId,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::{Encodable, StrBytes},
};
use model::TopicId;

fn encoded(version: i16) -> Bytes {
    let partition = |index, records: Option<&'static [u8]>| {
        PartitionProduceData::default().with_index(index).with_records(records.map(Bytes::from_static))
    };
    let topic = |name: &'static str, id: u128, partitions| {
        let topic = TopicProduceData::default().with_partition_data(partitions);
        if version >= 13 {
            topic.with_topic_id(uuid::Uuid::from_u128(id))
        } else {
            topic.with_name(StrBytes::from_static_str(name).into())
        }
    };
    let request = messages::ProduceRequest::default()
        .with_transactional_id(Some(TransactionalId(StrBytes::from_static_str("tx"))))
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![
            topic("a", 1, vec![partition(0, Some(b"one")), partition(5, None)]),
            topic("empty", 2, vec![]),
            topic("b", 3, vec![partition(2, Some(b""))]),
        ]);
    let mut out = BytesMut::new();
    request.encode(&mut out, version).unwrap();
    out.freeze()
}

#[test]
fn every_version_gives_what_was_sent_without_copying_records() {
    for version in VERSIONS {
        let body = encoded(version);
        let request = ProduceRequest::read(body.clone(), version).unwrap();
        assert_eq!((request.acks, request.timeout_ms, request.transactional_id()), (-1, 30_000, Some("tx")));
        assert_eq!((request.topic_count, request.partition_count), (3, 3));
        let topics: Vec<_> = request.topics().collect();
        if version >= 13 {
            assert_eq!(topics[2].topic, TopicReference::Id(TopicId(uuid::Uuid::from_u128(3))));
        } else {
            assert_eq!(topics[2].topic, TopicReference::Name("b"));
        }
        let partitions: Vec<Vec<_>> =
            topics.iter().map(|topic| topic.partitions().map(|p| (p.index, p.records)).collect()).collect();
        assert_eq!(partitions[0], [(0, Some(Bytes::from_static(b"one"))), (5, None)]);
        assert!(partitions[1].is_empty());
        assert_eq!(partitions[2], [(2, Some(Bytes::new()))]);
        let records = partitions[0][0].1.as_ref().unwrap();
        assert!(body.as_ptr_range().contains(&records.as_ptr()), "records are a slice of the frame");
    }
}

#[test]
fn every_cut_of_a_request_is_an_error() {
    for version in VERSIONS {
        let body = encoded(version);
        for length in 0..body.len() {
            assert!(ProduceRequest::read(body.slice(..length), version).is_err(), "v{version}, {length} bytes");
        }
    }
}

#[test]
fn counts_that_lie_are_errors() {
    // No transactional id, acks 1, timeout 0, then 2,147,483,647 topics.
    let body = [&[0xff, 0xff, 0, 1, 0, 0, 0, 0][..], &i32::MAX.to_be_bytes()].concat();
    assert!(ProduceRequest::read(Bytes::from(body), 3).is_err());
    let null_topics = [&[0xff, 0xff, 0, 1, 0, 0, 0, 0][..], &(-1i32).to_be_bytes()].concat();
    assert_eq!(ProduceRequest::read(Bytes::from(null_topics), 3).unwrap_err(), WireError::Null);
}

#[test]
fn versions_not_served_are_refused() {
    assert!(ProduceRequest::read(encoded(3), 2).is_err());
    assert!(ProduceRequest::read(encoded(13), 14).is_err());
}
