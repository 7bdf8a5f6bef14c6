//! The partitions this broker holds: a registry, and one writer at a time per partition.
//!
//! Find a [`Partition`] with [`Partitions::get`] or through its [`Topic`], append with [`Partition::append`] (or
//! [`Partition::append_in_epoch`]), read with [`Partition::view`] (or [`Partition::read`]). Logs open at their first use
//! and are closed again when nobody used them for a while; an idle partition is memory only.

mod append;
mod apply;
mod buried;
mod closed;
mod disk_pool;
mod disk_work;
mod flush;
mod followers;
mod following;
mod gathered;
mod maintenance;
mod manifest_file;
mod opening;
mod parked;
mod partition;
mod position;
mod queue;
mod read;
mod records;
mod resting;
mod settings;
mod strays;
#[cfg(test)]
mod tests;
mod watch;
mod writer;

pub(crate) use append::{AppendError, AppendRequest, AppendSink, Appended, RequiredAcks};
pub(crate) use apply::assignment;
pub(crate) use disk_pool::DiskPool;
pub(crate) use followers::{Decided, FollowerAsks, FollowingBroker, NoRecords};
pub(crate) use following::{Following, check_records};
pub(crate) use partition::{LogView, Offsets, Partition, State, Unavailable};
pub(crate) use read::{Isolation, ReadError, ReadRequest};
pub(crate) use records::DeleteRecordsError;
pub(crate) use watch::{Change, Ticket, Watcher};

use crate::{
    clock::Clock,
    config::BrokerConfig,
    control_plane::log_life,
    file_disk::FileDisk,
    metrics::{Metrics, TopicMetrics},
};
use anyhow::Context;
use arc_swap::ArcSwap;
use closed::Closed;
use controller::{
    image::{BrokerConfigs, BrokerRegistration, ConfigMap, Tombstone},
    topic_config::{Defaults, TopicConfig},
};
use disk_work::DiskWork;
use gathered::Gathered;
use manifest_file::{Known, ManifestFile};
use model::{BrokerId, MonotonicTime, PartitionIndex, TopicId, TopicName};
use parking_lot::{Mutex, RwLock};
use partition_log::Crash;
use replication::Proposal;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, sync::Notify, task::JoinHandle};

/// How long a request that names no limit of its own waits for the recovery of a log: a client waits longer.
pub(crate) const PATIENCE_FOR_RECOVERY: Duration = Duration::from_secs(5);
/// How long a stop waits for the device: people wait for it.
const PATIENCE_FOR_DEVICE: Duration = Duration::from_millis(400);

/// Cheap to clone; all clones are one registry.
#[derive(Debug, Clone)]
pub(crate) struct Partitions {
    host: Arc<Host>,
}

