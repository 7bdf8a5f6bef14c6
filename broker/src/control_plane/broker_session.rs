//! The controller of this broker in another process, or in another part of this one: reached by a session.

use super::{
    ControllerHandle,
    acts_by::{Obeying, OwnBroker},
    epoch_file::EpochFile,
    kept_metadata::{KeptMetadata, Known},
    log_life::{self, Found},
    standalone,
};
use crate::{
    clock::Clock,
    config::{BrokerConfig, Role},
    metadata_cache::MetadataCache,
    partitions::Partitions,
    running::Failure,
};
use ::control_plane::session::{Condition, Registrar, RemoteController, SessionState, client, client::TokenFile};
use anyhow::{Context, ensure};
use controller::{
    BrokerCondition, ClusterImage,
    requests::{BrokerSession as Life, RegisterBroker},
};
use model::{BrokerId, ClusterId, Incarnation};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// How long a request waits for a controller to come back, or for another to take over.
const CALL_PATIENCE: Duration = Duration::from_secs(5);
/// How long a stop waits until others lead what this broker led.
const HAND_OVER_PATIENCE: Duration = Duration::from_secs(3);
/// How long a stop waits until the controller has heard the farewell.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(1);

/// How this broker is doing.
#[derive(Debug)]
struct Own {
    data_dir: PathBuf,
    partitions: Partitions,
    disk_stood_still: AtomicBool,
}

impl Own {
    fn new(data_dir: PathBuf, partitions: Partitions) -> Self {
        Self { data_dir, partitions, disk_stood_still: AtomicBool::new(false) }
    }

    fn disk_stands_still(&self) -> bool {
        let stands_still = self.partitions.disk_stands_still();
        match (self.disk_stood_still.swap(stands_still, Ordering::Relaxed), stands_still) {
            (false, true) => tracing::error!(
                data_dir = %self.data_dir.display(),
                "the disk takes no writes: the controller is to hear nothing from this broker until it does, so that others lead"
            ),
            (true, false) => tracing::info!("the disk takes writes again"),
            (true, true) | (false, false) => {}
        }
        stands_still
    }
}

impl Condition for Own {
    fn now(&self) -> Option<BrokerCondition> {
        if self.disk_stands_still() {
            return None;
        }
        let volume = rustix::fs::statvfs(&self.data_dir).ok();
        let bytes = |blocks: u64, size: u64| blocks.saturating_mul(size);
        let (logs, logs_to_recover) = self.partitions.recovery();
        Some(BrokerCondition {
            free_bytes: volume.as_ref().map(|volume| bytes(volume.f_bavail, volume.f_frsize)),
            total_bytes: volume.map(|volume| bytes(volume.f_blocks, volume.f_frsize)),
            logs: u32::try_from(logs).unwrap_or(u32::MAX),
            logs_to_recover: u32::try_from(logs_to_recover).unwrap_or(u32::MAX),
            ..BrokerCondition::default()
        })
    }
}

/// The running session.
#[derive(Debug)]
pub(crate) struct BrokerSession {
    me: BrokerId,
    metadata: MetadataCache,
    controller: RemoteController,
    kept: Option<(KeptMetadata, JoinHandle<()>)>,
}

fn token(config: &BrokerConfig) -> Option<TokenFile> {
    config.cluster.controller_token_file.clone().map(TokenFile)
}

/// The id of the cluster whose controller is at `address`; waits until it answers.
pub(crate) async fn cluster_at(address: &str, config: &BrokerConfig) -> anyhow::Result<ClusterId> {
    let found = client::describe(address, token(config).as_ref())
        .await
        .with_context(|| format!("ask the controller at {address}"))?;
    if let Some(asked) = &config.cluster_id {
        ensure!(
            *asked == found,
            "the controller at {address} is that of cluster {found}, weir.cluster.id (CLUSTER_ID) is {asked}; leave that out, or give the controller of that cluster with --controller"
        );
    }
    Ok(found)
}

