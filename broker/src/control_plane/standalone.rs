//! The controller of a broker that is alone: the same host and rules as a cluster's, over a file in the data folder.

use super::{ControllerHandle, acts_by::OwnBroker, metadata_file::MetadataFile};
use crate::config::BrokerConfig;
use ::control_plane::Host;
use anyhow::Context;
use controller::{DefaultReplication, Endpoint, Settings, requests::RegisterBroker};
use model::{BrokerEpoch, ClusterId};
use tokio::{sync::oneshot, task::JoinHandle};

/// The running controller of this broker.
#[derive(Debug)]
pub(crate) struct Standalone {
    handle: ControllerHandle,
    stop: oneshot::Sender<()>,
    host: JoinHandle<MetadataFile>,
}

impl Standalone {
    /// Reads the metadata and starts deciding. The broker acts by nothing until [`Standalone::register`].
    pub(crate) async fn start(
        config: &BrokerConfig,
        cluster_id: &ClusterId,
        broker: OwnBroker,
    ) -> anyhow::Result<Self> {
        let store = open_store(config, cluster_id).await?;
        let (host, handle) = Host::start(store, broker, settings(config)).await.context("load the metadata")?;
        let (stop, stopped) = oneshot::channel();
        Ok(Self { handle, stop, host: tokio::spawn(host.run(stopped)) })
    }

    pub(crate) fn handle(&self) -> ControllerHandle {
        self.handle.clone()
    }

    /// Tells the controller that this broker is up and where clients reach it. Once this returns, every partition has
    /// its new leader epoch and is served. `config.network.advertised` must hold the real ports.
    pub(crate) async fn register(&self, config: &BrokerConfig) -> anyhow::Result<BrokerEpoch> {
        let request = registration(config);
        self.handle.register_broker(request).await.context("register with the controller")
    }

    /// Finishes what is being committed. Callers that come later are told that the controller has stopped.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        // A host that ended on its own has dropped its side.
        let _ = self.stop.send(());
        self.host.await.context("stop the controller").map(drop)
    }
}

pub(super) async fn open_store(config: &BrokerConfig, cluster_id: &ClusterId) -> anyhow::Result<MetadataFile> {
    let (data_dir, id) = (config.data_dir.clone(), cluster_id.clone());
    let open = tokio::task::spawn_blocking(move || MetadataFile::open(&data_dir, &id));
    open.await.context("open the metadata")?.context("open the metadata")
}

/// This broker, at the addresses that it tells.
pub(super) fn registration(config: &BrokerConfig) -> RegisterBroker {
    let endpoints = config.network.advertised.iter().map(|advertised| Endpoint {
        listener: advertised.name.to_string(),
        host: advertised.host.clone(),
        port: advertised.port,
    });
    RegisterBroker {
        id: config.node_id,
        incarnation: model::Incarnation::default(),
        log_life: None,
        serves_at_once: true,
        rack: config.rack.clone(),
        endpoints: endpoints.collect(),
        began_empty: false,
        follows: None,
    }
}

pub(super) fn settings(config: &BrokerConfig) -> Settings {
    let topics = &config.topics;
    let replicas = i16::try_from(topics.default_replication_factor).unwrap_or(i16::MAX);
    let is_set = topics.is_default_replication_set;
    Settings {
        num_partitions: i32::try_from(topics.num_partitions).unwrap_or(i32::MAX),
        default_replication: if is_set {
            DefaultReplication::Exactly(replicas)
        } else {
            DefaultReplication::AtMost(replicas)
        },
        min_insync_replicas: topics.min_insync_replicas,
        delete_topic_enable: topics.delete_enable,
        deletion_undo_window: topics.deletion_undo_window,
        internal_replication_factor: i16::try_from(config.offsets.topic_replication_factor).unwrap_or(i16::MAX),
        ..Settings::default()
    }
}
