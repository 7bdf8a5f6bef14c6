//! How busy the threads of the data path are.

use super::{
    Collect,
    exposition::{Exposition, Kind},
};
use parking_lot::Mutex;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Between two scrapes closer than this the ratio would say nothing.
const MIN_PERIOD: Duration = Duration::from_millis(100);

/// Kafka has a pool that reads requests and one that answers them, and shows how idle each is. Here the same threads do
/// both, so both names show the same: their idle share since the last scrape.
#[derive(Debug)]
pub(crate) struct RuntimeLoad {
    runtime: Handle,
    last: Mutex<Measured>,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    at: Instant,
    busy: Duration,
    idle_share: f64,
}

impl RuntimeLoad {
    pub(crate) fn new(runtime: Handle) -> Self {
        let busy = busy(&runtime);
        Self { runtime, last: Mutex::new(Measured { at: Instant::now(), busy, idle_share: 1.0 }) }
    }
}

fn busy(runtime: &Handle) -> Duration {
    let metrics = runtime.metrics();
    (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum()
}

impl Measured {
    fn next(self, at: Instant, busy: Duration, workers: usize) -> Self {
        let available = at.saturating_duration_since(self.at).as_secs_f64() * workers as f64;
        let used = busy.saturating_sub(self.busy).as_secs_f64();
        Self { at, busy, idle_share: (1.0 - used / available).clamp(0.0, 1.0) }
    }
}

impl Collect for RuntimeLoad {
    fn collect(&self, exposition: &mut Exposition) {
        let now = Instant::now();
        let measured = {
            let mut last = self.last.lock();
            if now.saturating_duration_since(last.at) >= MIN_PERIOD {
                *last = last.next(now, busy(&self.runtime), self.runtime.metrics().num_workers());
            }
            *last
        };
        for name in [
            "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent",
            "kafka_network_socketserver_networkprocessoravgidle_percent",
        ] {
            exposition.single(name, Kind::Gauge, "Idle share of the data threads, 0 to 1", measured.idle_share);
        }
        let help = "Time the data threads worked, over all of them";
        exposition.single("weir_data_threads_busy_seconds_total", Kind::Counter, help, measured.busy.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_share_is_of_the_time_since_the_last_scrape() {
        let start = Instant::now();
        let first = Measured { at: start, busy: Duration::from_secs(10), idle_share: 1.0 };
        let second = first.next(start + Duration::from_secs(4), Duration::from_secs(12), 2);
        assert_eq!(second.idle_share, 0.75);
        let third = second.next(start + Duration::from_secs(5), Duration::from_secs(20), 2);
        assert_eq!(third.idle_share, 0.0);
    }
}
