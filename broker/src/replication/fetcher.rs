//! One fetcher: what it follows of one leader, over one connection.

use super::{
    ReplicationSetup,
    connection::Connection,
    request::{Limits, answer, request},
    session::{Key, Session},
};
use crate::{
    partitions::{Following, Partition, check_records},
    replication_quota::Side,
};
use bytes::Bytes;
use futures_util::future::join_all;
use kafka_protocol::ResponseError as Code;
use model::{BrokerEpoch, BrokerId, MonotonicTime};
use parking_lot::Mutex;
use protocol::fetch_response::{FetchPartitionResult, FetchResponse};
use replication::{FetchAnswer, NextFetch};
use std::{
    collections::{HashMap, HashSet},
    io, mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};

const FIRST_RETRY: Duration = Duration::from_millis(20);
/// Partitions that a request already under way does not name wait for its end, but no longer than this: then the
/// connection is given up for a new one that names all. The more there are, the more that costs.
const PATIENCE: Duration = Duration::from_millis(5);
const PATIENCE_PER_THOUSAND: Duration = Duration::from_millis(100);
/// How soon a throttled replica looks whether it may go on.
const THROTTLED: Duration = Duration::from_millis(100);
/// Nothing is due: a change in the mailbox ends the wait.
const LONG: Duration = Duration::from_secs(3600);

/// How the fetcher learns what to follow.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    changes: Mutex<Vec<Change>>,
    changed: Notify,
    ended: AtomicBool,
}

#[derive(Debug)]
enum Change {
    /// Perhaps again, in another epoch.
    Follow(Arc<Partition>),
    Release(Arc<Partition>),
}

impl Mailbox {
    pub(super) fn follow(&self, partition: &Arc<Partition>) {
        self.put(Change::Follow(Arc::clone(partition)));
    }

    pub(super) fn release(&self, partition: &Arc<Partition>) {
        self.put(Change::Release(Arc::clone(partition)));
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    fn put(&self, change: Change) {
        self.changes.lock().push(change);
        self.changed.notify_one();
    }

    fn has_changes(&self) -> bool {
        !self.changes.lock().is_empty() || self.ended.load(Ordering::Acquire)
    }

    async fn changes(&self) {
        loop {
            let changed = self.changed.notified();
            if self.has_changes() {
                return;
            }
            changed.await;
        }
    }
}

pub(super) struct Fetcher {
    setup: ReplicationSetup,
    leader: BrokerId,
    mailbox: Arc<Mailbox>,
    followed: HashMap<Key, Followed>,
    session: Session,
    /// What the leader may have to be told anew.
    changed: HashSet<Key>,
    /// Those of the followed that do not ask at present.
    waiting: HashSet<Key>,
    retry: Duration,
    told_failure: bool,
}

struct Followed {
    partition: Arc<Partition>,
    following: Following,
}

impl Followed {
    fn next(&self) -> Option<NextFetch> {
        match self.following {
            Following::Asks(next) => Some(next),
            Following::Nobody | Following::Waits { .. } => None,
        }
    }

    fn due(&self) -> Option<MonotonicTime> {
        match self.following {
            Following::Waits { until, .. } => until,
            Following::Nobody | Following::Asks(_) => None,
        }
    }
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
enum Over {
    #[error("the metadata has no address of the leader for followers")]
    NoAddress,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("no answer in time")]
    NoAnswer,
    #[error("the leader refuses the request: {0:?}")]
    Refused(Code),
    #[error("nothing is followed any more")]
    Ended,
    #[error("there is more to follow")]
    Interrupted,
}

impl Fetcher {
    pub(super) fn new(setup: ReplicationSetup, leader: BrokerId, mailbox: Arc<Mailbox>) -> Self {
        Self {
            setup,
            leader,
            mailbox,
            followed: HashMap::new(),
            session: Session::default(),
            changed: HashSet::new(),
            waiting: HashSet::new(),
            retry: FIRST_RETRY,
            told_failure: false,
        }
    }

    /// Until its mailbox is ended.
    pub(super) async fn run(mut self) {
        loop {
            let over = self.serve_connection().await;
            match over {
                Over::Ended => return,
                Over::Interrupted => continue,
                _ => {}
            }
            if !mem::replace(&mut self.told_failure, true) {
                tracing::warn!(leader = %self.leader, error = %over, "cannot fetch from the leader, trying again");
            }
            tokio::select! {
                () = sleep(self.retry) => {}
                // Perhaps another leader by now.
                () = self.mailbox.changes() => sleep(FIRST_RETRY).await,
            }
            let most = Duration::from_millis(self.setup.config.replication.fetch_backoff_ms);
            self.retry = (self.retry * 2).min(most.max(FIRST_RETRY));
        }
    }

