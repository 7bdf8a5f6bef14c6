//! One Produce request to one leader.

use super::{Acks, Delivered, Producer};
use crate::client::{ClientError, Cluster, Purpose, Topics, wire};
use bytes::Bytes;
use kafka_protocol::messages::{
    ProduceRequest, ProduceResponse,
    produce_request::{PartitionProduceData, TopicProduceData},
    produce_response::PartitionProduceResponse,
};
use model::{BrokerId, Offset, Sequence, TopicName, TopicPartition};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

pub(super) type SentPartition = Result<Delivered, ClientError>;

/// A request that has ended.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) leader: BrokerId,
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) outcome: Result<BTreeMap<TopicPartition, SentPartition>, ClientError>,
}

impl Producer {
    /// One request for each leader that has none on its way, of the oldest batch of each of its partitions.
    pub(crate) async fn start_requests(&mut self) -> Result<(), ClientError> {
        if self.paused_until.is_some_and(|end| end > Instant::now()) || self.buffered_bytes == 0 {
            return Ok(());
        }
        self.refresh_stale().await;
        self.identify().await?;
        for (leader, partitions) in self.ready() {
            if self.busy.contains(&leader) {
                continue;
            }
            let mut items = Vec::new();
            let mut size = 0;
            for partition in partitions {
                let queue = self.partitions.get_mut(&partition).expect("ready() names queues");
                let batch = queue.batches.front_mut().expect("ready() names filled queues");
                if !items.is_empty() && size + batch.size > self.options.max_request_bytes {
                    break;
                }
                size += batch.size;
                let sequence = *queue.next_sequence.get_or_insert(Sequence(0));
                let numbered = self.identity.map(|identity| (identity, sequence));
                let bytes = batch.encode(self.options.compression, numbered)?;
                queue.in_flight = true;
                items.push((partition, bytes));
            }
            self.busy.insert(leader);
            let cluster = self.cluster.clone();
            let (acks, patience) = (self.options.acks, self.options.request_timeout);
            self.sending.spawn(send(cluster, leader, items, acks, patience));
        }
        Ok(())
    }

    /// Partitions with a batch to send now, by leader.
    fn ready(&self) -> BTreeMap<BrokerId, Vec<TopicPartition>> {
        let now = Instant::now();
        let mut leaders = BTreeMap::<_, Vec<_>>::new();
        for (partition, queue) in &self.partitions {
            let Some(batch) = queue.batches.front() else { continue };
            let full = queue.batches.len() > 1 || batch.size >= self.options.batch_bytes || batch.attempts > 0;
            let rested =
                batch.since + self.options.linger <= now || self.buffered_bytes >= self.options.buffer_bytes / 2;
            let known =
                self.topics.get(&partition.topic).and_then(|topic| topic.metadata.partition(partition.partition));
            if !queue.in_flight
                && (full || rested)
                && let Some(leader) = known.and_then(|known| known.leader)
            {
                leaders.entry(leader).or_default().push(partition.clone());
            }
        }
        leaders
    }

    /// New metadata for topics whose leaders moved. Without it the old metadata serves on.
    async fn refresh_stale(&mut self) {
        let mut stale = self.homeless_topics();
        stale.extend(self.topics.iter().filter(|(_, topic)| topic.stale).map(|(name, _)| name.clone()));
        if stale.is_empty() {
            return;
        }
        let names: Vec<TopicName> = stale.into_iter().collect();
        if let Ok(fresh) = self.cluster.metadata(Topics::Named(&names), false).await {
            for name in &names {
                if let (Ok(found), Some(known)) = (fresh.topic(name), self.topics.get_mut(name)) {
                    known.metadata = found.clone();
                    known.stale = false;
                }
            }
        }
        let homeless = self.homeless_topics();
        if !homeless.is_empty() {
            self.paused_until = Some(Instant::now() + self.options.retry_backoff);
            self.expire(&homeless);
        }
    }

