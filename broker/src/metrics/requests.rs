//! What is counted per API.

use super::{
    exposition::{Exposition, Kind},
    instruments::{Counter, Gauge, Histogram},
};
use std::sync::OnceLock;

/// One above the highest API key that a broker listener may see.
const API_KEYS: usize = 128;
/// One above the highest version that any API has.
const VERSIONS: usize = 32;

/// `kafka_network_requestmetrics_*` of one API. Times are in microseconds; the scrape shows milliseconds.
#[derive(Debug, Default)]
pub struct RequestMetrics {
    requests: [Counter; VERSIONS],
    /// Answers that carry an error at their top level, or connections closed instead of an answer.
    pub errors: Counter,
    pub in_progress: Gauge,
    /// From the last byte of the request read to the response handed to the socket.
    pub total_time_us: Histogram,
    pub request_bytes: Histogram,
}

impl RequestMetrics {
    /// Requests that came in this version; `None` for one that no API has.
    pub fn requests(&self, version: i16) -> Option<&Counter> {
        self.requests.get(usize::try_from(version).ok()?)
    }
}

/// Made the first time an API is used: one that nobody calls costs nothing and has no series.
#[derive(Debug)]
pub(super) struct RequestTable {
    apis: Box<[OnceLock<Box<RequestMetrics>>; API_KEYS]>,
}

impl Default for RequestTable {
    fn default() -> Self {
        Self { apis: Box::new([const { OnceLock::new() }; API_KEYS]) }
    }
}

impl RequestTable {
    pub(super) fn get(&self, api_key: i16) -> Option<&RequestMetrics> {
        let slot = self.apis.get(usize::try_from(api_key).ok()?)?;
        Some(slot.get_or_init(Box::default))
    }

    pub(super) fn collect(&self, exposition: &mut Exposition) {
        let used: Vec<(&str, &RequestMetrics)> =
            self.apis.iter().enumerate().filter_map(|(key, slot)| Some((name_of(key), &**slot.get()?))).collect();
        exposition.family("kafka_network_requestmetrics_requests_total", Kind::Counter, "Requests read");
        for (name, metrics) in &used {
            let seen = metrics.requests.iter().enumerate().filter(|(_, counter)| counter.get() > 0);
            for (version, counter) in seen {
                exposition.sample(&[("request", name), ("version", &version.to_string())], counter.get() as f64);
            }
        }
        exposition.family(
            "kafka_network_requestmetrics_errors_total",
            Kind::Counter,
            "Requests that ended their connection",
        );
        for (name, metrics) in &used {
            exposition.sample(&[("request", name)], metrics.errors.get() as f64);
        }
        exposition.single(
            "kafka_network_requestchannel_requestqueuesize",
            Kind::Gauge,
            "Requests in progress",
            used.iter().map(|(_, metrics)| metrics.in_progress.get()).sum::<i64>() as f64,
        );
        let help = "Milliseconds from the request read to its response handed over";
        exposition.family("kafka_network_requestmetrics_totaltimems", Kind::Summary, help);
        for (name, metrics) in &used {
            exposition.summary(&[("request", name)], &metrics.total_time_us.snapshot(), MILLISECONDS_PER_MICROSECOND);
        }
        exposition.family("kafka_network_requestmetrics_requestbytes", Kind::Summary, "Bytes of a request");
        for (name, metrics) in &used {
            exposition.summary(&[("request", name)], &metrics.request_bytes.snapshot(), 1.0);
        }
    }
}

const MILLISECONDS_PER_MICROSECOND: f64 = 0.001;

/// As Kafka's metrics name it. Fetch is split there by who asks; followers have no part in a cluster of one.
fn name_of(api_key: usize) -> &'static str {
    match api_key {
        1 => "FetchConsumer",
        key => API_NAMES.get(key).copied().unwrap_or("Unknown"),
    }
}

