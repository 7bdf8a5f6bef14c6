//! What brokers copy from each other, and what becomes of in-sync replicas.

use super::{
    exposition::{Exposition, Kind},
    instruments::Counter,
};

#[derive(Debug, Default)]
pub struct ReplicationMetrics {
    /// Changes of in-sync replicas that this broker's leaders proposed and the controller committed.
    pub isr_shrinks: Counter,
    pub isr_expands: Counter,
    /// Those it refused.
    pub failed_isr_updates: Counter,
    /// Records of other brokers written here.
    pub bytes_in: Counter,
    /// Records sent to followers.
    pub bytes_out: Counter,
}

impl ReplicationMetrics {
    pub(super) fn collect(&self, exposition: &mut Exposition) {
        let counters = [
            ("kafka_server_replicamanager_isrshrinks_total", "Replicas taken out of an in-sync set", &self.isr_shrinks),
            ("kafka_server_replicamanager_isrexpands_total", "Replicas taken into an in-sync set", &self.isr_expands),
            (
                "kafka_server_replicamanager_failedisrupdates_total",
                "Changes of an in-sync set that were refused",
                &self.failed_isr_updates,
            ),
            (
                "kafka_server_brokertopicmetrics_replicationbytesin_total",
                "Bytes of records fetched from leaders",
                &self.bytes_in,
            ),
            (
                "kafka_server_brokertopicmetrics_replicationbytesout_total",
                "Bytes of records sent to followers",
                &self.bytes_out,
            ),
        ];
        for (name, help, counter) in counters {
            exposition.single(name, Kind::Counter, help, counter.get() as f64);
        }
    }
}
