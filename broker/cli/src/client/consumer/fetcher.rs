//! Keeps one Fetch request under way at each leader while there is room, and hands out what came back, in order.

use super::{
    options::{ConsumerOptions, Reset},
    records::{ConsumedRecord, FetchedPartition},
};
use crate::client::{
    ClientError, Cluster, Purpose, Result, Topics, admin::Committed, metadata::Topic, retry::Trouble, wire,
};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        BrokerId as WireBrokerId, FetchRequest,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
    },
};
use model::{BrokerId, LeaderEpoch, Offset, ProducerId, TopicName, TopicPartition};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};
use tokio::task::JoinSet;

/// Answers waiting to be read: beyond this no further request is started. Two answers of ordinary size.
const PREFETCHED_BYTES: usize = 4 * 1024 * 1024;

/// Where a partition is read.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// Asked for next.
    fetch: Offset,
    /// The offset after the last record handed out: what a commit says.
    consumed: Offset,
    /// Of the last record handed out.
    consumed_epoch: Option<LeaderEpoch>,
    /// High watermark of the newest answer.
    end: Option<Offset>,
}

#[derive(Debug)]
pub(crate) struct Fetcher {
    cluster: Cluster,
    options: ConsumerOptions,
    positions: BTreeMap<TopicPartition, Position>,
    topics: BTreeMap<TopicName, Topic>,
    requests: JoinSet<Fetched>,
    busy: BTreeSet<BrokerId>,
    pending: VecDeque<FetchedPartition>,
    ready: VecDeque<ConsumedRecord>,
    /// Rises with every assignment: answers to requests from before are dropped.
    assignment: u64,
    stale: bool,
    paused_until: Option<Instant>,
    trouble: Trouble,
}

/// A request that has ended.
#[derive(Debug)]
struct Fetched {
    assignment: u64,
    leader: BrokerId,
    /// Partitions asked for and from where.
    asked: BTreeMap<TopicPartition, Offset>,
    outcome: Result<Vec<(TopicPartition, PartitionData)>>,
}

impl Fetcher {
    pub(crate) fn new(cluster: Cluster, options: ConsumerOptions) -> Self {
        Self {
            cluster,
            options,
            positions: BTreeMap::new(),
            topics: BTreeMap::new(),
            requests: JoinSet::new(),
            busy: BTreeSet::new(),
            pending: VecDeque::new(),
            ready: VecDeque::new(),
            assignment: 0,
            stale: false,
            paused_until: None,
            trouble: Trouble::default(),
        }
    }

    /// Reads these partitions from now on and no others. What was fetched and not handed out is dropped.
    pub(crate) fn assign(&mut self, positions: BTreeMap<TopicPartition, Offset>, topics: BTreeMap<TopicName, Topic>) {
        self.assignment += 1;
        self.busy.clear();
        self.requests.abort_all();
        self.pending.clear();
        self.ready.clear();
        self.positions = positions.into_iter().map(|(partition, offset)| (partition, at(offset))).collect();
        self.topics = topics;
    }

    /// Reads more partitions besides those it reads already.
    pub(crate) fn add(&mut self, positions: BTreeMap<TopicPartition, Offset>, topics: BTreeMap<TopicName, Topic>) {
        for (partition, offset) in positions {
            self.positions.entry(partition).or_insert(at(offset));
        }
        self.topics = topics;
    }

    pub(crate) fn reads(&self, partition: &TopicPartition) -> bool {
        self.positions.contains_key(partition)
    }

    /// What has been handed out: partition → offset after its last record, ready to be committed.
    pub(crate) fn consumed(&self) -> BTreeMap<TopicPartition, Committed> {
        let committed = |position: &Position| Committed {
            leader_epoch: position.consumed_epoch.map(|epoch| epoch.0).filter(|epoch| *epoch >= 0),
            ..Committed::at(position.consumed)
        };
        self.positions.iter().map(|(partition, position)| (partition.clone(), committed(position))).collect()
    }

    /// Everything below the high watermark of every partition has been handed out.
    pub(crate) fn is_at_end(&self) -> bool {
        self.ready.is_empty()
            && self.pending.is_empty()
            && self.positions.values().all(|position| position.end.is_some_and(|end| position.fetch >= end))
    }

