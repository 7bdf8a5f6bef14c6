//! Frames that real clients sent to Apache Kafka, and what it answered, recorded between them.
//!
//! `*.requests` hold frames as on the wire, size first, one per API and version that the client uses (Produce: one per
//! codec). `*.responses` put API key and version before each. The clients created topics named `golden-…`, produced
//! `golden key` / `golden value` and consumed it in a group.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
use model::{LeaderEpoch, Offset, PartitionIndex, WallTime};
use protocol::{
    codec_versions,
    compression::Compression,
    frame::{RequestHeader, read_request_header, response_header_version},
    guard,
    offset_commit_request::{CommittedPartition, OffsetCommitRequest},
    offset_fetch_request::OffsetFetchRequest,
    produce_request::ProduceRequest,
    record_batch::{BatchView, Batches},
    topic_reference::TopicReference,
    validation::{Origin, ProduceRules, validate},
};
use std::collections::BTreeSet;

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const OFFSET_COMMIT: i16 = 8;
const OFFSET_FETCH: i16 = 9;
const UNPACKED_LIMIT: usize = 1 << 20;

const CLIENTS: [(&str, &[u8]); 5] = [
    ("java", include_bytes!("golden/java-4.3.0.requests")),
    ("librdkafka", include_bytes!("golden/librdkafka-2.16.1.requests")),
    ("kcat", include_bytes!("golden/kcat-1.7.1.requests")),
    ("kafkajs", include_bytes!("golden/kafkajs-2.2.4.requests")),
    ("kafka-python", include_bytes!("golden/kafka-python-3.0.12.requests")),
];
const RESPONSES: &[u8] = include_bytes!("golden/kafka-4.3.0.responses");

struct Request {
    client: &'static str,
    header: RequestHeader,
    body: Bytes,
}

impl Request {
    fn api(&self) -> (i16, i16) {
        (self.header.prefix.api_key, self.header.prefix.api_version)
    }

    /// None for a version that the codec lacks.
    fn decode(&self) -> Option<RequestKind> {
        let (key, version) = self.api();
        let mut body = self.body.clone();
        let api = ApiKey::try_from(key).expect("recorded APIs are known");
        let decoded = RequestKind::decode(api, &mut body, codec_versions::of_request(key, version)?);
        let decoded = decoded.unwrap_or_else(|error| panic!("{} key {key} v{version}: {error}", self.client));
        assert!(body.is_empty(), "{} key {key} v{version} leaves {} bytes", self.client, body.len());
        Some(decoded)
    }
}

fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for (client, recorded) in CLIENTS {
        let mut recorded = Bytes::from_static(recorded);
        while recorded.has_remaining() {
            let size = recorded.get_u32() as usize;
            let (header, body) = read_request_header(&recorded.split_to(size)).expect("recorded headers are good");
            requests.push(Request { client, header, body });
        }
    }
    requests
}

#[test]
fn every_recorded_request_passes_the_guard_and_encodes_to_the_same_bytes() {
    let requests = requests();
    assert!(requests.len() > 100, "{} requests", requests.len());
    for request in &requests {
        let (key, version) = request.api();
        let walked = guard::walk_request(key, version, &request.body)
            .unwrap_or_else(|error| panic!("{} key {key} v{version}: {error}", request.client));
        assert_eq!((walked.trailing, walked.tags <= 2), (0, true));
        let Some(decoded) = request.decode() else { continue };
        let mut again = BytesMut::new();
        decoded.encode(&mut again, codec_versions::of_request(key, version).unwrap()).unwrap();
        assert_eq!(again, request.body, "{} key {key} v{version}", request.client);
    }
}

/// Java does so in groups of the newer protocol (KIP-848).
#[test]
fn offsets_of_topics_named_by_id_are_read_as_java_sends_them() {
    let recorded = |api| requests().into_iter().find(|request| request.api() == api).expect("it is recorded");
    let commit = recorded((OFFSET_COMMIT, 10));
    let commit = OffsetCommitRequest::read(&commit.body, 10).unwrap();
    assert_eq!((commit.group_id, commit.generation_id, commit.group_instance_id), ("golden-next", 2, None));
    let partition = |index, offset, epoch| CommittedPartition {
        index: PartitionIndex(index),
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(epoch),
        metadata: Some(""),
    };
    assert_eq!(commit.topics[0].partitions, [partition(1, 0, -1), partition(0, 1, 0)]);
    let fetch = recorded((OFFSET_FETCH, 10));
    let fetch = OffsetFetchRequest::read(&fetch.body, 10).unwrap();
    assert_eq!((fetch.groups.len(), fetch.groups[0].group_id, fetch.require_stable), (1, "golden-next", true));
    let asked = &fetch.groups[0].topics.as_ref().unwrap()[0];
    assert_eq!(asked.partitions, [PartitionIndex(1), PartitionIndex(0)]);
    assert_eq!(commit.topics[0].topic, asked.topic);
    assert!(matches!(asked.topic, TopicReference::Id(id) if !id.is_zero()));
}

