//! What is read from the broker at a scrape: its partitions, the cluster's metadata, its disk.

use super::{
    Collect,
    exposition::{Exposition, Kind},
    partition_series::{self, effective_min_isr},
};
use crate::{
    Broker,
    config::Role,
    metadata_cache::MetadataCache,
    partitions::{Partition, State},
};
use controller::ClusterImage;
use std::sync::{Arc, Weak};

/// Weak, because the broker owns the metrics that own this.
#[derive(Debug)]
pub(crate) struct BrokerState(pub(crate) Weak<Broker>);

/// The cluster as its controller has it, in a process that is nothing else.
#[derive(Debug)]
pub(crate) struct ClusterState(pub(crate) MetadataCache);

const CONTROLLER: &str = "kafka_controller_kafkacontroller";

impl Collect for ClusterState {
    fn collect(&self, exposition: &mut Exposition) {
        collect_cluster(exposition, &self.0.current());
    }
}

impl Collect for BrokerState {
    fn collect(&self, exposition: &mut Exposition) {
        let Some(broker) = self.0.upgrade() else { return };
        let image = broker.metadata.committed();
        match broker.config.role {
            // The controller tells the rest, as in Kafka: sums over the processes of a cluster count everything once.
            Role::Broker { .. } => gauges(exposition, CONTROLLER, &[active_controllers(0)]),
            _ => collect_cluster(exposition, &image),
        }
        let partitions = broker.partitions.all();
        collect_replicas(exposition, &image, &broker, &partitions);
        collect_elections_and_lag(exposition, &partitions);
        collect_disk(exposition, &broker);
        collect_uncleanable(exposition, &broker, &partitions);
        collect_fetch_sessions(exposition, &broker);
        if broker.config.partition_metrics {
            partition_series::collect(exposition, &image, &partitions);
        }
    }
}

fn gauges(exposition: &mut Exposition, prefix: &str, values: &[(&str, &str, usize)]) {
    for (name, help, value) in values {
        exposition.single(&format!("{prefix}_{name}"), Kind::Gauge, help, *value as f64);
    }
}

fn active_controllers(count: usize) -> (&'static str, &'static str, usize) {
    ("activecontrollercount", "Whether the controller is here", count)
}

fn collect_cluster(exposition: &mut Exposition, image: &ClusterImage) {
    let partitions = || image.topics.iter().flat_map(|topic| &topic.partitions);
    let usable = image.usable_brokers().count();
    gauges(
        exposition,
        CONTROLLER,
        &[
            active_controllers(1),
            ("activebrokercount", "Brokers that may lead", usable),
            ("fencedbrokercount", "Brokers that may not", image.brokers.len() - usable),
            ("globaltopiccount", "Topics", image.topics.iter().count()),
            ("globalpartitioncount", "Partitions", partitions().count()),
            (
                "offlinepartitionscount",
                "Partitions without leader",
                partitions().filter(|p| p.leader.is_none()).count(),
            ),
            (
                "preferredreplicaimbalancecount",
                "Partitions whose leader is not the preferred one",
                partitions().filter(|partition| partition.leader.as_ref() != partition.replicas.first()).count(),
            ),
        ],
    );
}

fn collect_replicas(exposition: &mut Exposition, image: &ClusterImage, broker: &Broker, held: &[Arc<Partition>]) {
    let me = broker.config.node_id;
    let in_image = |partition: &Arc<Partition>| image.partition(partition.id());
    let led = || held.iter().filter(|partition| partition.leader() == Some(me));
    let under_replicated = led().filter(|p| in_image(p).is_some_and(|image| image.isr.len() < image.replicas.len()));
    let reassigning =
        led().filter(|p| in_image(p).is_some_and(|p| !p.adding_replicas.is_empty() || !p.removing_replicas.is_empty()));
    let min_isr = |partition: &Arc<Partition>, compare: fn(&usize, &usize) -> bool| {
        in_image(partition).is_some_and(|image| compare(&image.isr.len(), &effective_min_isr(partition, image)))
    };
    gauges(
        exposition,
        "kafka_server_replicamanager",
        &[
            ("partitioncount", "Replicas on this broker", held.len()),
            ("leadercount", "Replicas on this broker that lead", led().count()),
            ("underreplicatedpartitions", "Partitions led here with replicas out of sync", under_replicated.count()),
            ("reassigningpartitions", "Partitions led here that are being moved", reassigning.count()),
            (
                "underminisrpartitioncount",
                "Partitions led here that take no acks=all",
                led().filter(|p| min_isr(p, usize::lt)).count(),
            ),
            (
                "atminisrpartitioncount",
                "Partitions led here that can lose no replica",
                led().filter(|p| min_isr(p, usize::eq)).count(),
            ),
            (
                "produceridcount",
                "Producer ids whose state is in memory",
                held.iter().map(|partition| partition.producer_count()).sum(),
            ),
            (
                "offlinereplicacount",
                "Replicas whose disk failed",
                held.iter().filter(|p| p.state() == State::Failed).count(),
            ),
        ],
    );
}

fn collect_elections_and_lag(exposition: &mut Exposition, held: &[Arc<Partition>]) {
    // Kept for dashboards: nobody outside the in-sync set is elected but by a person who names the partition.
    let name = "kafka_controller_controllerstats_uncleanleaderelections_total";
    exposition.single(name, Kind::Counter, "Leaders elected from outside the in-sync set", 0.0);
    let help = "Records by which a replica fetched to this broker is behind";
    exposition.family("kafka_server_replicafetchermanager_maxlag", Kind::Gauge, help);
    let lag = held.iter().map(|partition| partition.lag()).max().unwrap_or(0);
    exposition.sample(&[("clientId", "Replica")], lag as f64);
}

fn collect_disk(exposition: &mut Exposition, broker: &Broker) {
    let found = rustix::fs::statvfs(&broker.config.data_dir);
    gauges(
        exposition,
        "kafka_log_logmanager",
        &[("offlinelogdirectorycount", "Whether the data folder cannot be reached", usize::from(found.is_err()))],
    );
    if let Ok(volume) = found {
        let bytes = |blocks: u64| blocks as f64 * volume.f_frsize as f64;
        exposition.single(
            "weir_data_volume_size_bytes",
            Kind::Gauge,
            "Size of the volume of the data",
            bytes(volume.f_blocks),
        );
        exposition.single("weir_data_volume_free_bytes", Kind::Gauge, "Space left on it", bytes(volume.f_bavail));
    }
}

fn collect_uncleanable(exposition: &mut Exposition, broker: &Broker, held: &[Arc<Partition>]) {
    let name = "kafka_log_logcleanermanager_uncleanable_partitions_count";
    exposition.family(name, Kind::Gauge, "Partitions whose last compaction failed");
    let uncleanable = held.iter().filter(|partition| partition.is_uncleanable()).count();
    let folder = broker.config.data_dir.display().to_string();
    exposition.sample(&[("logDirectory", &folder)], uncleanable as f64);
}

fn collect_fetch_sessions(exposition: &mut Exposition, broker: &Broker) {
    let (sessions, partitions, evictions) = broker.fetch_sessions.counts();
    const PREFIX: &str = "kafka_server_fetchsessioncache";
    gauges(
        exposition,
        PREFIX,
        &[
            ("numincrementalfetchsessions", "Fetch sessions that are remembered", sessions),
            ("numincrementalfetchpartitionscached", "Partitions in them", partitions),
        ],
    );
    let name = format!("{PREFIX}_incrementalfetchsessionevictions_total");
    exposition.single(&name, Kind::Counter, "Fetch sessions that made room for others", evictions as f64);
}
