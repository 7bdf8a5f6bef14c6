//! Log compaction. One log is compacted at a time, so that what Kafka tells of several threads is here of the last.

use super::{
    exposition::{Exposition, Kind},
    instruments::{Counted, Counter, Gauge},
};
use parking_lot::Mutex;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

#[derive(Debug, Default)]
pub struct CleanerMetrics {
    pub runs: Counter,
    pub bytes_read: Counter,
    pub bytes_written: Counter,
    pub failures: Counter,
    last_run_ms: Gauge,
    last_recopy_percent: Gauge,
    last_map_percent: Gauge,
    /// Of the last look at all open logs.
    max_dirty_permille: Gauge,
    max_overdue_ms: Gauge,
    looked_at: Mutex<Option<Instant>>,
    sweeps_started: Gauge,
    sweeps_alive: Arc<Gauge>,
}

/// What one compaction did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CleanerRun {
    pub(crate) took: Duration,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    /// Of the memory for keys.
    pub(crate) map_percent: u64,
}

impl CleanerMetrics {
    /// The task that compacts begins; it counts as dead once this is dropped.
    pub(crate) fn sweep(&self) -> Counted {
        self.sweeps_started.increment();
        Counted::by(&self.sweeps_alive)
    }

    pub(crate) fn looked(&self, max_dirty_permille: u64, max_overdue_ms: i64) {
        self.max_dirty_permille.set(gauge(max_dirty_permille));
        self.max_overdue_ms.set(max_overdue_ms);
        *self.looked_at.lock() = Some(Instant::now());
    }

    pub(crate) fn ran(&self, run: CleanerRun) {
        self.runs.increment();
        self.bytes_read.add(run.bytes_read);
        self.bytes_written.add(run.bytes_written);
        self.last_run_ms.set(i64::try_from(run.took.as_millis()).unwrap_or(i64::MAX));
        self.last_recopy_percent.set(gauge(run.bytes_written * 100 / run.bytes_read.max(1)));
        self.last_map_percent.set(gauge(run.map_percent));
    }

    pub(super) fn collect(&self, exposition: &mut Exposition) {
        let seconds = |ms: &Gauge| ms.get() as f64 / 1000.0;
        let dead = self.sweeps_started.get() - self.sweeps_alive.get();
        for (name, help, value) in [
            ("cleaner_max_clean_time_secs", "Seconds that the last compaction took", seconds(&self.last_run_ms)),
            (
                "cleaner_cleaner_recopy_percent",
                "Share of its bytes that the last compaction kept",
                self.last_recopy_percent.get() as f64,
            ),
            (
                "cleaner_max_buffer_utilization_percent",
                "Share of the memory for keys that the last compaction used",
                self.last_map_percent.get() as f64,
            ),
            (
                "cleaner_max_compaction_delay_secs",
                "Seconds by which a record has passed max.compaction.lag.ms at most",
                seconds(&self.max_overdue_ms),
            ),
            ("cleaner_deadthreadcount", "Compacting tasks that ended", dead as f64),
            (
                "cleanermanager_max_dirty_percent",
                "Dirty share of the dirtiest log",
                self.max_dirty_permille.get() as f64 / 10.0,
            ),
        ] {
            exposition.single(&format!("kafka_log_log{name}"), Kind::Gauge, help, value);
        }
        if let Some(at) = *self.looked_at.lock() {
            let name = "kafka_log_logcleanermanager_time_since_last_run_ms";
            let help = "Milliseconds since logs were last looked through for something to compact";
            exposition.single(name, Kind::Gauge, help, at.elapsed().as_millis() as f64);
        }
        for (name, help, counter) in [
            ("runs", "Compactions of a partition", &self.runs),
            ("bytes_read", "Bytes read by compaction", &self.bytes_read),
            ("bytes_written", "Bytes written by compaction", &self.bytes_written),
            ("failures", "Compactions that failed", &self.failures),
        ] {
            exposition.single(&format!("weir_log_cleaner_{name}_total"), Kind::Counter, help, counter.get() as f64);
        }
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(metrics: &CleanerMetrics) -> String {
        let mut exposition = Exposition::new();
        metrics.collect(&mut exposition);
        exposition.finish()
    }

    #[test]
    fn the_last_compaction_is_shown() {
        let metrics = CleanerMetrics::default();
        let run = |bytes_written| CleanerRun {
            took: Duration::from_millis(2500),
            bytes_read: 400,
            bytes_written,
            map_percent: 7,
        };
        metrics.ran(run(300));
        metrics.ran(run(100));
        metrics.looked(375, 4000);
        let page = page(&metrics);
        for line in [
            "kafka_log_logcleaner_max_clean_time_secs 2.5\n",
            "kafka_log_logcleaner_cleaner_recopy_percent 25\n",
            "kafka_log_logcleaner_max_buffer_utilization_percent 7\n",
            "kafka_log_logcleaner_max_compaction_delay_secs 4\n",
            "kafka_log_logcleanermanager_max_dirty_percent 37.5\n",
            "kafka_log_logcleanermanager_time_since_last_run_ms ",
            "weir_log_cleaner_runs_total 2\n",
            "weir_log_cleaner_bytes_read_total 800\n",
            "weir_log_cleaner_bytes_written_total 400\n",
        ] {
            assert!(page.contains(line), "{line} is missing in {page}");
        }
    }

    #[test]
    fn a_sweep_that_ended_counts_as_dead() {
        let metrics = CleanerMetrics::default();
        let sweep = metrics.sweep();
        assert!(page(&metrics).contains("deadthreadcount 0\n"));
        drop(sweep);
        assert!(page(&metrics).contains("deadthreadcount 1\n"));
    }
}
