//! The host of the group coordinators: one owner task per partition of `__consumer_offsets` that this broker leads.
//!
//! Ask with [`Groups::request`], read with [`Groups::fetch_offsets`], [`Groups::describe`] and [`Groups::list`]. The
//! decisions are the core's (crate `group-coordinator`); here are its queue, its timers, its log and its clock. An answer
//! leaves once everything it rests on is committed in the leadership that it was given in, reads included.

mod answer;
mod counts;
mod loading;
mod seen_topics;
mod shard;
#[cfg(test)]
mod tests;
mod timers;

use crate::{
    clock::Clock,
    config::BrokerConfig,
    control_plane::{ControllerHandle, create_missing},
    metadata_cache::MetadataCache,
    metrics::{Collect, Exposition},
    partitions::Partitions,
};
use controller::{ClusterImage, ControllerError, TopicError, TopicImage, topic_name::GROUP_OFFSETS};
use counts::Counters;
use group_coordinator::{
    GroupCoordinator, GroupError, Reply, Request,
    reply::{DescribedGroup, FetchedTopic, ListedGroup},
    request::FetchOffsets,
};
use model::{BrokerId, GroupId, LeaderEpoch, PartitionIndex, TopicName};
use parking_lot::{Mutex, RwLock};
use protocol::hashes::coordinator_partition;
use shard::{Command, Shard, ShardSettings};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
};

/// Requests that wait for the owner of one partition; more wait at their connections.
const MAILBOX: usize = 1024;
/// Partitions that load at a time, as many as Kafka has threads for it: each holds a read buffer.
const CONCURRENT_LOADS: usize = 4;
/// Coordinators look at changed metadata after this long, so that a burst of changes costs them one look.
const METADATA_PAUSE: Duration = Duration::from_millis(50);

/// Cheap to clone; all clones are one host.
#[derive(Clone)]
pub(crate) struct Groups {
    host: Arc<Host>,
}

/// What the coordinators need from the rest of the broker.
#[derive(Debug, Clone)]
pub(crate) struct GroupsSetup<'a> {
    pub(crate) config: &'a BrokerConfig,
    pub(crate) clock: Clock,
    pub(crate) metadata: MetadataCache,
    pub(crate) controller: ControllerHandle,
    pub(crate) partitions: Partitions,
}

struct Host {
    me: BrokerId,
    broker_config: BrokerConfig,
    clock: Clock,
    metadata: MetadataCache,
    controller: ControllerHandle,
    partitions: Partitions,
    settings: ShardSettings,
    counters: Arc<Counters>,
    loads: Arc<Semaphore>,
    /// By partition of the offsets topic. Dropping a handle ends its task.
    shards: RwLock<BTreeMap<PartitionIndex, Arc<ShardHandle>>>,
    /// Held by the owner of a partition: the next one begins when it has ended.
    turns: Mutex<BTreeMap<PartitionIndex, Arc<tokio::sync::Mutex<()>>>>,
    tasks: Mutex<JoinSet<()>>,
    is_stopped: AtomicBool,
    /// Ends the watch on metadata.
    stopping: Notify,
}

/// The way to one partition's owner.
struct ShardHandle {
    leader_epoch: LeaderEpoch,
    mailbox: mpsc::Sender<Command>,
    is_loaded: Arc<AtomicBool>,
    /// Dropped with the handle, which ends a task that loads.
    _alive: oneshot::Sender<()>,
}

impl Groups {
    /// Touches nothing: no topic, no file, no task.
    pub(crate) fn new(setup: GroupsSetup<'_>) -> Self {
        let GroupsSetup { config, clock, metadata, controller, partitions } = setup;
        let host = Host {
            me: config.node_id,
            broker_config: config.clone(),
            clock,
            metadata,
            controller,
            partitions,
            settings: ShardSettings::read(config),
            counters: Arc::default(),
            loads: Arc::new(Semaphore::new(CONCURRENT_LOADS)),
            shards: RwLock::default(),
            turns: Mutex::default(),
            tasks: Mutex::default(),
            is_stopped: AtomicBool::new(false),
            stopping: Notify::new(),
        };
        Self { host: Arc::new(host) }
    }

