//! What the broker counts about itself, rendered in the text format of Prometheus.
//!
//! The names are those dashboards for Kafka already use. Handles are resolved when a topic or connection is made, so the
//! data path only touches an atomic; whatever can be read from existing state is collected at the scrape instead.

mod broker_state;
mod cleaner;
mod connections;
mod consumer_lag;
mod exposition;
mod instruments;
mod partition_series;
mod process;
mod purgatory;
mod replication;
mod request_channel;
mod requests;
mod runtime_load;
mod topics;

pub(crate) use broker_state::{BrokerState, ClusterState};
pub(crate) use cleaner::CleanerRun;
pub(crate) use consumer_lag::ConsumerLag;
pub(crate) use instruments::Counted;
pub(crate) use requests::TimeSpent;
pub(crate) use runtime_load::RuntimeLoad;

pub use cleaner::CleanerMetrics;
pub use connections::ConnectionMetrics;
pub use exposition::{Exposition, Kind};
pub use instruments::{Counter, Gauge, Histogram};
pub use replication::ReplicationMetrics;
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
    listeners: connections::ListenerTable,
    request_channel: request_channel::RequestChannelMetrics,
    purgatory: purgatory::PurgatoryMetrics,
    log: LogMetrics,
    replication: ReplicationMetrics,
    collectors: Mutex<Vec<Arc<dyn Collect>>>,
    slow_collectors: Mutex<Vec<Arc<dyn CollectSlowly>>>,
}

/// The log layer, over all partitions.
#[derive(Debug, Default)]
pub struct LogMetrics {
    /// Microseconds per flush to the device.
    pub flush_time_us: Histogram,
    pub cleaner: CleanerMetrics,
    /// Appends refused because the disk failed or is full.
    pub storage_errors: Counter,
}

impl Metrics {
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                topics: topics::TopicTable::default(),
                requests: requests::RequestTable::default(),
                listeners: connections::ListenerTable::default(),
                request_channel: request_channel::RequestChannelMetrics::default(),
                purgatory: purgatory::PurgatoryMetrics::default(),
                log: LogMetrics::default(),
                replication: ReplicationMetrics::default(),
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

    /// The counters of a listener; made when first asked for. Keep the handle.
    pub fn connections(&self, listener: &str) -> Arc<ConnectionMetrics> {
        self.shared.listeners.get_or_create(listener)
    }

    pub(crate) fn request_channel(&self) -> &request_channel::RequestChannelMetrics {
        &self.shared.request_channel
    }

    pub(crate) fn purgatory(&self) -> &purgatory::PurgatoryMetrics {
        &self.shared.purgatory
    }

    pub fn log(&self) -> &LogMetrics {
        &self.shared.log
    }

    pub fn replication(&self) -> &ReplicationMetrics {
        &self.shared.replication
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
        self.shared.listeners.collect(&mut exposition);
        self.shared.request_channel.collect(&mut exposition);
        self.shared.purgatory.collect(&mut exposition);
        self.shared.log.collect(&mut exposition);
        self.shared.replication.collect(&mut exposition);
        process::collect(&mut exposition);
        let collectors = self.shared.collectors.lock().clone();
        for collector in collectors {
            collector.collect(&mut exposition);
        }
        exposition
    }
}

impl LogMetrics {
    fn collect(&self, exposition: &mut Exposition) {
        let name = "kafka_log_logflushstats_logflushrateandtimems";
        exposition.family(name, Kind::Summary, "Milliseconds of a flush to the device");
        exposition.summary(&[], &self.flush_time_us.snapshot(), 0.001);
        self.cleaner.collect(exposition);
        let help = "Appends refused because the disk failed or is full";
        exposition.single("weir_log_storage_errors_total", Kind::Counter, help, self.storage_errors.get() as f64);
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
pub(crate) mod tests;
