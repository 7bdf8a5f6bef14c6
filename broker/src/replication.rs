//! Replication between brokers: this broker's followers fetch from the leaders of their partitions, and what this broker's
//! leaders propose about their in-sync replicas goes to the controller.
//!
//! It is: connections, requests and their pace. It is not: the rules of who is in sync or where a log is cut back (crate
//! `replication`), nor how records get into a log (`partitions`).
//!
//! Each leader is asked by a few [`fetcher`]s, each with a connection and an incremental fetch session (KIP-227) of its own;
//! a partition belongs to one of them. A fetcher has one request under way: the next one is the acknowledgement of what the
//! last one brought.

mod connection;
mod fetcher;
mod isolation;
mod isr_changes;
mod request;
mod session;

use crate::{
    clock::Clock,
    config::BrokerConfig,
    control_plane::ControllerHandle,
    metadata_cache::MetadataCache,
    metrics::Metrics,
    partitions::{Following, Partition, Partitions},
    replication_quota::ReplicationQuota,
};
use control_plane::session::SessionState;
use fetcher::{Fetcher, Mailbox};
use model::{BrokerId, TopicPartition};
use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// Fetchers of one leader at most; fewer where there are fewer processors.
const MOST_FETCHERS: usize = 4;

/// What replication needs from the rest of the broker.
#[derive(Debug, Clone)]
pub(crate) struct ReplicationSetup {
    pub(crate) config: BrokerConfig,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) metadata: MetadataCache,
    pub(crate) controller: ControllerHandle,
    pub(crate) partitions: Partitions,
    pub(crate) quota: ReplicationQuota,
}

/// Runs until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Replication {
    tasks: JoinSet<()>,
}

impl Replication {
    pub(crate) fn start(setup: &ReplicationSetup, session: Option<watch::Receiver<SessionState>>) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(Followers::new(setup.clone()).run());
        tasks.spawn(isr_changes::run(setup.clone()));
        tasks.spawn(check_lag(setup.clone()));
        if let Some(session) = session {
            tasks.spawn(isolation::run(setup.clone(), session));
        }
        Self { tasks }
    }

    /// Nothing is fetched or proposed any more when this returns.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// As often as Kafka looks.
async fn check_lag(setup: ReplicationSetup) {
    let lag_max = Duration::from_millis(setup.config.replication.lag_max_ms);
    let mut ticks = tokio::time::interval(lag_max.div_f64(2.0).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        setup.partitions.check_lag(lag_max).await;
    }
}

/// One of the fetchers of a leader.
type Place = (BrokerId, usize);

/// Brings each partition that follows to a fetcher of its leader.
struct Followers {
    setup: ReplicationSetup,
    fetchers: HashMap<Place, Arc<Mailbox>>,
    places: HashMap<TopicPartition, Place>,
    fetchers_per_leader: usize,
    tasks: JoinSet<()>,
}

impl Followers {
    fn new(setup: ReplicationSetup) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            setup,
            fetchers: HashMap::new(),
            places: HashMap::new(),
            fetchers_per_leader: processors.min(MOST_FETCHERS),
            tasks: JoinSet::new(),
        }
    }

    async fn run(mut self) {
        loop {
            for partition in self.setup.partitions.moved().await {
                self.place(partition).await;
            }
            self.end_idle();
        }
    }

    async fn place(&mut self, partition: Arc<Partition>) {
        let leader = match partition.following().await {
            Following::Nobody => None,
            Following::Asks(next) => Some(next.leader),
            Following::Waits { leader, .. } => Some(leader),
        };
        let place = leader.map(|leader| (leader, self.fetcher_of(partition.id())));
        let before = match place {
            Some(place) => self.places.insert(partition.id().clone(), place),
            None => self.places.remove(partition.id()),
        };
        if let Some(before) = before.filter(|before| Some(*before) != place)
            && let Some(mailbox) = self.fetchers.get(&before)
        {
            mailbox.release(&partition);
        }
        if let Some(place) = place {
            self.mailbox(place).follow(&partition);
        }
    }

    fn fetcher_of(&self, partition: &TopicPartition) -> usize {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(partition);
        usize::try_from(hash % self.fetchers_per_leader as u64).unwrap_or(0)
    }

    fn mailbox(&mut self, place: Place) -> &Arc<Mailbox> {
        let Self { setup, fetchers, tasks, .. } = self;
        fetchers.entry(place).or_insert_with(|| {
            let mailbox = Arc::new(Mailbox::default());
            tasks.spawn(Fetcher::new(setup.clone(), place.0, Arc::clone(&mailbox)).run());
            mailbox
        })
    }

    /// A leader that nothing is followed of costs no connection.
    fn end_idle(&mut self) {
        let used: std::collections::HashSet<Place> = self.places.values().copied().collect();
        self.fetchers.retain(|place, mailbox| {
            let is_used = used.contains(place);
            if !is_used {
                mailbox.end();
            }
            is_used
        });
        while self.tasks.try_join_next().is_some() {}
    }
}
