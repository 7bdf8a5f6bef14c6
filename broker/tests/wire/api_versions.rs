use crate::harness::TestBroker;
use bytes::{Buf, Bytes};
use kafka_protocol::{
    ResponseError,
    messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse, api_versions_response::ApiVersion},
    protocol::Decodable,
};

/// The first request of real clients, as they send it: name, the version asked for, the frame without its length.
const FIRST_REQUESTS: [(&str, i16, &[u8]); 7] = [
    ("kcat 1.7.1, librdkafka 2.0.2", 3, b"\0\x12\0\x03\0\0\0\x01\0\x07rdkafka\0\x0blibrdkafka\x062.0.2\0"),
    (
        "confluent-kafka 2.16.1, librdkafka 2.16.0",
        3,
        b"\0\x12\0\x03\0\0\0\x01\0\x07rdkafka\0\x17confluent-kafka-python\x162.16.1-rdkafka-2.16.0\0",
    ),
    ("Java 4.3.0", 4, b"\0\x12\0\x04\0\0\0\x01\0\x07admin-1\0\x12apache-kafka-java\x064.3.0\0"),
    ("kafka-python 3.0.12", 4, b"\0\x12\0\x04\0\0\0\x01\0\x13kafka-python-3.0.12\0\x0dkafka-python\x073.0.12\0"),
    ("aiokafka 0.14.0", 0, b"\0\x12\0\0\0\0\0\x01\0\x0faiokafka-0.14.0"),
    ("kafkajs 2.2.4", 2, b"\0\x12\0\x02\0\0\0\0\0\x06my-app"),
    ("franz-go 1.22.2", 5, b"\0\x12\0\x05\0\0\0\0\0\x03kgo\0\x04kgo\x08v1.22.2\0\xff\xff\xff\xff\0"),
];

fn frame(body: &[u8]) -> Vec<u8> {
    [&i32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// Every answer has a response header without tags, whatever the version (KIP-511).
fn read(mut frame: Bytes, version: i16) -> ApiVersionsResponse {
    frame.advance(4);
    let response = ApiVersionsResponse::decode(&mut frame, version).unwrap();
    assert!(frame.is_empty(), "{} bytes too many", frame.len());
    response
}

fn range(response: &ApiVersionsResponse, api: ApiKey) -> Option<(i16, i16)> {
    let found = response.api_keys.iter().find(|row| row.api_key == api as i16);
    found.map(|row| (row.min_version, row.max_version))
}

#[tokio::test]
async fn first_requests_of_real_clients_are_answered() {
    let broker = TestBroker::start().await;
    for (client, version, request) in FIRST_REQUESTS {
        let answer =
            broker.client().await.exchange(&frame(request)).await.unwrap_or_else(|| panic!("{client} is cut off"));
        assert_eq!(answer[..4], request[4..8], "{client}: correlation id");
        if version <= 4 {
            let response = read(answer, version);
            assert_eq!(response.error_code, 0, "{client}");
            assert_eq!(range(&response, ApiKey::ApiVersions), Some((0, 4)), "{client}");
        } else {
            let response = read(answer, 0);
            assert_eq!(response.error_code, ResponseError::UnsupportedVersion.code(), "{client}");
            assert_eq!(response.api_keys.len(), 1, "{client}");
        }
    }
}

#[tokio::test]
async fn an_unknown_version_is_answered_in_version_0_as_kafka_does() {
    let broker = TestBroker::start().await;
    let answer = Bytes::from_static(b"\0\0\0\x07\0\x23\0\0\0\x01\0\x12\0\0\0\x04");
    for request in [
        &b"\0\x12\0\x05\0\0\0\x07\0\x01c\0\x02a\x021\0"[..],
        b"\0\x12\0\x63\0\0\0\x07\0\x01c\0\x02a\x021\0",
        b"\0\x12\xff\xff\0\0\0\x07\0\x01c\0",
        b"\0\x12\xff\xff\0\0\0\x07\0\x01c",
    ] {
        assert_eq!(broker.client().await.exchange(&frame(request)).await, Some(answer.clone()), "{request:?}");
    }
    // Without the tags that its header version needs.
    assert_eq!(broker.client().await.exchange(&frame(b"\0\x12\0\x63\0\0\0\x07\0\x01c")).await, None);
}

#[tokio::test]
async fn client_software_that_is_no_plain_word_is_an_invalid_request() {
    let broker = TestBroker::start().await;
    for request in [
        &b"\0\x12\0\x03\0\0\0\x07\0\x01c\0\x05-bad\x021\0"[..],
        b"\0\x12\0\x03\0\0\0\x07\0\x01c\0\x01\x01\0",
        b"\0\x12\0\x03\0\0\0\x07\0\x01c\0\x02a\x041 2\0",
    ] {
        let mut client = broker.client().await;
        let answer = client.exchange(&frame(request)).await.unwrap();
        assert_eq!(answer, Bytes::from_static(b"\0\0\0\x07\0\x2a\x01\0\0\0\0\0"), "{request:?}");
        // The connection goes on.
        assert_eq!(client.call(0, &ApiVersionsRequest::default()).await.error_code, 0);
    }
}

#[tokio::test]
async fn ranges_are_kafkas_with_the_repairs_that_clients_need() {
    let broker = TestBroker::start().await;
    let response = broker.client().await.call(0, &ApiVersionsRequest::default()).await;
    let keys: Vec<i16> = response.api_keys.iter().map(|row: &ApiVersion| row.api_key).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    // librdkafka 2.0.2 stops compressing when Produce does not begin at 0 (KAFKA-18659).
    assert_eq!(range(&response, ApiKey::Produce), Some((0, 13)));
    // librdkafka before 2.11 looks at JoinGroup 0 to tell what a broker knows.
    assert_eq!(range(&response, ApiKey::JoinGroup), Some((0, 9)));
    assert_eq!(range(&response, ApiKey::Fetch), Some((4, 18)));
    for transactional in [ApiKey::AddPartitionsToTxn, ApiKey::AddOffsetsToTxn, ApiKey::EndTxn, ApiKey::TxnOffsetCommit]
    {
        assert_eq!(range(&response, transactional), None, "transactions are not served");
    }
    for absent in [ApiKey::SaslHandshake, ApiKey::ConsumerGroupHeartbeat, ApiKey::GetTelemetrySubscriptions] {
        assert_eq!(range(&response, absent), None, "{absent:?} is not served");
    }
}

#[tokio::test]
async fn features_start_neither_transactions_v2_nor_new_groups() {
    let broker = TestBroker::start().await;
    let request = ApiVersionsRequest::default()
        .with_client_software_name("test".to_owned().into())
        .with_client_software_version("1".to_owned().into());
    for version in [3, 4] {
        let response = broker.client().await.call(version, &request).await;
        let names: Vec<_> = response.finalized_features.iter().map(|feature| feature.name.as_str()).collect();
        assert_eq!(names, ["eligible.leader.replicas.version", "metadata.version", "weir.broker.holds.version"]);
        assert!(response.finalized_features_epoch >= 0);
    }
}
