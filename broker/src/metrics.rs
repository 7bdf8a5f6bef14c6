//! What the broker counts about itself, rendered in the text format of Prometheus.
//!
//! The names are those dashboards for Kafka already use. Handles are resolved when a topic or connection is made, so the
//! data path only touches an atomic; whatever can be read from existing state is collected at the scrape instead.

mod broker_state;
mod consumer_lag;
mod exposition;
mod instruments;
mod partition_series;
mod process;
mod purgatory;
mod requests;
mod runtime_load;
mod topics;

pub(crate) use broker_state::BrokerState;
pub(crate) use consumer_lag::ConsumerLag;
pub(crate) use runtime_load::RuntimeLoad;

pub use exposition::{Exposition, Kind};
pub use instruments::{Counter, Gauge, Histogram};
pub use requests::RequestMetrics;
pub use topics::TopicMetrics;

use model::TopicName;
use parking_lot::Mutex;
use std::{fmt, pin::Pin, sync::Arc};

/// Something that can say at a scrape what its state is. It must not wait for a lock that the data path holds for long.
pub trait Collect: Send + Sync {
    fn collect(&self, exposition: &mut Exposition);
}

/// The same for state that only its own task can tell.
pub(crate) trait CollectSlowly: Send + Sync {
    fn collect<'a>(&'a self, exposition: &'a mut Exposition) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// All handles. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    topics: topics::TopicTable,
    requests: requests::RequestTable,
    connections: ConnectionMetrics,
    purgatory: purgatory::PurgatoryMetrics,
    log: LogMetrics,
    collectors: Mutex<Vec<Arc<dyn Collect>>>,
    slow_collectors: Mutex<Vec<Arc<dyn CollectSlowly>>>,
}

/// Sockets, over all listeners.
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
}

/// The log layer, over all partitions.
#[derive(Debug, Default)]
pub struct LogMetrics {
    /// Microseconds per flush to the device.
    pub flush_time_us: Histogram,
    pub cleaner_runs: Counter,
    pub cleaner_bytes_read: Counter,
    pub cleaner_bytes_written: Counter,
    pub cleaner_failures: Counter,
    /// Appends refused because the disk failed or is full.
    pub storage_errors: Counter,
}

impl Metrics {
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                topics: topics::TopicTable::default(),
                requests: requests::RequestTable::default(),
                connections: ConnectionMetrics::default(),
                purgatory: purgatory::PurgatoryMetrics::default(),
                log: LogMetrics::default(),
                collectors: Mutex::default(),
                slow_collectors: Mutex::default(),
            }),
        }
    }

    /// The counters of a topic; made when first asked for. Keep the handle.
    pub fn topic(&self, name: &TopicName) -> Arc<TopicMetrics> {
        self.shared.topics.get_or_create(name)
    }

    /// Ends the series of a deleted topic; the totals over all topics keep what it counted.
    pub fn remove_topic(&self, name: &TopicName) {
        self.shared.topics.remove(name);
    }

    /// The counters of an API by its key; `None` when no such API is served.
    pub fn request(&self, api_key: i16) -> Option<&RequestMetrics> {
        self.shared.requests.get(api_key)
    }

    pub fn connections(&self) -> &ConnectionMetrics {
        &self.shared.connections
    }

    pub(crate) fn purgatory(&self) -> &purgatory::PurgatoryMetrics {
        &self.shared.purgatory
    }

    pub fn log(&self) -> &LogMetrics {
        &self.shared.log
    }

    /// Adds state to be read at each scrape. Called while starting.
    pub fn register(&self, collector: Arc<dyn Collect>) {
        self.shared.collectors.lock().push(collector);
    }

    pub(crate) fn register_slow(&self, collector: Arc<dyn CollectSlowly>) {
        self.shared.slow_collectors.lock().push(collector);
    }

    /// The whole page of `/metrics`.
    pub async fn page(&self) -> String {
        let mut exposition = self.exposition();
        let collectors = self.shared.slow_collectors.lock().clone();
        for collector in collectors {
            collector.collect(&mut exposition).await;
        }
        exposition.finish()
    }

    /// What can be told without waiting.
    pub fn render(&self) -> String {
        self.exposition().finish()
    }

    fn exposition(&self) -> Exposition {
        let mut exposition = Exposition::new();
        self.shared.topics.collect(&mut exposition);
        self.shared.requests.collect(&mut exposition);
        self.shared.connections.collect(&mut exposition);
        self.shared.purgatory.collect(&mut exposition);
        self.shared.log.collect(&mut exposition);
        process::collect(&mut exposition);
        let collectors = self.shared.collectors.lock().clone();
        for collector in collectors {
            collector.collect(&mut exposition);
        }
        exposition
    }
}

impl ConnectionMetrics {
    fn collect(&self, exposition: &mut Exposition) {
        const PREFIX: &str = "kafka_server_socket_server_metrics_connection";
        let open = self.open.get() as f64;
        exposition.single(&format!("{PREFIX}_count"), Kind::Gauge, "Connections that are open", open);
        for (name, help, counter) in [
            ("creation_total", "Connections accepted", &self.accepted),
            ("refused_total", "Connections closed for a limit on connections", &self.refused),
            ("protocol_errors_total", "Connections closed for bytes that made no sense", &self.protocol_errors),
            ("expired_idle_total", "Connections closed for being idle", &self.expired_idle),
        ] {
            exposition.single(&format!("{PREFIX}_{name}"), Kind::Counter, help, counter.get() as f64);
        }
    }
}

impl LogMetrics {
    fn collect(&self, exposition: &mut Exposition) {
        let name = "kafka_log_logflushstats_logflushrateandtimems";
        exposition.family(name, Kind::Summary, "Milliseconds of a flush to the device");
        exposition.summary(&[], &self.flush_time_us.snapshot(), 0.001);
        for (name, help, counter) in [
            ("kafka_log_logcleaner_runs_total", "Compactions of a partition", &self.cleaner_runs),
            ("kafka_log_logcleaner_bytesread_total", "Bytes read by compaction", &self.cleaner_bytes_read),
            ("kafka_log_logcleaner_byteswritten_total", "Bytes written by compaction", &self.cleaner_bytes_written),
            ("kafka_log_logcleaner_failures_total", "Compactions that failed", &self.cleaner_failures),
            (
                "weir_log_storage_errors_total",
                "Appends refused because the disk failed or is full",
                &self.storage_errors,
            ),
        ] {
            exposition.single(name, Kind::Counter, help, counter.get() as f64);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