/// Kafka's names of its APIs, by key.
const API_NAMES: [&str; 93] = [
    "Produce",
    "Fetch",
    "ListOffsets",
    "Metadata",
    "LeaderAndIsr",
    "StopReplica",
    "UpdateMetadata",
    "ControlledShutdown",
    "OffsetCommit",
    "OffsetFetch",
    "FindCoordinator",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "SaslHandshake",
    "ApiVersions",
    "CreateTopics",
    "DeleteTopics",
    "DeleteRecords",
    "InitProducerId",
    "OffsetForLeaderEpoch",
    "AddPartitionsToTxn",
    "AddOffsetsToTxn",
    "EndTxn",
    "WriteTxnMarkers",
    "TxnOffsetCommit",
    "DescribeAcls",
    "CreateAcls",
    "DeleteAcls",
    "DescribeConfigs",
    "AlterConfigs",
    "AlterReplicaLogDirs",
    "DescribeLogDirs",
    "SaslAuthenticate",
    "CreatePartitions",
    "CreateDelegationToken",
    "RenewDelegationToken",
    "ExpireDelegationToken",
    "DescribeDelegationToken",
    "DeleteGroups",
    "ElectLeaders",
    "IncrementalAlterConfigs",
    "AlterPartitionReassignments",
    "ListPartitionReassignments",
    "OffsetDelete",
    "DescribeClientQuotas",
    "AlterClientQuotas",
    "DescribeUserScramCredentials",
    "AlterUserScramCredentials",
    "Vote",
    "BeginQuorumEpoch",
    "EndQuorumEpoch",
    "DescribeQuorum",
    "AlterPartition",
    "UpdateFeatures",
    "Envelope",
    "FetchSnapshot",
    "DescribeCluster",
    "DescribeProducers",
    "BrokerRegistration",
    "BrokerHeartbeat",
    "UnregisterBroker",
    "DescribeTransactions",
    "ListTransactions",
    "AllocateProducerIds",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupDescribe",
    "ControllerRegistration",
    "GetTelemetrySubscriptions",
    "PushTelemetry",
    "AssignReplicasToDirs",
    "ListConfigResources",
    "DescribeTopicPartitions",
    "ShareGroupHeartbeat",
    "ShareGroupDescribe",
    "ShareFetch",
    "ShareAcknowledge",
    "AddRaftVoter",
    "RemoveRaftVoter",
    "UpdateRaftVoter",
    "InitializeShareGroupState",
    "ReadShareGroupState",
    "WriteShareGroupState",
    "DeleteShareGroupState",
    "ReadShareGroupStateSummary",
    "StreamsGroupHeartbeat",
    "StreamsGroupDescribe",
    "DescribeShareGroupOffsets",
    "AlterShareGroupOffsets",
    "DeleteShareGroupOffsets",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_apis_are_those_of_the_protocol() {
        for (key, name) in API_NAMES.iter().enumerate() {
            if let Ok(known) = kafka_protocol::messages::ApiKey::try_from(key as i16) {
                assert_eq!(name.to_lowercase(), format!("{known:?}").to_lowercase(), "{key}");
            }
        }
    }

    fn page(table: &RequestTable) -> String {
        let mut exposition = Exposition::new();
        table.collect(&mut exposition);
        exposition.finish()
    }

    #[test]
    fn an_api_that_nobody_called_has_no_series() {
        let table = RequestTable::default();
        table.get(3).and_then(|api| api.requests(13)).expect("has a place").increment();
        let page = page(&table);
        assert!(page.contains("requests_total{request=\"Metadata\",version=\"13\"} 1\n"), "{page}");
        assert!(!page.contains("Produce"), "{page}");
    }

    #[test]
    fn requests_are_told_apart_by_version() {
        let table = RequestTable::default();
        let api = table.get(0).expect("has a place");
        for version in [3, 13, 13] {
            api.requests(version).expect("has a place").increment();
        }
        let page = page(&table);
        for (version, count) in [(3, 1), (13, 2)] {
            let line = format!("requests_total{{request=\"Produce\",version=\"{version}\"}} {count}\n");
            assert!(page.contains(&line), "{line} is missing in {page}");
        }
        assert_eq!(page.matches("requests_total{").count(), 2, "versions that nobody used have series");
    }

    #[test]
    fn every_version_that_is_served_has_a_place() {
        let table = RequestTable::default();
        for api in crate::served_apis() {
            let metrics = table.get(api.key).expect("has a place");
            assert!(api.served.clone().all(|version| metrics.requests(version).is_some()), "{}", api.name);
        }
        assert!(table.get(0).expect("has a place").requests(-1).is_none());
    }

    #[test]
    fn keys_that_no_api_has_are_refused() {
        let table = RequestTable::default();
        assert!(table.get(-1).is_none() && table.get(API_KEYS as i16).is_none());
    }

    #[test]
    fn times_are_shown_in_milliseconds() {
        let table = RequestTable::default();
        table.get(0).expect("has a place").total_time_us.observe(2000);
        let page = page(&table);
        assert!(page.contains("totaltimems_sum{request=\"Produce\"} 2\n"), "{page}");
        assert!(page.contains("totaltimems_count{request=\"Produce\"} 1\n"), "{page}");
    }
}