#[test]
fn client_ids_are_read_from_both_header_versions() {
    let ids = |client| {
        let of_client = requests().into_iter().filter(move |request| request.client == client);
        of_client.filter_map(|request| request.header.client_id).map(|id| id.to_string()).collect::<BTreeSet<_>>()
    };
    for client in ["librdkafka", "kafkajs", "kafka-python"] {
        assert!(ids(client).contains("golden"), "{client}: {:?}", ids(client));
    }
    assert_eq!(ids("kcat"), BTreeSet::from(["rdkafka".to_string()]));
}

#[test]
fn batches_of_every_client_and_codec_are_valid_and_hold_what_was_sent() {
    let mut seen = BTreeSet::new();
    let rules = ProduceRules { timestamp_after_max_ms: i64::MAX, ..ProduceRules::default() };
    for request in requests().iter().filter(|request| request.api().0 == PRODUCE) {
        let produce = ProduceRequest::read(request.body.clone(), request.api().1).unwrap();
        assert!([-1, 1].contains(&produce.acks));
        for partition in produce.topics().flat_map(|topic| topic.partitions().collect::<Vec<_>>()) {
            let records = partition.records.unwrap();
            let valid = validate(&records, Origin::Client, &rules, WallTime(0)).unwrap();
            assert!(!valid.rebuilt);
            let batch = BatchView::read(&valid.bytes).unwrap();
            seen.insert((request.client, batch.header.attributes.compression().unwrap()));
            let mut scratch = Vec::new();
            for record in batch.records(&mut scratch, UNPACKED_LIMIT).unwrap().map(Result::unwrap) {
                if record.key == Some(b"golden key") {
                    assert_eq!(record.value, Some(&b"golden value"[..]));
                    let headers = record.headers.map(|header| (header.key, header.value)).collect::<Vec<_>>();
                    assert!(headers.is_empty() || headers == [(&b"h"[..], Some(&b"1"[..])), (b"h", Some(b"2"))]);
                }
            }
        }
    }
    for client in ["java", "librdkafka"] {
        for codec in Compression::ALL {
            assert!(seen.contains(&(client, codec)), "no {codec:?} from {client}");
        }
    }
    assert!(seen.contains(&("kafkajs", Compression::Gzip)));
}

#[test]
fn create_topics_says_what_each_client_asked_for() {
    let mut names = BTreeSet::new();
    for request in requests() {
        if let Some(RequestKind::CreateTopics(create)) = request.decode() {
            let topic = &create.topics[0];
            assert_eq!(topic.num_partitions, 2, "{}", request.client);
            names.insert(topic.name.to_string());
        }
    }
    assert_eq!(names, ["golden-java", "golden-js", "golden-kp", "golden-rd"].map(String::from).into());
}

#[test]
fn subscriptions_of_every_client_are_read() {
    let mut clients = BTreeSet::new();
    for request in requests() {
        if let Some(RequestKind::JoinGroup(join)) = request.decode() {
            assert_eq!(join.protocol_type.as_str(), "consumer");
            for protocol in &join.protocols {
                let subscription = guard::decode_subscription(&protocol.metadata).unwrap();
                assert!(subscription.topics[0].starts_with("golden-"), "{}: {subscription:?}", request.client);
            }
            clients.insert(request.client);
        }
        if let Some(RequestKind::SyncGroup(sync)) = request.decode() {
            for member in &sync.assignments {
                let assignment = guard::decode_assignment(&member.assignment).unwrap();
                assert!(assignment.assigned_partitions[0].topic.starts_with("golden-"));
            }
        }
    }
    assert_eq!(clients, ["java", "kafka-python", "kafkajs", "librdkafka"].into());
}

#[test]
fn every_recorded_response_passes_the_guard_and_encodes_to_the_same_bytes() {
    let mut recorded = Bytes::from_static(RESPONSES);
    let mut count = 0;
    while recorded.has_remaining() {
        let (key, version) = (recorded.get_i16(), recorded.get_i16());
        let size = recorded.get_u32() as usize;
        let header = 4 + usize::from(response_header_version(key, version).unwrap() >= 1);
        let body = recorded.split_to(size).slice(header..);
        let walked = guard::walk_response(key, version, &body).unwrap_or_else(|e| panic!("key {key} v{version}: {e}"));
        assert_eq!(walked.trailing, 0, "key {key} v{version}");
        count += 1;
        let Some(codec_version) = codec_versions::of_response(key, version) else { continue };
        let mut rest = body.clone();
        let response = ResponseKind::decode(ApiKey::try_from(key).unwrap(), &mut rest, codec_version).unwrap();
        assert!(rest.is_empty());
        if let ResponseKind::Fetch(fetch) = &response {
            assert_eq!(key, FETCH);
            for records in fetch.responses.iter().flat_map(|t| &t.partitions).filter_map(|p| p.records.as_ref()) {
                Batches::new(records).flatten().for_each(|batch| batch.check_crc().unwrap());
            }
        }
        let mut again = BytesMut::new();
        response.encode(&mut again, codec_version).unwrap();
        assert_eq!(again, body, "key {key} v{version}");
    }
    assert!(count > 40, "{count} responses");
}
