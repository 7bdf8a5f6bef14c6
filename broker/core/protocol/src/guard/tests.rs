use super::{embedded::LAST_EMBEDDED_VERSION, *};
use crate::{
    codec_versions,
    samples::{self, Source},
};
use bytes::BytesMut;
use kafka_protocol::{
    messages::{
        ApiKey, ConsumerProtocolAssignment, ConsumerProtocolSubscription, RequestKind, ResponseKind,
        consumer_protocol_assignment, consumer_protocol_subscription::TopicPartition,
    },
    protocol::{Encodable, StrBytes},
};

const FETCH: i16 = 1;
const METADATA: i16 = 3;

fn every_request() -> impl Iterator<Item = (i16, i16)> {
    requests::ALL.iter().flat_map(|s| (s.first_version..=s.last_version).map(|version| (s.api_key, version)))
}

#[test]
fn tables_agree_with_the_codec_on_every_request_and_version() {
    let mut source = Source::new(1);
    for (api_key, version) in every_request() {
        for _ in 0..50 {
            let body = samples::request_body(api_key, version, &mut source).unwrap();
            let walked = walk_request(api_key, version, &body).unwrap();
            assert_eq!(walked.trailing, 0);
            let Some(codec_version) = codec_versions::of_request(api_key, version) else { continue };
            let mut bytes = bytes::Bytes::from(body.clone());
            let request = RequestKind::decode(ApiKey::try_from(api_key).unwrap(), &mut bytes, codec_version)
                .unwrap_or_else(|error| panic!("key {api_key} v{version}: {error}"));
            assert!(bytes.is_empty(), "key {api_key} v{version}: codec leaves {} bytes", bytes.len());
            let mut again = BytesMut::new();
            request.encode(&mut again, codec_version).unwrap();
            assert_eq!(walk_request(api_key, version, &again).unwrap().elements, walked.elements);
            assert_eq!(again, body, "key {api_key} v{version} came back with other bytes");
        }
    }
}

#[test]
fn tables_agree_with_the_codec_on_every_response_and_version() {
    let mut source = Source::new(2);
    for schema in responses::ALL {
        for version in schema.first_version..=schema.last_version {
            for _ in 0..50 {
                let body = samples::response_body(schema.api_key, version, &mut source).unwrap();
                assert_eq!(walk_response(schema.api_key, version, &body).unwrap().trailing, 0);
                let Some(codec_version) = codec_versions::of_response(schema.api_key, version) else { continue };
                let mut bytes = bytes::Bytes::from(body.clone());
                let api = ApiKey::try_from(schema.api_key).unwrap();
                ResponseKind::decode(api, &mut bytes, codec_version)
                    .unwrap_or_else(|error| panic!("key {} v{version}: {error}", schema.api_key));
                assert!(bytes.is_empty(), "key {} v{version}: codec leaves bytes", schema.api_key);
            }
        }
    }
}

#[test]
fn every_request_version_has_a_response_table() {
    for schema in requests::ALL {
        let response = find(responses::ALL, schema.api_key).unwrap();
        assert!(response.first_version <= schema.first_version, "key {}", schema.api_key);
        assert!(schema.last_version <= response.last_version, "key {}", schema.api_key);
    }
    let mut keys: Vec<_> = request_keys().collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), requests::ALL.len(), "a key appears twice");
}

#[test]
fn every_cut_of_a_request_is_refused() {
    let mut source = Source::new(3);
    for (api_key, version) in every_request() {
        let body = samples::request_body(api_key, version, &mut source).unwrap();
        for length in 0..body.len() {
            assert!(
                walk_request(api_key, version, &body[..length]).is_err(),
                "key {api_key} v{version} {length} bytes"
            );
        }
    }
}

