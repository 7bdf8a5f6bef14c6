//! Requests and responses that wait for others of their connection. Kafka has one queue of each for all connections.

use super::{
    exposition::{Exposition, Kind},
    instruments::{Counted, Gauge},
};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct RequestChannelMetrics {
    requests: Arc<Gauge>,
    /// Responses that are made and not wholly sent.
    pub(crate) responses: Gauge,
}

impl RequestChannelMetrics {
    /// A request that was read and may not start yet.
    pub(crate) fn queued_request(&self) -> Counted {
        Counted::by(&self.requests)
    }

    pub(super) fn collect(&self, exposition: &mut Exposition) {
        for (name, help, gauge) in [
            ("requestqueuesize", "Requests that wait for those before them, or for memory", &*self.requests),
            ("responsequeuesize", "Responses that are not wholly sent", &self.responses),
        ] {
            let name = format!("kafka_network_requestchannel_{name}");
            exposition.single(&name, Kind::Gauge, help, gauge.get() as f64);
        }
    }
}