    /// The next record that is here already.
    pub(crate) fn take(&mut self) -> Result<Option<ConsumedRecord>> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                if let Some(position) = self.positions.get_mut(&record.partition) {
                    position.consumed = record.offset.next();
                    position.consumed_epoch = Some(record.leader_epoch);
                }
                return Ok(Some(record));
            }
            let Some(partition) = self.pending.front_mut() else { return Ok(None) };
            match partition.next_batch()? {
                Some(records) => self.ready.extend(records),
                None => {
                    // Markers and aborted records at the end count as read, or a commit would stay before them for ever.
                    if let Some(position) = self.positions.get_mut(&partition.partition) {
                        position.consumed = position.consumed.max(partition.next);
                    }
                    self.pending.pop_front();
                }
            }
        }
    }

    /// Starts requests and waits for one to end, or for the end of a pause. Safe to cancel.
    pub(crate) async fn wait(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.paused_until.is_some_and(|end| end <= now) {
            self.paused_until = None;
        }
        if self.paused_until.is_none() {
            self.refresh().await?;
            self.start_requests();
        }
        let paused_until = self.paused_until;
        let pause = async {
            match paused_until {
                Some(end) => tokio::time::sleep_until(end.into()).await,
                None => std::future::pending().await,
            }
        };
        let ended = async {
            if self.requests.is_empty() { std::future::pending().await } else { self.requests.join_next().await }
        };
        let fetched = tokio::select! {
            fetched = ended => fetched,
            () = pause => None,
        };
        match fetched {
            // Requests of an older assignment were stopped.
            Some(Err(error)) if error.is_cancelled() => Ok(()),
            Some(Err(error)) => Err(ClientError::Invalid(format!("fetch task: {error}"))),
            Some(Ok(fetched)) if fetched.assignment == self.assignment => self.settle(fetched).await,
            Some(Ok(_)) | None => Ok(()),
        }
    }

    async fn refresh(&mut self) -> Result<()> {
        if !self.stale {
            return Ok(());
        }
        let names: Vec<TopicName> = self.topics.keys().cloned().collect();
        match self.cluster.metadata(Topics::Named(&names), false).await {
            Ok(metadata) => {
                let found = metadata.topics.into_iter().filter(|(_, topic)| topic.error.is_none());
                self.topics.extend(found);
                self.stale = false;
            }
            Err(error) if error.is_retriable() => self.goes_on(&error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn pause(&mut self) {
        self.paused_until = Some(Instant::now() + self.options.retry_backoff);
    }

    fn start_requests(&mut self) {
        let waiting: usize = self.pending.iter().map(FetchedPartition::remaining_bytes).sum();
        if waiting >= PREFETCHED_BYTES {
            return;
        }
        let mut leaders = BTreeMap::<BrokerId, BTreeMap<TopicPartition, Offset>>::new();
        for (partition, position) in &self.positions {
            let known = self.topics.get(&partition.topic).and_then(|topic| topic.partition(partition.partition));
            match known.and_then(|known| known.leader) {
                Some(leader) => {
                    leaders.entry(leader).or_default().insert(partition.clone(), position.fetch);
                }
                None => self.stale = true,
            }
        }
        if self.stale && leaders.is_empty() {
            self.pause();
        }
        for (leader, asked) in leaders {
            if self.busy.insert(leader) {
                let fetch = fetch(self.cluster.clone(), self.options.clone(), self.assignment, leader, asked);
                self.requests.spawn(fetch);
            }
        }
    }

    async fn settle(&mut self, fetched: Fetched) -> Result<()> {
        self.busy.remove(&fetched.leader);
        let answers = match fetched.outcome {
            Ok(answers) => answers,
            Err(error) if error.is_retriable() => {
                self.goes_on(&error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for (partition, data) in answers {
            let Some(from) = fetched.asked.get(&partition) else { continue };
            match ResponseError::try_from_code(data.error_code) {
                None => self.accept(partition, *from, data)?,
                Some(ResponseError::OffsetOutOfRange) => self.reset(&partition, *from).await?,
                Some(code) => {
                    let error = ClientError::Refused { code, message: None, subject: format!("partition {partition}") };
                    if !error.is_retriable() || code == ResponseError::CorruptMessage {
                        return Err(error);
                    }
                    self.goes_on(&error);
                }
            }
        }
        Ok(())
    }

    /// After an error that may pass: look where the leaders are, and try again.
    fn goes_on(&mut self, error: &ClientError) {
        self.trouble.goes_on(error);
        self.stale = true;
        self.pause();
    }

    fn accept(&mut self, partition: TopicPartition, from: Offset, data: PartitionData) -> Result<()> {
        let Some(position) = self.positions.get_mut(&partition).filter(|position| position.fetch == from) else {
            return Ok(());
        };
        let end = if self.options.read_committed { data.last_stable_offset } else { data.high_watermark };
        position.end = Some(Offset(end));
        self.trouble.is_over();
        let Some(bytes) = data.records.filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        let aborted = self.options.read_committed.then(|| {
            let list = data.aborted_transactions.unwrap_or_default();
            list.into_iter().map(|aborted| (Offset(aborted.first_offset), ProducerId(aborted.producer_id.0))).collect()
        });
        let fetched = FetchedPartition::new(partition.clone(), bytes, from, aborted, self.options.check_crcs)?;
        if fetched.next == from {
            // The first batch of an answer is always whole (KIP-74): no progress means that something is wrong.
            return Err(ClientError::Invalid(format!(
                "partition {partition}: the answer holds no whole batch at offset {from}"
            )));
        }
        position.fetch = fetched.next;
        self.pending.push_back(fetched);
        Ok(())
    }

    /// The offset asked for is gone (deleted) or not there yet.
    async fn reset(&mut self, partition: &TopicPartition, from: Offset) -> Result<()> {
        let offset =
            super::reset_offset(&self.cluster, partition, self.options.reset, self.options.read_committed, from)
                .await?;
        if self.options.reset != Reset::Refuse {
            crate::output::note(&format!("partition {partition}: offset {from} is out of range, going on at {offset}"));
        }
        if let Some(position) = self.positions.get_mut(partition) {
            *position = at(offset);
        }
        Ok(())
    }
}

fn at(offset: Offset) -> Position {
    Position { fetch: offset, consumed: offset, consumed_epoch: None, end: None }
}

async fn fetch(
    cluster: Cluster,
    options: ConsumerOptions,
    assignment: u64,
    leader: BrokerId,
    asked: BTreeMap<TopicPartition, Offset>,
) -> Fetched {
    let items = asked.iter().map(|(partition, offset)| (partition.clone(), *offset));
    let topics = wire::by_topic(items).into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(index, offset)| {
            FetchPartition::default()
                .with_partition(index)
                .with_current_leader_epoch(-1)
                .with_fetch_offset(offset.0)
                .with_last_fetched_epoch(-1)
                .with_partition_max_bytes(options.partition_max_bytes)
        });
        FetchTopic::default().with_topic(wire::topic(&topic)).with_partitions(partitions.collect())
    });
    let request = FetchRequest::default()
        .with_replica_id(WireBrokerId(-1))
        .with_max_wait_ms(i32::try_from(options.fetch_max_wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(options.fetch_min_bytes)
        .with_max_bytes(options.fetch_max_bytes)
        .with_isolation_level(i8::from(options.read_committed))
        .with_session_id(0)
        .with_session_epoch(-1)
        .with_topics(topics.collect());
    let outcome = async {
        let connection = cluster.broker(leader, Purpose::Fetching).await?;
        let answer = connection.call(&request, options.fetch_max_wait + cluster.options().request_timeout).await?;
        ClientError::check(answer.error_code, None, format!("fetch from broker {leader}"))?;
        let partitions = answer.responses.into_iter().flat_map(|topic| {
            let name = TopicName::from(topic.topic.as_str());
            topic
                .partitions
                .into_iter()
                .map(move |data| (TopicPartition::new(name.clone(), data.partition_index), data))
        });
        Ok(partitions.collect())
    }
    .await;
    Fetched { assignment, leader, asked, outcome }
}
