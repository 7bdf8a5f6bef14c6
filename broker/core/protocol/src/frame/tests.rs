use super::*;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataResponse};

const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;

fn frame_of(bytes: &Bytes) -> Bytes {
    let size = i32::from_be_bytes(bytes[..4].try_into().unwrap());
    assert_eq!(size as usize, bytes.len() - 4);
    bytes.slice(4..)
}

#[test]
fn short_frames_are_errors() {
    let prefix = FramePrefix { api_key: METADATA, api_version: 9, correlation_id: 7 };
    let frame = frame_of(&encode_request(prefix, Some("me"), &MetadataRequest::default()).unwrap());
    for length in 0..13 {
        assert!(read_request_header(&frame.slice(..length)).is_err(), "{length} bytes");
    }
    assert!(FramePrefix::read(&frame[..7]).is_err());
    assert_eq!(FramePrefix::read(&frame[..8]), Ok(prefix));
}

#[test]
fn header_of_either_version_gives_client_id_and_body() {
    for api_version in [0, 8, 9, 13] {
        for client_id in [None, Some(""), Some("rdkafka")] {
            let prefix = FramePrefix { api_key: METADATA, api_version, correlation_id: -5 };
            let request = MetadataRequest::default().with_topics(Some(vec![]));
            let frame = frame_of(&encode_request(prefix, client_id, &request).unwrap());
            let (header, body) = read_request_header(&frame).unwrap();
            assert_eq!(header.prefix, prefix);
            assert_eq!(header.client_id.as_deref(), client_id);
            assert_eq!(body.len(), request.compute_size(api_version).unwrap());
        }
    }
}

#[test]
fn unknown_api_is_named_and_its_prefix_still_readable() {
    let frame = Bytes::from_static(&[0x7f, 0xff, 0, 1, 0, 0, 0, 9, 0, 0]);
    assert!(matches!(read_request_header(&frame), Err(FrameError::UnknownApi(0x7fff))));
    assert_eq!(FramePrefix::read(&frame).unwrap().correlation_id, 9);
}

#[test]
fn api_versions_of_any_version_is_answered_with_the_oldest_header() {
    for version in [0, 3, 4, 5, 99] {
        assert_eq!(response_header_version(API_VERSIONS, version).unwrap(), 0);
    }
    assert_eq!(request_header_version(API_VERSIONS, 99).unwrap(), 2);
    let answer = encode_response(API_VERSIONS, 3, 1, &ApiVersionsResponse::default()).unwrap();
    let body = ApiVersionsResponse::default().compute_size(3).unwrap();
    assert_eq!(frame_of(&answer).len(), 4 + body);
    assert!(ApiVersionsRequest::default().compute_size(3).is_ok());
}

#[test]
fn flexible_response_has_tags_between_correlation_id_and_body() {
    let answer = frame_of(&encode_response(METADATA, 9, 0x01020304, &MetadataResponse::default()).unwrap());
    assert_eq!(answer[..5], [1, 2, 3, 4, 0]);
    let plain = frame_of(&encode_response(METADATA, 8, 0x01020304, &MetadataResponse::default()).unwrap());
    assert_eq!(plain.len(), 4 + MetadataResponse::default().compute_size(8).unwrap());
}

#[test]
fn field_the_version_lacks_is_an_error_not_a_panic() {
    let request = MetadataRequest::default().with_include_topic_authorized_operations(true);
    let prefix = FramePrefix { api_key: METADATA, api_version: 1, correlation_id: 0 };
    assert!(matches!(encode_request(prefix, None, &request), Err(FrameError::Encode { .. })));
}

#[test]
fn hostile_tag_counts_end_at_the_bytes() {
    let mut frame = vec![0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff];
    frame.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(matches!(read_request_header(&Bytes::from(frame)), Err(FrameError::Wire(_))));
}