    async fn serve_connection(&mut self) -> Over {
        match self.fetch_on().await {
            Ok(()) => Over::Ended,
            Err(over) => over,
        }
    }

    async fn fetch_on(&mut self) -> Result<(), Over> {
        let mut connection: Option<Connection> = None;
        loop {
            self.take_changes().await;
            if self.mailbox.ended.load(Ordering::Acquire) {
                return Ok(());
            }
            let now = self.setup.clock.now();
            self.ask_again(now).await;
            if self.followed.len() == self.waiting.len() {
                // Without anything to ask the leader need not keep a session.
                connection = None;
                self.wait_for_changes().await;
                continue;
            }
            if connection.is_none() {
                connection = Some(self.connect().await?);
                self.setup.metadata.regained_sight_of(self.leader);
                self.session.begin_anew();
            }
            let Some(open) = &mut connection else { continue };
            let response = self.exchange(open).await.inspect_err(|over| self.tell_if_lost(over))?;
            if let Err(error) = self.session.answered(response.error_code, response.session_id) {
                if !is_of_session(error) {
                    return Err(Over::Refused(error));
                }
                continue;
            }
            self.works();
            self.take_response(response).await;
        }
    }

    async fn connect(&self) -> Result<Connection, Over> {
        let image = self.setup.metadata.current();
        let listener = self.setup.config.network.replication_listener.as_ref().ok_or(Over::NoAddress)?;
        let leader = image.brokers.get(&self.leader).ok_or(Over::NoAddress)?;
        let endpoint = leader.endpoint(listener.as_str()).ok_or(Over::NoAddress)?;
        let client_id = format!("follower-{}", self.setup.config.node_id);
        Ok(Connection::open(&endpoint.host, endpoint.port, client_id).await?)
    }

    /// One request and its response.
    async fn exchange(&mut self, connection: &mut Connection) -> Result<FetchResponse<Bytes>, Over> {
        if self.session.is_new() {
            self.session.forget();
            self.changed.extend(self.followed.keys());
        }
        let followed = &self.followed;
        let news = self.session.news(self.changed.drain().map(|key| {
            let wanted = followed.get(&key).and_then(|followed| followed.next());
            (key, wanted)
        }));
        let replication = &self.setup.config.replication;
        let limits = Limits {
            min_bytes: replication.fetch_min_bytes,
            max_bytes: replication.fetch_response_max_bytes,
            partition_max_bytes: replication.fetch_max_bytes,
        };
        let wait = Duration::from_millis(replication.fetch_wait_max_ms).min(self.until_due());
        let limit = wait + Duration::from_millis(replication.socket_timeout_ms);
        connection.send(&request(self.own_life(), news, wait, limits), limit).await?;
        let patience = PATIENCE + PATIENCE_PER_THOUSAND * u32::try_from(self.followed.len() / 1000).unwrap_or(u32::MAX);
        let length = tokio::select! {
            biased;
            length = timeout(limit, connection.answered()) => length.map_err(|_| Over::NoAnswer)??,
            () = async {
                self.mailbox.changes().await;
                sleep(patience).await;
            } => return Err(Over::Interrupted),
        };
        Ok(timeout(limit, connection.receive(length)).await.map_err(|_| Over::NoAnswer)??)
    }

    /// A connection that works breaks when the leader dies: clients that ask who leads now had better wait a moment.
    fn tell_if_lost(&self, over: &Over) {
        if matches!(over, Over::Io(_)) {
            self.setup.metadata.lost_sight_of(self.leader);
        }
    }

    fn own_life(&self) -> (BrokerId, BrokerEpoch) {
        let me = self.setup.config.node_id;
        let image = self.setup.metadata.current();
        (me, image.brokers.get(&me).map_or(BrokerEpoch(-1), |broker| broker.epoch))
    }

    async fn take_changes(&mut self) {
        let changes = mem::take(&mut *self.mailbox.changes.lock());
        let mut anew = HashMap::new();
        for change in changes {
            match change {
                Change::Follow(partition) => {
                    anew.insert(key(&partition), partition);
                }
                Change::Release(partition) => {
                    anew.remove(&key(&partition));
                    self.release(key(&partition));
                }
            }
        }
        let asked = anew.into_values().map(|partition| async move {
            let following = partition.following().await;
            (key(&partition), Followed { partition, following })
        });
        for (key, followed) in join_all(asked).await {
            self.keep(key, followed.partition, followed.following);
        }
    }

