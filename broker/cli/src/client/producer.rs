//! Writing records: batches by partition, one request at a time to each leader, repeated until confirmed.
//!
//! With one request on its way per leader, a repetition can never overtake: order per partition holds without more
//! bookkeeping, and while the request is under way the next batches fill.

pub(crate) mod batch;
mod options;
mod outcome;
pub(crate) mod partitioner;
mod send;

pub(crate) use batch::NewRecord;
pub(crate) use options::{Acks, ProducerOptions, parse_compression};
pub(crate) use outcome::{Delivered, Report};

use super::{ClientError, Cluster, Result, Topics, metadata::Topic, retry::Trouble};
use batch::{Batch, ProducerIdentity};
use kafka_protocol::{error::ResponseError, messages::InitProducerIdRequest};
use model::{BrokerId, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TopicName, TopicPartition};
use partitioner::StickyPartition;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Sends to any number of topics. Not shared: one task owns it and drives it with [`Producer::progress`].
#[derive(Debug)]
pub(crate) struct Producer {
    cluster: Cluster,
    options: ProducerOptions,
    topics: BTreeMap<TopicName, KnownTopic>,
    partitions: BTreeMap<TopicPartition, Queue>,
    identity: Option<ProducerIdentity>,
    /// Requests on their way, at most one per leader.
    sending: JoinSet<send::Sent>,
    busy: BTreeSet<BrokerId>,
    buffered_bytes: usize,
    /// No request before this moment: the pause after a failure.
    paused_until: Option<Instant>,
    trouble: Trouble,
    reports: Vec<Report>,
}

#[derive(Debug)]
struct KnownTopic {
    metadata: Topic,
    sticky: StickyPartition,
    stale: bool,
    since: Instant,
}

/// Partitions may be added to a topic while we write to it (`metadata.max.age.ms`).
const METADATA_MAX_AGE: Duration = Duration::from_secs(300);

/// Batches of one partition, oldest first.
#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Batch>,
    in_flight: bool,
    next_sequence: Option<Sequence>,
}

impl Producer {
    pub(crate) fn new(cluster: Cluster, options: ProducerOptions) -> Self {
        Self {
            cluster,
            options,
            topics: BTreeMap::new(),
            partitions: BTreeMap::new(),
            identity: None,
            sending: JoinSet::new(),
            busy: BTreeSet::new(),
            buffered_bytes: 0,
            paused_until: None,
            trouble: Trouble::default(),
            reports: Vec::new(),
        }
    }

    /// Queues a record. Waits for the topic to appear (a broker may create it) and for room in the buffer.
    pub(crate) async fn send(&mut self, topic: &TopicName, record: NewRecord) -> Result<()> {
        let size = record.size();
        if size > self.options.max_request_bytes {
            self.refuse(topic, record, size);
            return Ok(());
        }
        while self.buffered_bytes > 0 && self.buffered_bytes + size > self.options.buffer_bytes {
            self.progress(None).await?;
        }
        self.know(topic).await?;
        let partition = self.choose_partition(topic, &record, size)?;
        let queue = self.partitions.entry(TopicPartition::new(topic.clone(), partition)).or_default();
        let open = queue.batches.back().is_some_and(|batch| {
            batch.attempts == 0 && batch.encoded.is_none() && batch.size + size <= self.options.batch_bytes
        });
        if !open {
            queue.batches.push_back(Batch::new(Instant::now()));
        }
        queue.batches.back_mut().expect("pushed above if there was none").push(record);
        self.buffered_bytes += size;
        Ok(())
    }

    /// A record that no request can hold is reported like one that the broker refused; the others go on.
    fn refuse(&mut self, topic: &TopicName, record: NewRecord, size: usize) {
        let limit = self.options.max_request_bytes;
        let error = ClientError::Refused {
            code: ResponseError::MessageTooLarge,
            message: Some(format!("the record takes {size} bytes, max.request.size is {limit}")),
            subject: format!("topic {topic}"),
        };
        let partition = TopicPartition::new(topic.clone(), record.partition.unwrap_or(-1));
        self.reports.push(Report { partition, records: vec![record], outcome: Err(error) });
    }