    /// Topics with batches for partitions that have no leader as far as we know.
    fn homeless_topics(&self) -> BTreeSet<TopicName> {
        let homeless = |partition: &TopicPartition| {
            let known =
                self.topics.get(&partition.topic).and_then(|topic| topic.metadata.partition(partition.partition));
            known.is_none_or(|known| known.leader.is_none())
        };
        let waiting = self.partitions.iter().filter(|(_, queue)| !queue.in_flight && !queue.batches.is_empty());
        waiting.filter(|(partition, _)| homeless(partition)).map(|(partition, _)| partition.topic.clone()).collect()
    }

    /// Gives up batches of topics without leaders once their time is over.
    fn expire(&mut self, topics: &BTreeSet<TopicName>) {
        let timeout = self.options.delivery_timeout;
        let mut expired = Vec::new();
        for (partition, queue) in self.partitions.iter_mut().filter(|(partition, _)| topics.contains(&partition.topic))
        {
            while !queue.in_flight && queue.batches.front().is_some_and(|batch| batch.since.elapsed() >= timeout) {
                expired.extend(queue.batches.pop_front().map(|batch| (partition.clone(), batch)));
            }
        }
        for (partition, batch) in expired {
            let error =
                ClientError::Invalid(format!("partition {partition} had no leader for {} ms", timeout.as_millis()));
            self.finish(partition, batch, Err(error));
        }
    }
}

async fn send(
    cluster: Cluster,
    leader: BrokerId,
    items: Vec<(TopicPartition, Bytes)>,
    acks: Acks,
    patience: Duration,
) -> Sent {
    let partitions: Vec<TopicPartition> = items.iter().map(|(partition, _)| partition.clone()).collect();
    let topics = wire::by_topic(items).into_iter().map(|(topic, partitions)| {
        let partitions = partitions
            .into_iter()
            .map(|(index, batch)| PartitionProduceData::default().with_index(index).with_records(Some(batch)));
        TopicProduceData::default().with_name(wire::topic(&topic)).with_partition_data(partitions.collect())
    });
    let request = ProduceRequest::default()
        .with_transactional_id(None)
        .with_acks(acks.wire())
        .with_timeout_ms(i32::try_from(patience.as_millis()).unwrap_or(i32::MAX))
        .with_topic_data(topics.collect());
    let outcome = exchange(&cluster, leader, &request, acks, patience, &partitions).await;
    Sent { leader, partitions, outcome }
}

async fn exchange(
    cluster: &Cluster,
    leader: BrokerId,
    request: &ProduceRequest,
    acks: Acks,
    patience: Duration,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, SentPartition>, ClientError> {
    let connection = cluster.broker(leader, Purpose::Requests).await?;
    if acks == Acks::None {
        connection.send_unanswered(request).await?;
        return Ok(partitions
            .iter()
            .map(|partition| (partition.clone(), Ok(Delivered { base_offset: None })))
            .collect());
    }
    // The broker itself gives up after `patience`; its answer needs a moment more to arrive.
    let answer = connection.call(request, patience + Duration::from_secs(1)).await?;
    Ok(by_partition(answer))
}

fn by_partition(answer: ProduceResponse) -> BTreeMap<TopicPartition, SentPartition> {
    let mut outcomes = BTreeMap::new();
    for topic in answer.responses {
        for partition in topic.partition_responses {
            let name = TopicPartition::new(topic.name.as_str(), partition.index);
            let error = ClientError::from_code(partition.error_code, message(&partition), format!("partition {name}"));
            let delivered =
                Delivered { base_offset: (partition.base_offset >= 0).then_some(Offset(partition.base_offset)) };
            outcomes.insert(name, error.map_or(Ok(delivered), Err));
        }
    }
    outcomes
}

/// The message of the first bad record says more than that of the batch.
fn message(partition: &PartitionProduceResponse) -> Option<&str> {
    let of_record = partition.record_errors.iter().find_map(|error| error.batch_index_error_message.as_deref());
    of_record.or(partition.error_message.as_deref())
}