/// What all partitions share.
#[derive(Debug)]
struct Host {
    me: BrokerId,
    disk: FileDisk,
    pool: DiskPool,
    syncs: DiskPool,
    /// For logs to be recovered, of which there may be thousands: whatever else waits for the disk is not behind them.
    recoveries: DiskPool,
    clock: Clock,
    runtime: Handle,
    metrics: Metrics,
    static_configs: ConfigMap,
    default_configs: Defaults,
    log_settings: settings::BrokerLogSettings,
    /// What the disk told at the start. Gone once the first image was applied: later partitions are new.
    known: Mutex<Option<Known>>,
    /// Logs of tombstones, and those about to be served again.
    resting: Mutex<resting::Resting>,
    /// Held by whoever moves logs of tombstones, removes them, or looks into one.
    moving: tokio::sync::Mutex<()>,
    /// Held from a look at whose a folder is until it has another name.
    freeing: Mutex<()>,
    /// Since the start some log may still be in doubt.
    recovering: AtomicBool,
    manifest: Arc<ManifestFile>,
    topics: RwLock<Topics>,
    /// Replicas that follow, or followed until now, and whose role changed.
    moved: Gathered<Arc<Partition>>,
    /// As the newest metadata has them.
    brokers: ArcSwap<BTreeMap<BrokerId, BrokerRegistration>>,
    /// `replica.lag.time.max.ms`.
    lag_max: Duration,
    tombstones: ArcSwap<BTreeMap<TopicId, Tombstone>>,
    broker_configs: ArcSwap<BrokerConfigs>,
    /// When any follower asked last.
    heard: Mutex<MonotonicTime>,
    /// Leaders that stepped aside.
    aside: Mutex<Vec<Arc<Partition>>>,
    disk_work: DiskWork,
    /// A replicated partition that is led here could not be written to.
    cannot_lead: Notify,
    /// On their way to the controller: at most one of each partition.
    proposals: Gathered<(Arc<Partition>, Proposal)>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Topics {
    by_name: HashMap<TopicName, Arc<Topic>>,
    by_id: HashMap<TopicId, Arc<Topic>>,
}

/// What the partitions of one topic share.
pub(crate) struct Topic {
    id: TopicId,
    name: TopicName,
    internal: bool,
    settings: ArcSwap<TopicConfig>,
    pub(crate) metrics: Arc<TopicMetrics>,
    /// By index; `None` where another broker holds the replica.
    partitions: RwLock<Vec<Option<Arc<Partition>>>>,
}

impl Partitions {
    /// Reads what the data folder tells about partitions; none is served before the first [`Partitions::apply`].
    /// Must run inside the runtime that is to serve them.
    pub(crate) fn open(config: &BrokerConfig, clock: Clock, metrics: Metrics) -> anyhow::Result<Self> {
        let disk = FileDisk::new(&config.data_dir);
        let known = Known::read(&disk)?;
        let pool = DiskPool::new().context("start a disk thread")?;
        let static_configs = config.static_values().clone();
        let log_settings = settings::BrokerLogSettings { producer_id_expiration_ms: config.producers.id_expiration_ms };
        let doomed = known.doomed_folders().cloned().collect();
        let manifest = Arc::new(ManifestFile::new(disk.clone(), pool.clone(), known.entries()));
        let host = Arc::new(Host {
            me: config.node_id,
            disk,
            pool,
            syncs: DiskPool::for_syncs().context("start a sync thread")?,
            recoveries: DiskPool::for_recoveries().context("start a recovery thread")?,
            clock,
            runtime: Handle::current(),
            metrics,
            static_configs,
            default_configs: config.defaults(),
            log_settings,
            known: Mutex::new(Some(known)),
            resting: Mutex::default(),
            moving: tokio::sync::Mutex::default(),
            freeing: Mutex::default(),
            recovering: AtomicBool::new(true),
            manifest,
            topics: RwLock::default(),
            moved: Gathered::default(),
            brokers: ArcSwap::default(),
            lag_max: Duration::from_millis(config.replication.lag_max_ms),
            tombstones: ArcSwap::default(),
            broker_configs: ArcSwap::default(),
            heard: Mutex::new(clock.now()),
            aside: Mutex::default(),
            disk_work: DiskWork::default(),
            cannot_lead: Notify::new(),
            proposals: Gathered::default(),
            tasks: Mutex::default(),
        });
        host.remove_folders_after(doomed, Duration::ZERO);
        maintenance::start(&host, config);
        Ok(Self { host })
    }

    /// Whether the logs have all that they had when the broker was last up. Known from the start until the first
    /// [`Partitions::apply`].
    pub(crate) fn are_whole(&self) -> bool {
        self.host.known.lock().as_ref().is_some_and(Known::is_whole)
    }

    /// Whether there is no log. Known as long as [`Partitions::are_whole`].
    pub(crate) fn are_none(&self) -> bool {
        self.host.known.lock().as_ref().is_some_and(Known::is_empty)
    }

    /// The partition if this broker holds a replica of it. Two shared locks, no allocation.
    pub(crate) fn get(&self, topic: &str, index: PartitionIndex) -> Option<Arc<Partition>> {
        self.host.topics.read().by_name.get(topic)?.get(index)
    }