    /// Follows the metadata from now on: takes over partitions as they come, drops offsets of deleted topics. What there
    /// is to load loads in the background; until then its groups are answered COORDINATOR_LOAD_IN_PROGRESS.
    pub(crate) fn start(&self) {
        let host = Arc::clone(&self.host);
        let changes = self.host.metadata.subscribe();
        self.host.follow();
        self.host.tasks.lock().spawn(async move { host.watch_metadata(changes).await });
    }

    /// Parked members are sent away, and no coordinator writes any more.
    pub(crate) async fn stop(&self) {
        self.host.is_stopped.store(true, Ordering::Release);
        self.host.stopping.notify_one();
        // The owners end when their mailboxes close.
        self.host.shards.write().clear();
        let mut tasks = std::mem::take(&mut *self.host.tasks.lock());
        while tasks.join_next().await.is_some() {}
    }

    /// The partition of the offsets topic that holds the group, once the topic exists.
    pub(crate) fn partition_of(&self, group: &str) -> Option<PartitionIndex> {
        let image = self.host.metadata.current();
        let topic = image.topic(GROUP_OFFSETS)?;
        Some(partition_of(topic, group))
    }

    /// Creates the offsets topic unless it exists. Its partitions are served and owned when this returns.
    pub(crate) async fn create_offsets_topic(&self) -> Result<(), OffsetsTopicError> {
        let host = &self.host;
        let names = [TopicName::from(GROUP_OFFSETS)];
        let image = host.metadata.committed();
        if image.topic(GROUP_OFFSETS).is_none() {
            let config = &host.broker_config;
            for (_, created) in create_missing(&host.controller, host.clock, config, &image, &names).await? {
                created?;
            }
        }
        host.follow();
        Ok(())
    }

    /// The core's reply, or a refusal of the same kind where no coordinator of this broker can make one.
    pub(crate) async fn request(&self, request: Request) -> Reply {
        let kind = request.kind();
        self.host.ask(request).await.unwrap_or_else(|error| kind.refused(error))
    }

    pub(crate) async fn fetch_offsets(&self, request: FetchOffsets) -> Result<Vec<FetchedTopic>, GroupError> {
        let shard = self.host.route(&request.group)?;
        shard.read(move |coordinator| coordinator.fetch_offsets(&request)).await
    }

    pub(crate) async fn describe(&self, group: GroupId) -> Result<DescribedGroup, GroupError> {
        let shard = self.host.route(&group)?;
        shard.read(move |coordinator| coordinator.describe(&group)).await?
    }

