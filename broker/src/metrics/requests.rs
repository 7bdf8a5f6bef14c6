//! What is counted per API.

mod api_names;
mod errors;
mod times;

pub(crate) use times::TimeSpent;

use super::{
    exposition::{Exposition, Kind},
    instruments::{Counter, Gauge, Histogram},
};
use errors::ErrorCounters;
use std::sync::OnceLock;
use times::RequestTimes;

/// One above the highest API key that a broker listener may see.
const API_KEYS: usize = 128;
/// One above the highest version that any API has.
const VERSIONS: usize = 32;

/// `kafka_network_requestmetrics_*` of one API.
#[derive(Debug, Default)]
pub struct RequestMetrics {
    requests: [Counter; VERSIONS],
    pub(crate) errors: ErrorCounters,
    /// Requests whose connection ended before they were wholly answered.
    pub unanswered: Counter,
    pub in_progress: Gauge,
    pub(crate) times: RequestTimes,
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
        let used: Vec<(usize, &RequestMetrics)> =
            self.apis.iter().enumerate().filter_map(|(key, slot)| Some((key, &**slot.get()?))).collect();
        let named: Vec<(&str, &RequestMetrics)> =
            used.iter().map(|(key, metrics)| (api_names::of_requests(*key), *metrics)).collect();
        exposition.family("kafka_network_requestmetrics_requests_total", Kind::Counter, "Requests read");
        for (name, metrics) in &named {
            let seen = metrics.requests.iter().enumerate().filter(|(_, counter)| counter.get() > 0);
            for (version, counter) in seen {
                exposition.sample(&[("request", name), ("version", &version.to_string())], counter.get() as f64);
            }
        }
        let help = "Error codes in responses, one per partition, topic or group that has its own; NONE is success";
        exposition.family("kafka_network_requestmetrics_errors_total", Kind::Counter, help);
        for (key, metrics) in &used {
            for (error, count) in metrics.errors.seen() {
                exposition.sample(&[("request", api_names::of_errors(*key)), ("error", &error)], count as f64);
            }
        }
        let help = "Requests whose connection ended before they were wholly answered";
        exposition.family("weir_network_requests_unanswered_total", Kind::Counter, help);
        for (name, metrics) in &named {
            exposition.sample(&[("request", name)], metrics.unanswered.get() as f64);
        }
        exposition.family("weir_network_requests_in_progress", Kind::Gauge, "Requests that have no response yet");
        for (name, metrics) in &named {
            exposition.sample(&[("request", name)], metrics.in_progress.get() as f64);
        }
        times::collect(exposition, &named.iter().map(|(name, metrics)| (*name, &metrics.times)).collect::<Vec<_>>());
        exposition.family("kafka_network_requestmetrics_requestbytes", Kind::Summary, "Bytes of a request");
        for (name, metrics) in &named {
            exposition.summary(&[("request", name)], &metrics.request_bytes.snapshot(), 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn errors_go_by_the_name_of_the_api_and_of_the_error() {
        let table = RequestTable::default();
        table.get(1).expect("has a place").errors.count(|each| [0, 3].into_iter().for_each(each));
        let page = page(&table);
        for error in ["NONE", "UNKNOWN_TOPIC_OR_PARTITION"] {
            let line = format!("errors_total{{request=\"Fetch\",error=\"{error}\"}} 1\n");
            assert!(page.contains(&line), "{line} is missing in {page}");
        }
    }
}
