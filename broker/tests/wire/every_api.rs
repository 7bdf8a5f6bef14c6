//! Nothing is advertised that does not answer: every API in every advertised version gets an empty request and one with
//! entries, and the response has to have the layout of that version to its last byte.

pub mod samples;

use crate::harness::{Client, TestBroker, decode};
use kafka_protocol::{
    messages::{ApiKey, ApiVersionsRequest, CreateTopicsRequest, create_topics_request::CreatableTopic},
    protocol::Request,
};
use protocol::{codec_versions, guard::walk_response};
use samples::Sample;

/// Advertised below what is served: librdkafka 2.0.2 draws conclusions from the minimum (KAFKA-18659).
const FIRST_SERVED_PRODUCE: i16 = 3;

async fn ask<R: Request + Sample>(client: &mut Client, version: i16) {
    for request in [R::empty(version), R::filled(version)] {
        let body = client.call_with_body(R::KEY, version, &request.body(version)).await;
        let walked = walk_response(R::KEY, version, &body).unwrap();
        assert_eq!(walked.trailing, 0, "API {} version {version}", R::KEY);
        if let Some(codec_version) = codec_versions::of_response(R::KEY, version) {
            decode::<R>(codec_version, body);
        }
    }
}

macro_rules! ask_by_key {
    ($client:expr, $api:expr, $version:expr; $($request:ident)*) => {
        match $api {
            $(kafka_protocol::messages::$request::KEY => {
                ask::<kafka_protocol::messages::$request>($client, $version).await;
            })*
            other => panic!("API {other} is advertised, give it a sample"),
        }
    };
}

#[tokio::test]
async fn every_advertised_version_of_every_api_is_answered() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    let topic = CreatableTopic::default().with_name(samples::topic()).with_num_partitions(2).with_replication_factor(1);
    client.call(7, &CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000)).await;
    let advertised = client.call(0, &ApiVersionsRequest::default()).await.api_keys;
    assert!(advertised.len() >= 30, "the table is not complete: {advertised:?}");
    for row in &advertised {
        let api = ApiKey::try_from(row.api_key).unwrap();
        let first = if api == ApiKey::Produce { FIRST_SERVED_PRODUCE } else { row.min_version };
        for version in first..=row.max_version {
            eprintln!("{api:?} {version}");
            samples::with_all_requests!(ask_by_key, &mut client, row.api_key, version);
        }
    }
}

/// The version next to each end of a served range closes the connection; Kafka does the same.
#[tokio::test]
async fn versions_outside_the_advertised_ranges_close_the_connection() {
    let broker = TestBroker::start().await;
    let advertised = broker.client().await.call(0, &ApiVersionsRequest::default()).await.api_keys;
    for row in advertised.iter().filter(|row| row.api_key != ApiKey::ApiVersions as i16) {
        for version in [row.min_version - 1, row.max_version + 1] {
            let mut frame = vec![0, 0, 0, 11];
            frame.extend_from_slice(&row.api_key.to_be_bytes());
            frame.extend_from_slice(&version.to_be_bytes());
            frame.extend_from_slice(b"\0\0\0\x07\xff\xff\0");
            let answer = broker.client().await.exchange(&frame).await;
            assert_eq!(answer, None, "API {} version {version}", row.api_key);
        }
    }
}
