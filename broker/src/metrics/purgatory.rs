//! Requests that wait for something other than their own work, by the name Kafka has for where they wait.

use super::{
    exposition::{Exposition, Kind},
    instruments::Gauge,
};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct PurgatoryMetrics {
    produce: Arc<Gauge>,
    fetch: Arc<Gauge>,
}

/// A request that waits; it is counted as long as this is kept.
#[derive(Debug)]
pub(crate) struct Delayed(Arc<Gauge>);

impl PurgatoryMetrics {
    /// A Produce with `acks=all` whose records are not acknowledged.
    pub(crate) fn produce(&self) -> Delayed {
        Delayed::new(&self.produce)
    }

    /// A Fetch that has found too little.
    pub(crate) fn fetch(&self) -> Delayed {
        Delayed::new(&self.fetch)
    }

    pub(super) fn collect(&self, exposition: &mut Exposition) {
        const NAME: &str = "kafka_server_delayedoperationpurgatory_purgatorysize";
        exposition.family(NAME, Kind::Gauge, "Requests that wait for acknowledgement, or for records");
        for (operation, gauge) in [("Produce", &self.produce), ("Fetch", &self.fetch)] {
            exposition.sample(&[("delayedOperation", operation)], gauge.get() as f64);
        }
    }
}

impl Delayed {
    fn new(gauge: &Arc<Gauge>) -> Self {
        gauge.increment();
        Self(Arc::clone(gauge))
    }
}

impl Drop for Delayed {
    fn drop(&mut self) {
        self.0.decrement();
    }
}