    /// Nothing queued and nothing on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.buffered_bytes == 0 && self.sending.is_empty()
    }

    /// What became of batches since the last call.
    pub(crate) fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// Sends everything and waits for the confirmations. Failures are in the reports.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        self.options.linger = Duration::ZERO;
        while !self.is_idle() {
            self.progress(None).await?;
        }
        Ok(())
    }

    /// Starts what can be started, then waits for one event: an answer, a batch that has lingered long enough, the end
    /// of a pause, or `until`. Safe to cancel.
    pub(crate) async fn progress(&mut self, until: Option<Instant>) -> Result<()> {
        self.start_requests().await?;
        let wake = [until, self.next_linger_end(), self.paused_until].into_iter().flatten().min();
        let answer = async {
            if self.sending.is_empty() { std::future::pending().await } else { self.sending.join_next().await }
        };
        let timer = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            sent = answer => if let Some(sent) = sent {
                let sent = sent.map_err(|error| ClientError::Invalid(format!("send task: {error}")))?;
                self.settle(sent);
            },
            () = timer => {}
        }
        if self.paused_until.is_some_and(|end| end <= Instant::now()) {
            self.paused_until = None;
        }
        Ok(())
    }

    fn next_linger_end(&self) -> Option<Instant> {
        if self.paused_until.is_some() {
            return None;
        }
        let waiting =
            self.partitions.values().filter(|queue| !queue.in_flight).filter_map(|queue| queue.batches.front());
        waiting.map(|batch| batch.since + self.options.linger).filter(|end| *end > Instant::now()).min()
    }

    /// Metadata of a topic that has partitions; asks until it appears or the patience ends.
    async fn know(&mut self, topic: &TopicName) -> Result<()> {
        if self.topics.get(topic).is_some_and(|known| !known.stale && known.since.elapsed() < METADATA_MAX_AGE) {
            return Ok(());
        }
        let mut backoff = super::retry::Backoff::lasting(self.options.max_block);
        loop {
            let metadata = self.cluster.metadata(Topics::Named(std::slice::from_ref(topic)), true).await?;
            match metadata.topic(topic) {
                Ok(found) if !found.partitions.is_empty() => {
                    let batch_bytes = self.options.batch_bytes;
                    let known = self.topics.entry(topic.clone()).or_insert_with(|| KnownTopic {
                        metadata: found.clone(),
                        sticky: StickyPartition::new(batch_bytes),
                        stale: false,
                        since: Instant::now(),
                    });
                    known.metadata = found.clone();
                    known.stale = false;
                    known.since = Instant::now();
                    return Ok(());
                }
                Err(error) if !error.is_retriable() => return Err(error),
                missing => {
                    let no_partitions = || ClientError::Invalid(format!("topic {topic} has no partitions"));
                    let error = missing.err().unwrap_or_else(no_partitions);
                    if !backoff.wait(&error).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn choose_partition(&mut self, topic: &TopicName, record: &NewRecord, size: usize) -> Result<i32> {
        let known = self.topics.get_mut(topic).expect("know() was called before");
        let count = i32::try_from(known.metadata.partitions.len()).unwrap_or(i32::MAX);
        if let Some(partition) = record.partition {
            return match known.metadata.partition(PartitionIndex(partition)) {
                Some(_) => Ok(partition),
                None => Err(ClientError::Invalid(format!(
                    "topic {topic} has no partition {partition}; it has {count}, from 0 on"
                ))),
            };
        }
        if let Some(key) = &record.key {
            return Ok(protocol::hashes::partition_for_key(key, count));
        }
        let led: Vec<i32> =
            known.metadata.partitions.iter().filter(|p| p.leader.is_some()).map(|p| p.index.0).collect();
        let all = || known.metadata.partitions.iter().map(|partition| partition.index.0).collect();
        let available: Vec<i32> = if led.is_empty() { all() } else { led };
        Ok(known.sticky.choose(&available, size))
    }

    /// A producer id of the cluster, once, where batches are numbered.
    async fn identify(&mut self) -> Result<()> {
        if self.identity.is_some() || !self.options.idempotent {
            return Ok(());
        }
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id(kafka_protocol::messages::ProducerId(-1))
            .with_producer_epoch(-1);
        let answer = super::retry::retrying(self.options.max_block, || async {
            let answer = self.cluster.call_any(&request).await?;
            ClientError::check(answer.error_code, None, "producer id")?;
            Ok(answer)
        })
        .await?;
        self.identity = Some(ProducerIdentity {
            id: ProducerId(answer.producer_id.0),
            epoch: ProducerEpoch(answer.producer_epoch),
        });
        // Numbers start anew with a new id; batches not yet confirmed get new numbers too.
        for queue in self.partitions.values_mut() {
            queue.next_sequence = None;
            queue.batches.iter_mut().for_each(|batch| batch.encoded = None);
        }
        Ok(())
    }
}
