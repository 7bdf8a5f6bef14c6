use super::*;
use crate::api::{
    Handler, TABLE,
    fixture::{Fixture, batch, fetch_request, produce_request},
};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        alter_partition_reassignments_response::{ReassignablePartitionResponse, ReassignableTopicResponse},
        find_coordinator_response::Coordinator,
    },
};
use protocol::samples::{Source, request_body};

/// These create: a sample may ask for a hundred thousand partitions.
const CREATING: [ApiKey; 2] = [ApiKey::CreateTopics, ApiKey::CreatePartitions];

fn codes(response: &impl ErrorCodes) -> Vec<i16> {
    let mut codes = Vec::new();
    response.each_error(&mut |code| codes.push(code));
    codes
}

#[test]
fn codes_are_found_at_the_top_and_inside_lists_of_lists() {
    let partition = |code| ReassignablePartitionResponse::default().with_error_code(code);
    let topic = |codes: [i16; 2]| ReassignableTopicResponse::default().with_partitions(codes.map(partition).to_vec());
    let response = AlterPartitionReassignmentsResponse::default()
        .with_error_code(1)
        .with_responses(vec![topic([2, 3]), topic([4, 5])]);
    assert_eq!(codes(&response), [1, 2, 3, 4, 5]);
    assert_eq!(codes(&MetadataResponse::default()), [] as [i16; 0]);
}

#[test]
fn a_coordinator_is_counted_once_in_either_form_of_the_answer() {
    let one = FindCoordinatorResponse::default().with_error_code(7);
    assert_eq!(codes(&one), [7]);
    let coordinators = [8, 9].map(|code| Coordinator::default().with_error_code(code)).to_vec();
    assert_eq!(codes(&FindCoordinatorResponse::default().with_coordinators(coordinators)), [8, 9]);
}

impl Fixture {
    fn assert_counted(&self, request: &str, error: &str, count: u32) {
        let line = format!("requestmetrics_errors_total{{request=\"{request}\",error=\"{error}\"}} {count}\n");
        let page = self.broker().metrics.render();
        assert!(page.contains(&line), "{line} is missing in {page}");
    }
}

#[tokio::test]
async fn every_api_counts_what_it_answers() {
    let fixture = Fixture::start().await;
    for api in TABLE.iter().filter(|api| !CREATING.contains(&api.key)) {
        let Handler::Ordinary(handle) = &api.handler else { continue };
        for version in api.served.0..=api.served.1 {
            for seed in 0..10 {
                let mut source = Source::new(seed * 100 + version as u64);
                if let Some(body) = request_body(api.key as i16, version, &mut source) {
                    handle(fixture.context(version), body.into()).await;
                }
            }
        }
        let counted = format!("requestmetrics_errors_total{{request=\"{:?}\",", api.key);
        assert!(fixture.broker().metrics.render().contains(&counted), "{:?} counts nothing", api.key);
    }
}

#[tokio::test]
async fn produce_counts_every_partition_by_its_code() {
    let fixture = Fixture::start().await;
    fixture.topic("orders", 1, &[]).await;
    fixture.append("orders", 0, &["a"]).await;
    fixture.append("orders", 0, &["b"]).await;
    fixture.produce("orders", 9, batch(&["c"])).await;
    fixture.assert_counted("Produce", "NONE", 2);
    fixture.assert_counted("Produce", "UNKNOWN_TOPIC_OR_PARTITION", 1);
}

#[tokio::test]
async fn a_produce_that_is_not_answered_counts_only_when_it_fails() {
    let fixture = Fixture::start().await;
    fixture.topic("orders", 1, &[]).await;
    fixture.produce_raw(9, &produce_request(0, "orders", 0, batch(&["a"]))).await;
    fixture.produce_raw(9, &produce_request(0, "orders", 9, batch(&["a"]))).await;
    let page = fixture.broker().metrics.render();
    assert!(!page.contains("errors_total{request=\"Produce\",error=\"NONE\"}"), "{page}");
    fixture.assert_counted("Produce", "UNKNOWN_TOPIC_OR_PARTITION", 1);
}

#[tokio::test]
async fn fetch_counts_its_own_code_and_that_of_every_partition() {
    let fixture = Fixture::start().await;
    fixture.topic("orders", 2, &[]).await;
    fixture.append("orders", 0, &["a"]).await;
    let response = fixture.fetch(12, &fetch_request("orders", &[(0, 0), (1, 99)])).await;
    let found: Vec<i16> = response.responses[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(found, [0, Code::OffsetOutOfRange.code()]);
    fixture.assert_counted("Fetch", "NONE", 2);
    fixture.assert_counted("Fetch", "OFFSET_OUT_OF_RANGE", 1);
}