    /// For requests that name many partitions of a topic: look the topic up once.
    pub(crate) fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.host.topics.read().by_name.get(name).cloned()
    }

    pub(crate) fn topic_by_id(&self, id: TopicId) -> Option<Arc<Topic>> {
        self.host.topics.read().by_id.get(&id).cloned()
    }

    /// Every partition held, in order of topic name and index; for sweeps and reports, not for requests.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.host.all()
    }

    /// Topics of which partitions are held, in order of name.
    pub(crate) fn topics(&self) -> Vec<Arc<Topic>> {
        self.host.topics()
    }

    /// Makes the positions that moved since the last checkpoint durable.
    pub(crate) async fn checkpoint(&self) -> std::io::Result<()> {
        self.host.checkpoint().await
    }

    /// For reads that may have to wait for the device.
    pub(crate) fn disk_pool(&self) -> &DiskPool {
        &self.host.pool
    }

    /// How many files of logs may stay open.
    pub(crate) fn most_open_files(&self) -> usize {
        self.host.disk.most_open_files()
    }

    /// False once every log that was there at the start is known to be good: then nobody need look for one that is not.
    pub(crate) fn are_recovering(&self) -> bool {
        self.host.recovering.load(Ordering::Acquire)
    }

    /// Replicas held, and those of them whose log is still to be recovered.
    pub(crate) fn recovery(&self) -> (usize, usize) {
        let topics = self.host.topics.read();
        let (mut held, mut to_recover) = (0, 0);
        let are_recovering = self.are_recovering();
        for topic in topics.by_name.values() {
            let partitions = topic.partitions.read();
            let there = partitions.iter().flatten();
            held += there.clone().count();
            if are_recovering {
                to_recover += there.filter(|partition| partition.state() == State::Recovering).count();
            }
        }
        (held, to_recover)
    }

    /// Resolves when no log is in doubt any more. Partitions serve as soon as each is recovered, not only then.
    pub(crate) async fn recovered(&self) {
        let mut all_serve = true;
        for partition in self.all() {
            // As its writer: others see the log open, then the state, and only then the leader.
            if partition.state() == State::Recovering {
                partition.exclusive(queue::Need::Log, |_, _| ()).await;
            } else if !partition.leads() {
                partition.exclusive(queue::Need::Nothing, |_, _| ()).await;
            }
            all_serve &= !matches!(partition.state(), State::Recovering | State::Failed);
        }
        self.host.recovering.store(false, Ordering::Release);
        self.host.settle_resting(Closed::is_in_doubt).await;
        if !all_serve || self.host.rest_in_doubt() {
            return;
        }
        if let Err(error) = self.host.manifest.mark_boot().await {
            tracing::warn!(%error, "cannot note that all logs are recovered, the next crash takes longer to recover from");
        }
        self.host.settle_resting(|log| log.unflushed().is_some()).await;
    }

    /// Something has waited for the disk for so long that others had better lead.
    pub(crate) fn disk_stands_still(&self) -> bool {
        self.host.disk_work.stands_still(self.host.clock.now(), self.host.lag_max)
    }

    /// Resolves when the disk refused what a leader with followers had to write: others can lead, with good disks.
    pub(crate) async fn cannot_lead(&self) {
        self.host.cannot_lead.notified().await;
    }

    /// Closes every log and leaves the mark of a clean stop. No append may follow.
    pub(crate) async fn shutdown(&self) -> anyhow::Result<()> {
        for task in std::mem::take(&mut *self.host.tasks.lock()) {
            task.abort();
        }
        let serves = |partition: &Arc<Partition>| partition.state() == State::Serving;
        let in_doubt = || !self.all().iter().all(serves) || self.host.rest_in_doubt();
        // A log that recovers from here on is not among those that are closed.
        let was_in_doubt = in_doubt();
        self.flush_all(PATIENCE_FOR_DEVICE).await;
        let open: Vec<_> = self.all().into_iter().filter(|partition| partition.view().is_some()).collect();
        let closed = open.iter().map(|partition| async move {
            let closed = partition.exclusive(queue::Need::Device, |partition, writer| {
                partition.close_log(writer);
                !writer.is_open()
            });
            closed.await.unwrap_or(false)
        });
        let all_closed = futures_util::future::join_all(closed).await.into_iter().all(|closed| closed);
        self.host.manifest.checkpoint().await.context("write the partition manifest")?;
        if all_closed && !was_in_doubt && !in_doubt() {
            self.host.manifest.mark_clean().await.context("mark the clean stop")?;
        }
        self.host.recoveries.close();
        self.host.pool.close();
        Ok(())
    }
}

