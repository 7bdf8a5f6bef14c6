//! Requests that wait for something other than their own work, by the name Kafka has for where they wait.

use super::{
    exposition::{Exposition, Kind},
    instruments::{Counted, Gauge},
};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct PurgatoryMetrics {
    produce: Arc<Gauge>,
    fetch: Arc<Gauge>,
}

impl PurgatoryMetrics {
    /// A Produce with `acks=all` whose records are not acknowledged.
    pub(crate) fn produce(&self) -> Counted {
        Counted::by(&self.produce)
    }

    /// A Fetch that has found too little.
    pub(crate) fn fetch(&self) -> Counted {
        Counted::by(&self.fetch)
    }

    pub(super) fn collect(&self, exposition: &mut Exposition) {
        const PREFIX: &str = "kafka_server_delayedoperationpurgatory";
        // Kafka tells how often requests are listed, and how many there are; here each is listed once.
        for name in ["purgatorysize", "numdelayedoperations"] {
            let help = "Requests that wait for acknowledgement, or for records";
            exposition.family(&format!("{PREFIX}_{name}"), Kind::Gauge, help);
            for (operation, gauge) in [("Produce", &self.produce), ("Fetch", &self.fetch)] {
                exposition.sample(&[("delayedOperation", operation)], gauge.get() as f64);
            }
        }
    }
}
