//! Sockets, by listener.

use super::{
    exposition::{Exposition, Kind},
    instruments::{Counter, Gauge},
};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

const PREFIX: &str = "kafka_server_socket_server_metrics_connection";
/// A rate over less than this would say nothing.
const MIN_PERIOD: Duration = Duration::from_secs(1);

/// The connections of one listener.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    pub open: Gauge,
    pub accepted: Counter,
    /// Closed by us because of a limit on connections.
    pub refused: Counter,
    /// Closed by us because the bytes made no sense.
    pub protocol_errors: Counter,
    /// Closed by us for `connections.max.idle.ms`.
    pub expired_idle: Counter,
    creation_rate: Mutex<Option<Rate>>,
}

/// How fast a counter grew between the last two scrapes.
#[derive(Debug, Clone, Copy)]
struct Rate {
    at: Instant,
    count: u64,
    per_second: f64,
}

#[derive(Debug, Default)]
pub(super) struct ListenerTable {
    listeners: Mutex<BTreeMap<String, Arc<ConnectionMetrics>>>,
}

impl ListenerTable {
    pub(super) fn get_or_create(&self, listener: &str) -> Arc<ConnectionMetrics> {
        self.listeners.lock().entry(listener.to_owned()).or_default().clone()
    }

    pub(super) fn collect(&self, exposition: &mut Exposition) {
        type Value = fn(&ConnectionMetrics) -> f64;
        let families: [(&str, Kind, &str, Value); 6] = [
            ("count", Kind::Gauge, "Connections that are open", |metrics| metrics.open.get() as f64),
            ("creation_total", Kind::Counter, "Connections accepted", |metrics| metrics.accepted.get() as f64),
            ("creation_rate", Kind::Gauge, "Connections accepted per second since the last scrape", |metrics| {
                metrics.creation_rate(Instant::now())
            }),
            ("refused_total", Kind::Counter, "Connections closed for a limit on connections", |metrics| {
                metrics.refused.get() as f64
            }),
            ("protocol_errors_total", Kind::Counter, "Connections closed for bytes that made no sense", |metrics| {
                metrics.protocol_errors.get() as f64
            }),
            ("expired_idle_total", Kind::Counter, "Connections closed for being idle", |metrics| {
                metrics.expired_idle.get() as f64
            }),
        ];
        let listeners = self.listeners.lock().clone();
        for (name, kind, help, value) in families {
            exposition.family(&format!("{PREFIX}_{name}"), kind, help);
            for (listener, metrics) in &listeners {
                exposition.sample(&[("listener", listener)], value(metrics));
            }
        }
    }
}

impl ConnectionMetrics {
    fn creation_rate(&self, now: Instant) -> f64 {
        let count = self.accepted.get();
        let mut last = self.creation_rate.lock();
        let rate = last.map_or(Rate { at: now, count, per_second: 0.0 }, |last| last.next(now, count));
        *last = Some(rate);
        rate.per_second
    }
}

impl Rate {
    fn next(self, now: Instant, count: u64) -> Self {
        let period = now.saturating_duration_since(self.at);
        if period < MIN_PERIOD {
            return self;
        }
        Self { at: now, count, per_second: (count - self.count) as f64 / period.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_apart() {
        let table = ListenerTable::default();
        table.get_or_create("PLAINTEXT").open.add(3);
        table.get_or_create("PLAINTEXT").accepted.add(4);
        table.get_or_create("EXTERNAL").open.increment();
        let mut exposition = Exposition::new();
        table.collect(&mut exposition);
        let page = exposition.finish();
        for line in [
            "_connection_count{listener=\"PLAINTEXT\"} 3\n",
            "_connection_count{listener=\"EXTERNAL\"} 1\n",
            "_connection_creation_total{listener=\"PLAINTEXT\"} 4\n",
            "_connection_creation_rate{listener=\"PLAINTEXT\"} 0\n",
        ] {
            assert!(page.contains(line), "{line} is missing in {page}");
        }
    }

    #[test]
    fn the_rate_is_of_the_time_between_two_scrapes() {
        let metrics = ConnectionMetrics::default();
        let start = Instant::now();
        metrics.accepted.add(100);
        assert_eq!(metrics.creation_rate(start), 0.0);
        metrics.accepted.add(10);
        assert_eq!(metrics.creation_rate(start + Duration::from_secs(4)), 2.5);
        assert_eq!(metrics.creation_rate(start + Duration::from_millis(4001)), 2.5, "a second scraper sees the same");
        assert_eq!(metrics.creation_rate(start + Duration::from_secs(8)), 0.0);
    }
}