impl Partitions {
    /// As far as the device keeps up: the manifest says of each log how much of it is safe.
    async fn flush_all(&self, patience: Duration) {
        let open = self.all().into_iter().filter(|partition| partition.view().is_some());
        // Out of time is no error: the next start checks what is not on the device, if the machine went down meanwhile.
        tokio::time::timeout(patience, futures_util::future::join_all(open.map(Partition::flush))).await.ok();
        self.host.syncs.abandon();
    }
}

impl Host {
    fn topics(&self) -> Vec<Arc<Topic>> {
        let mut topics: Vec<Arc<Topic>> = self.topics.read().by_name.values().cloned().collect();
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        topics
    }

    fn all(&self) -> Vec<Arc<Partition>> {
        self.topics().iter().flat_map(|topic| topic.held()).collect()
    }

    /// Some log has less than this broker said.
    fn end_log_life(&self) {
        if let Err(error) = log_life::end(&self.disk.path("")) {
            tracing::error!(%error, "the end of the logs' life cannot be noted in the data folder");
        }
    }

    /// What the disk has of a partition that is about to be served.
    fn known_at_start(&self, folder: &str, topic: TopicId) -> (Closed, State) {
        if let Some(restored) = self.resting.lock().remove(folder) {
            return restored;
        }
        if let Some(known) = &*self.known.lock() {
            if known.is_of(folder, topic) {
                self.manifest.note_topic(folder, topic);
            } else {
                tracing::info!(%folder, %topic, "log of a deleted topic of the same name");
                self.manifest.remove(folder);
            }
            return known.state_of(folder, topic);
        }
        // A partition made later is new, unless somebody put a folder there for it.
        if self.disk.path(folder).exists() {
            return (Closed::Unclean(None, Crash::Machine), State::Recovering);
        }
        (Closed::New, State::Serving)
    }

    fn remove_folders_after(&self, folders: Vec<String>, delay: Duration) {
        if folders.is_empty() {
            return;
        }
        let (disk, pool) = (self.disk.clone(), self.pool.clone());
        self.runtime.spawn(async move {
            tokio::time::sleep(delay).await;
            pool.spawn(move || {
                for folder in folders {
                    if let Err(error) = disk.remove_folder(&folder) {
                        tracing::warn!(%folder, %error, "deleted partition stays on disk until the next start");
                    }
                }
            });
        });
    }
}

impl Topic {
    pub(crate) fn id(&self) -> TopicId {
        self.id
    }

    pub(crate) fn name(&self) -> &TopicName {
        &self.name
    }

    /// The configuration in force.
    pub(crate) fn settings(&self) -> Arc<TopicConfig> {
        self.settings.load_full()
    }

    /// Only coordinators write to it.
    pub(crate) fn is_internal(&self) -> bool {
        self.internal
    }

    pub(crate) fn get(&self, index: PartitionIndex) -> Option<Arc<Partition>> {
        self.partitions.read().get(usize::try_from(index.0).ok()?)?.clone()
    }

    pub(crate) fn held(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().iter().flatten().cloned().collect()
    }
}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topic").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}