    /// What waited for its time.
    async fn ask_again(&mut self, now: MonotonicTime) {
        let due = self.waiting.iter().filter_map(|key| {
            let followed = self.followed.get(key)?;
            followed.due().filter(|due| *due <= now)?;
            Some(Arc::clone(&followed.partition))
        });
        let asked = due.collect::<Vec<_>>().into_iter().map(|partition| async move {
            let following = partition.following().await;
            (partition, following)
        });
        for (partition, following) in join_all(asked).await {
            self.keep(key(&partition), partition, following);
        }
    }

    fn keep(&mut self, key: Key, partition: Arc<Partition>, following: Following) {
        let following = self.throttled(&partition, following);
        let leader = match following {
            Following::Nobody => None,
            Following::Asks(next) => Some(next.leader),
            Following::Waits { leader, .. } => Some(leader),
        };
        if leader != Some(self.leader) {
            return self.release(key);
        }
        match following {
            Following::Asks(_) => self.waiting.remove(&key),
            Following::Nobody | Following::Waits { .. } => self.waiting.insert(key),
        };
        self.followed.insert(key, Followed { partition, following });
        self.changed.insert(key);
    }

    /// A replica that catches up under a throttle asks when it may take something again.
    fn throttled(&self, partition: &Partition, following: Following) -> Following {
        let Following::Asks(next) = following else { return following };
        let (me, now) = (self.setup.config.node_id, self.setup.clock.now());
        if self.setup.quota.holds_up(Side::Follower, partition.id(), me, now) {
            return Following::Waits { leader: next.leader, until: Some(now + THROTTLED) };
        }
        following
    }

    fn release(&mut self, key: Key) {
        self.followed.remove(&key);
        self.waiting.remove(&key);
        self.changed.insert(key);
    }

    /// Until the first of those that wait may ask.
    fn until_due(&self) -> Duration {
        let now = self.setup.clock.now();
        let due = self.waiting.iter().filter_map(|key| self.followed.get(key)?.due());
        due.min().map_or(LONG, |due| due.since(now).max(Duration::from_millis(1)))
    }

    async fn wait_for_changes(&self) {
        let due = Instant::now() + self.until_due();
        tokio::select! {
            () = self.mailbox.changes() => {}
            () = sleep_until(due) => {}
        }
    }

    async fn take_response(&mut self, response: FetchResponse<Bytes>) {
        let results = response.topics.into_iter().flat_map(|topic| {
            let id = topic.topic_id;
            topic.partitions.into_iter().map(move |result| ((id, model::PartitionIndex(result.index)), result))
        });
        let taken = results.filter_map(|(key, result)| {
            let partition = Arc::clone(&self.followed.get(&key)?.partition);
            let asked = self.session.asked(key)?;
            let me = self.setup.config.node_id;
            self.setup.quota.took(Side::Follower, partition.id(), me, result.records.len());
            Some(async move {
                let following = take_result(&partition, asked, result).await;
                (key, partition, following)
            })
        });
        let taken: Vec<_> = taken.collect();
        for (key, partition, following) in join_all(taken).await {
            self.keep(key, partition, following);
        }
    }

    fn works(&mut self) {
        self.retry = FIRST_RETRY;
        if mem::take(&mut self.told_failure) {
            tracing::info!(leader = %self.leader, "fetching from the leader works");
        }
    }
}

async fn take_result(partition: &Arc<Partition>, asked: NextFetch, result: FetchPartitionResult<Bytes>) -> Following {
    let answer = answer(&result);
    let records = match answer {
        FetchAnswer::Records { .. } => result.records,
        _ => Bytes::new(),
    };
    match check_records(&records, asked.leader_epoch) {
        Ok(()) => partition.take_answer(asked, answer, records).await,
        Err(error) => {
            let (topic, index) = (&partition.id().topic, partition.id().partition);
            tracing::error!(%topic, partition = %index, %error, "records of the leader are not taken");
            partition.take_answer(asked, FetchAnswer::NotNow, Bytes::new()).await
        }
    }
}

fn key(partition: &Partition) -> Key {
    (partition.topic().id(), partition.id().partition)
}

fn is_of_session(error: Code) -> bool {
    matches!(error, Code::FetchSessionIdNotFound | Code::InvalidFetchSessionEpoch | Code::FetchSessionTopicIdError)
}
