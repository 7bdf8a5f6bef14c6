//! Valid requests made from seeds: whatever they say, the answer fits the version.

use super::*;
use crate::api::{Handler, Response, TABLE};
use protocol::samples::{Source, request_body};

/// Without those that create: a seed may ask for a hundred thousand partitions.
const KEYS: [ApiKey; 11] = [
    ApiKey::Metadata,
    ApiKey::DeleteTopics,
    ApiKey::InitProducerId,
    ApiKey::DescribeConfigs,
    ApiKey::AlterConfigs,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::DescribeCluster,
    ApiKey::DescribeTopicPartitions,
    ApiKey::ElectLeaders,
    ApiKey::AlterPartitionReassignments,
    ApiKey::ListPartitionReassignments,
];

#[tokio::test]
async fn any_valid_request_has_an_answer_that_fits_its_version() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 2, &[]).await;
    let mut asked = 0;
    for api in TABLE.iter().filter(|api| KEYS.contains(&api.key)) {
        let Handler::Ordinary(handle) = &api.handler else { panic!("{:?} waits for nobody", api.key) };
        for version in api.served.0..=api.served.1 {
            for seed in 0..25 {
                let mut source = Source::new(seed * 100 + version as u64);
                let Some(body) = request_body(api.key as i16, version, &mut source) else { continue };
                let response = handle(fixture.context(version), body.into()).await;
                assert!(matches!(response, Response::Bytes(_)), "{:?} {version} seed {seed}: {response:?}", api.key);
                asked += 1;
            }
        }
    }
    assert!(asked > 500, "only {asked} requests were made");
}