#[test]
fn count_without_bytes_behind_it_is_refused() {
    let million_topics = 50_000_000i32.to_be_bytes();
    let error = walk_request(METADATA, 1, &million_topics).unwrap_err();
    assert!(matches!(error, GuardError::Malformed { field: "topics", .. }), "{error}");
    let compact = [0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(walk_request(METADATA, 12, &compact).is_err());
}

#[test]
fn elements_are_capped_across_all_arrays() {
    // Two topics with 600,000 partitions each: either array alone would pass.
    let mut body = vec![0xff; 4];
    body.extend([0; 12]);
    body.push(0);
    body.extend(2i32.to_be_bytes());
    for _ in 0..2 {
        body.extend([0, 1, b't']);
        body.extend(600_000i32.to_be_bytes());
        body.extend(vec![0; 600_000 * 16]);
    }
    assert_eq!(walk_request(FETCH, 4, &body), Err(GuardError::TooManyElements { limit: 1_000_000 }));
}

#[test]
fn tags_are_capped_and_must_be_as_long_as_they_say() {
    let many = 10_001;
    // Metadata 9: no topics, three booleans, then tags.
    let mut body = vec![1, 0, 0, 0];
    let mut tags = Vec::new();
    crate::wire::put_unsigned_varint(&mut tags, many);
    body.extend(tags);
    body.extend((0..many).flat_map(|_| [100, 0]));
    assert_eq!(walk_request(METADATA, 9, &body), Err(GuardError::TooManyTags { limit: 10_000 }));

    // Fetch 12: tag 0 (cluster id) says 9 bytes and holds 2.
    let mut body = vec![0xff; 4];
    body.extend([0; 12]);
    body.push(0);
    body.extend([0; 8]);
    body.extend([1, 1, 1, 1, 0, 9, 2, b'a', 0, 0, 0, 0, 0, 0, 0]);
    let error = walk_request(FETCH, 12, &body).unwrap_err();
    assert_eq!(error, GuardError::TagSize { field: "cluster_id", size: 9, used: 2 });
}

#[test]
fn null_is_refused_where_kafka_refuses_it() {
    let null = (-1i32).to_be_bytes();
    assert!(walk_request(METADATA, 1, &null).is_ok(), "all topics");
    assert!(walk_request(METADATA, 0, &null).is_err());
}

#[test]
fn unknown_keys_and_versions_are_refused() {
    assert_eq!(walk_request(METADATA, 14, &[]), Err(GuardError::Unknown { api_key: METADATA, version: 14 }));
    assert!(walk_request(-1, 0, &[]).is_err());
    assert_eq!(request_versions(FETCH), Some(4..=18));
    assert_eq!(request_versions(88), None);
}

fn versioned(version: i16, message: &impl Encodable) -> bytes::Bytes {
    let mut out = BytesMut::new();
    out.extend_from_slice(&version.to_be_bytes());
    message.encode(&mut out, version.min(LAST_EMBEDDED_VERSION)).unwrap();
    out.freeze()
}

#[test]
fn subscriptions_of_every_version_are_read() {
    for version in 0..=3 {
        let mut sent = ConsumerProtocolSubscription::default()
            .with_topics(vec![StrBytes::from_static_str("orders")])
            .with_user_data(Some(bytes::Bytes::from_static(b"u")));
        if version >= 1 {
            let owned = TopicPartition::default().with_topic(StrBytes::from_static_str("orders").into());
            sent = sent.with_owned_partitions(vec![owned.with_partitions(vec![1, 2])]);
        }
        if version >= 2 {
            sent = sent.with_generation_id(9);
        }
        let blob = versioned(version, &sent);
        assert_eq!(decode_subscription(&blob).unwrap(), sent);
        for length in 0..blob.len() {
            assert!(decode_subscription(&blob.slice(..length)).is_err(), "v{version}, {length} bytes");
        }
    }
}

#[test]
fn blobs_of_a_later_version_are_read_as_the_last_known() {
    let sent = ConsumerProtocolSubscription::default().with_topics(vec![StrBytes::from_static_str("t")]);
    let mut later = versioned(3, &sent).to_vec();
    later[1] = 7;
    later.extend(b"fields of the future");
    assert_eq!(decode_subscription(&later.into()).unwrap(), sent);
    assert!(decode_subscription(&bytes::Bytes::from_static(&[0xff, 0xff])).is_err());
}

#[test]
fn assignments_are_read_and_hostile_ones_refused() {
    let partition = consumer_protocol_assignment::TopicPartition::default()
        .with_topic(StrBytes::from_static_str("t").into())
        .with_partitions(vec![0, 5]);
    let sent = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![partition]);
    assert_eq!(decode_assignment(&versioned(1, &sent)).unwrap(), sent);
    let claim = [&[0, 0][..], &i32::MAX.to_be_bytes()].concat();
    assert!(decode_assignment(&claim.into()).is_err());
}

#[test]
fn cost_of_an_element_covers_the_largest_structs() {
    use kafka_protocol::messages::{
        describe_groups_response as groups, fetch_request, fetch_response, metadata_response,
    };
    let largest = [
        size_of::<fetch_response::PartitionData>(),
        size_of::<groups::DescribedGroup>(),
        size_of::<groups::DescribedGroupMember>(),
        size_of::<metadata_response::MetadataResponseTopic>(),
        size_of::<fetch_request::FetchPartition>(),
    ];
    let one = Walked { elements: 1, tags: 0, trailing: 0 };
    let none = Walked { elements: 0, tags: 0, trailing: 0 };
    assert!(largest.iter().all(|size| *size <= one.decoding_cost() - none.decoding_cost()), "{largest:?}");
}