    /// All groups of all partitions this broker leads. While one of them loads the list would be wrong: an error.
    pub(crate) async fn list(&self) -> Result<Vec<ListedGroup>, GroupError> {
        self.host.follow();
        let shards: Vec<_> = self.host.shards.read().values().cloned().collect();
        let mut groups = Vec::new();
        for shard in shards {
            if !shard.is_loaded.load(Ordering::Acquire) {
                return Err(GroupError::CoordinatorLoadInProgress);
            }
            match shard.read(GroupCoordinator::list).await {
                Ok(mut listed) => groups.append(&mut listed),
                // Another broker lists them by now.
                Err(GroupError::NotCoordinator) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(groups)
    }
}

/// Why the offsets topic could not be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OffsetsTopicError {
    #[error(transparent)]
    Controller(#[from] ControllerError),
    #[error(transparent)]
    Topic(#[from] TopicError),
}

impl Host {
    async fn ask(&self, request: Request) -> Result<Reply, GroupError> {
        let shard = self.route(request.group())?;
        let (sender, receiver) = oneshot::channel();
        shard.send(Command::Request(request, sender)).await?;
        // A parked request must not keep the owner of its partition alive.
        drop(shard);
        // A dropped sender means that the partition is no longer ours.
        receiver.await.map_err(|_| GroupError::NotCoordinator)
    }

    fn route(&self, group: &GroupId) -> Result<Arc<ShardHandle>, GroupError> {
        let image = self.metadata.current();
        let topic = image.topic(GROUP_OFFSETS).ok_or(GroupError::NotCoordinator)?;
        let index = partition_of(topic, group);
        let led = topic.partition(index).filter(|partition| partition.leader == Some(self.me));
        let led = led.ok_or(GroupError::NotCoordinator)?;
        let known = self.shards.read().get(&index).cloned();
        let shard = match known.filter(|shard| shard.leader_epoch == led.leader_epoch) {
            Some(shard) => shard,
            // That of an earlier leadership may know less than was committed since.
            None => {
                self.follow();
                self.shards.read().get(&index).cloned().ok_or(GroupError::NotCoordinator)?
            }
        };
        if shard.is_loaded.load(Ordering::Acquire) { Ok(shard) } else { Err(GroupError::CoordinatorLoadInProgress) }
    }

    /// Has an owner for exactly the partitions that the newest image says this broker leads. Safe to call at any time.
    fn follow(&self) {
        let led = |topic: &Arc<TopicImage>| -> BTreeMap<PartitionIndex, LeaderEpoch> {
            let partitions = topic.indexed_partitions().filter(|(_, partition)| partition.leader == Some(self.me));
            partitions.map(|(index, partition)| (index, partition.leader_epoch)).collect()
        };
        let mut shards = self.shards.write();
        // Taken in turn, so that nobody goes back to an image older than what another has followed.
        let led = self.metadata.current().topic(GROUP_OFFSETS).map(led).unwrap_or_default();
        if self.is_stopped.load(Ordering::Acquire) {
            return;
        }
        shards.retain(|index, shard| led.get(index) == Some(&shard.leader_epoch));
        for (index, leader_epoch) in led {
            if !shards.contains_key(&index) {
                shards.extend(self.take_over(index, leader_epoch).map(|shard| (index, Arc::new(shard))));
            }
        }
    }

    fn take_over(&self, index: PartitionIndex, leader_epoch: LeaderEpoch) -> Option<ShardHandle> {
        let partition = self.partitions.get(GROUP_OFFSETS, index)?;
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        let is_loaded = Arc::new(AtomicBool::new(false));
        let counts = self.counters.shard(index);
        let shard =
            Shard::new(partition, leader_epoch, self.settings.clone(), self.clock, self.metadata.clone(), counts);
        let (loads, loaded) = (Arc::clone(&self.loads), Arc::clone(&is_loaded));
        let (alive, ended) = oneshot::channel();
        let turn = Arc::clone(self.turns.lock().entry(index).or_default());
        self.tasks.lock().spawn(async move {
            let _turn = turn.lock_owned().await;
            shard.run(commands, ended, loads, loaded).await;
        });
        Some(ShardHandle { leader_epoch, mailbox, is_loaded, _alive: alive })
    }

    async fn watch_metadata(&self, mut changes: watch::Receiver<Arc<ClusterImage>>) {
        loop {
            tokio::select! {
                () = self.stopping.notified() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            tokio::time::sleep(METADATA_PAUSE).await;
            changes.mark_unchanged();
            self.follow();
            let shards: Vec<_> = self.shards.read().values().cloned().collect();
            for shard in shards {
                // One that is gone has no offsets to forget.
                shard.send(Command::MetadataChanged).await.ok();
            }
        }
    }
}

impl ShardHandle {
    async fn send(&self, command: Command) -> Result<(), GroupError> {
        self.mailbox.send(command).await.map_err(|_| GroupError::NotCoordinator)
    }

    async fn read<R: Send + 'static>(
        self: Arc<Self>,
        look: impl FnOnce(&GroupCoordinator) -> R + Send + 'static,
    ) -> Result<R, GroupError> {
        let (sender, receiver) = oneshot::channel();
        let read = move |coordinator: &GroupCoordinator| {
            let seen = look(coordinator);
            // The reader may have gone.
            Box::new(move || drop(sender.send(seen))) as Box<dyn FnOnce() + Send>
        };
        self.send(Command::Read(Box::new(read))).await?;
        drop(self);
        receiver.await.map_err(|_| GroupError::NotCoordinator)
    }
}

fn partition_of(topic: &TopicImage, group: &str) -> PartitionIndex {
    let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    PartitionIndex(coordinator_partition(group, count))
}

impl Collect for Groups {
    fn collect(&self, exposition: &mut Exposition) {
        self.host.counters.collect(exposition);
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("partitions", &self.host.shards.read().len()).finish_non_exhaustive()
    }
}