impl BrokerSession {
    /// Registers this broker with the controller at `address`. Once this returns it acts by metadata that has it registered.
    /// `config.network.advertised` must hold the real ports.
    pub(crate) async fn start(
        config: &BrokerConfig,
        address: String,
        clock: Clock,
        cluster_id: &ClusterId,
        broker: OwnBroker,
        failure: Failure,
    ) -> anyhow::Result<Self> {
        let metadata = broker.metadata.clone();
        let epoch = EpochFile::open(&config.data_dir)?;
        let known = Known { metadata: metadata.clone(), data_dir: config.data_dir.clone() };
        let found = Found { are_whole: broker.partitions.are_whole(), are_none: broker.partitions.are_none() };
        let life = log_life::of(&config.data_dir, found, clock.random_uuid())?;
        let registrar = Registrar {
            controller: address.clone(),
            token: token(config),
            cluster_id: cluster_id.clone(),
            registration: RegisterBroker {
                incarnation: Incarnation(clock.random_uuid()),
                log_life: life.id,
                began_empty: life.began_empty,
                serves_at_once: false,
                ..standalone::registration(config)
            },
            highest_epoch: epoch.highest(),
            kept_version: known.kept_version(),
            known: Arc::new(known),
            heartbeat_interval: config.cluster.heartbeat_interval,
            condition: Arc::new(Own::new(config.data_dir.clone(), broker.partitions.clone())),
            call_patience: CALL_PATIENCE,
        };
        let keeps = matches!(config.role, Role::Broker { .. });
        let kept = keeps.then(|| KeptMetadata::new(&config.data_dir));
        let publisher = Obeying { epoch: Some(epoch), kept: kept.clone(), broker, failure };
        let kept = kept.map(|kept| (kept.clone(), kept.start_syncing()));
        let controller = RemoteController::start(registrar, publisher).await;
        let controller = controller.with_context(|| format!("register with the controller at {address}"))?;
        log_life::has_registered(&config.data_dir, life)?;
        Ok(Self { me: config.node_id, metadata, controller, kept })
    }

    pub(crate) fn handle(&self) -> ControllerHandle {
        self.controller.handle()
    }

    pub(crate) fn state(&self) -> watch::Receiver<SessionState> {
        self.controller.state()
    }

    /// Resolves once the controller lets this broker lead.
    pub(crate) async fn unfenced(&self) {
        let mut images = self.metadata.subscribe();
        // The cache holds a sender, so the wait cannot fail.
        let _ = images.wait_for(|image| image.brokers.get(&self.me).is_some_and(|broker| !broker.fenced)).await;
    }

    /// Has others lead what they can. This broker goes on answering meanwhile, with who leads instead. `false`: nobody saw to it.
    pub(crate) async fn hand_over(&self) -> bool {
        tokio::time::timeout(HAND_OVER_PATIENCE, self.leave()).await.unwrap_or_else(|_| {
            tracing::warn!("the controller did not hand over leadership in time, stopping all the same");
            false
        })
    }

    async fn leave(&self) -> bool {
        let Some(epoch) = self.metadata.committed().brokers.get(&self.me).map(|broker| broker.epoch) else {
            return false;
        };
        if let Err(error) = self.handle().begin_shutdown(Life { id: self.me, epoch }).await {
            tracing::warn!(%error, "the controller was not asked to hand over leadership");
            return false;
        }
        let mut images = self.metadata.subscribe();
        images.wait_for(|image| !leads_what_others_could(image, self.me)).await.is_ok()
    }

    /// Says farewell: from then on clients are not sent here any more.
    pub(crate) async fn stop(self) {
        if tokio::time::timeout(FAREWELL_PATIENCE, self.controller.stop()).await.is_err() {
            tracing::warn!("the controller did not hear the farewell in time");
        }
        if let Some((kept, syncing)) = self.kept {
            syncing.abort();
            kept.finish().await;
        }
    }
}

fn leads_what_others_could(image: &ClusterImage, me: BrokerId) -> bool {
    let partitions = image.topics.iter().flat_map(|topic| &topic.partitions);
    let mut led = partitions.filter(|partition| partition.leader == Some(me));
    led.any(|partition| partition.isr.iter().any(|id| *id != me && image.is_usable(*id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fixture::Fixture;

    #[tokio::test]
    async fn a_broker_says_what_it_holds_and_how_much_room_is_left() {
        let broker = Fixture::start().await;
        broker.topic("orders", 3, &[]).await;
        broker.append("orders", 0, &["a"]).await;
        let condition = |broker: &Fixture| {
            let partitions = broker.broker().partitions.clone();
            Own::new(broker.folder.path().to_owned(), partitions).now().unwrap()
        };
        let now = condition(&broker);
        assert_eq!((now.logs, now.logs_to_recover), (3, 0));
        assert!(now.free_bytes.is_some_and(|free| free > 0) && now.free_bytes <= now.total_bytes);
    }
}
