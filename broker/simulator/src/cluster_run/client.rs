//! Clients as they are written: an idempotent producer that retries in order until it is told, a consumer that reads on.

use super::{
    World,
    message::{Message, Node, Refusal},
    network::Timer,
    place::Place,
    records::numbers_in,
};
use bytes::Bytes;
use controller::ClusterImage;
use model::{BrokerId, MonotonicTime, Offset, ProducerEpoch, ProducerId, Sequence, WallTime};
use protocol::record_batch::{BatchOptions, RecordData, build_batch};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// As many as the broker remembers.
const MOST_IN_FLIGHT: usize = 5;
const REQUEST_TIMEOUT: Duration = Duration::from_millis(1500);
const TURN: Duration = Duration::from_millis(10);
/// A consumer that got nothing asks again after this long.
const PAUSE: Duration = Duration::from_millis(20);
/// `retry.backoff.ms`, shorter.
const BACKOFF: Duration = Duration::from_millis(30);

#[derive(Debug, Default)]
pub(super) struct Producer {
    image: Option<Arc<ClusterImage>>,
    partitions: BTreeMap<Place, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    next_number: u64,
    not_before: MonotonicTime,
    in_flight: VecDeque<Batch>,
}

#[derive(Debug)]
struct Batch {
    first_number: u64,
    count: u64,
    bytes: Bytes,
    sent_at: Option<MonotonicTime>,
    /// Kept until those before it are answered too: the broker remembers five batches, whichever of them.
    answered: bool,
}

#[derive(Debug, Default)]
pub(super) struct Consumer {
    image: Option<Arc<ClusterImage>>,
    positions: BTreeMap<Place, Offset>,
}

pub(super) fn take_newer(known: &mut Option<Arc<ClusterImage>>, image: Arc<ClusterImage>) {
    if known.as_ref().is_none_or(|known| known.metadata_version < image.metadata_version) {
        *known = Some(image);
    }
}

fn leader_of(image: Option<&Arc<ClusterImage>>, partition: Place) -> Option<BrokerId> {
    partition.state_in(image?)?.leader
}

impl Producer {
    pub(super) fn image(&self) -> Option<Arc<ClusterImage>> {
        self.image.clone()
    }
}

impl Stream {
    fn make_batch(&mut self, partition: Place, count: u64, now: WallTime) {
        let first_number = self.next_number;
        self.next_number += count;
        let options = BatchOptions {
            producer_id: ProducerId(i64::from(partition.index().0) + 1),
            producer_epoch: ProducerEpoch(0),
            base_sequence: Sequence(i32::try_from(first_number).expect("a short run")),
            ..BatchOptions::default()
        };
        let keys: Vec<_> = (0..count).map(|index| (first_number + index).to_be_bytes()).collect();
        let record =
            |key| RecordData { timestamp: now, key: Some(key), value: Some(&[7; 20]), ..RecordData::default() };
        let records: Vec<_> = keys.iter().map(|key| record(&key[..])).collect();
        let bytes = build_batch(&options, &records).expect("a small batch");
        self.in_flight.push_back(Batch { first_number, count, bytes, sent_at: None, answered: false });
    }
}

impl World {
    pub(super) fn start_clients(&mut self) {
        let members = (0..self.members.len()).map(Node::Member);
        for node in [Node::Producer, Node::Consumer].into_iter().chain(members) {
            self.network.set_timer(node, TURN, Timer::Next);
        }
    }

    pub(super) fn ask_metadata(&mut self, node: Node) {
        let broker = self.any_broker();
        self.network.send(node, Node::Broker(broker), Message::AskMetadata, &mut self.random);
    }

    pub(super) fn producer_turn(&mut self) {
        self.network.set_timer(Node::Producer, TURN, Timer::Next);
        if self.producer.image.is_none() || self.random.once_in(30) {
            self.ask_metadata(Node::Producer);
        }
        for index in 0..self.setup.partitions {
            let partition = Place::data(index);
            if self.producing && self.random.once_in(3) {
                let count = 1 + self.random.below(3);
                let stream = self.producer.partitions.entry(partition).or_default();
                if stream.in_flight.len() < MOST_IN_FLIGHT {
                    stream.make_batch(partition, count, self.network.wall(Node::Producer));
                }
            }
            self.send_batches(partition);
        }
    }

    /// In order, and again from the first that has no answer in time.
    fn send_batches(&mut self, partition: Place) {
        let now = self.network.now;
        let Some(leader) = leader_of(self.producer.image.as_ref(), partition) else { return };
        let Some(stream) = self.producer.partitions.get_mut(&partition) else { return };
        if now < stream.not_before {
            return;
        }
        let is_due = |batch: &Batch| !batch.answered && batch.sent_at.is_none_or(|at| now.since(at) > REQUEST_TIMEOUT);
        let Some(first) = stream.in_flight.iter().position(is_due) else { return };
        // A producer that the broker does not know may begin anywhere. A connection keeps the order, but here every message
        // travels alone: the first batch of all is waited for.
        let window = if stream.in_flight[0].first_number == 0 { 1 } else { MOST_IN_FLIGHT };
        for batch in stream.in_flight.iter_mut().take(window).skip(first).filter(|batch| !batch.answered) {
            batch.sent_at = Some(now);
            let message = Message::Produce { partition, batch: batch.bytes.clone(), first_number: batch.first_number };
            self.network.send(Node::Producer, Node::Broker(leader.0), message, &mut self.random);
        }
    }

    pub(super) fn producer_hears(&mut self, message: Message) {
        match message {
            Message::ToldMetadata(image) => {
                take_newer(&mut self.producer.image, image);
            }
            Message::Produced { partition, first_number, result } => self.produced(partition, first_number, result),
            _ => {}
        }
    }

    fn produced(&mut self, partition: Place, first_number: u64, result: Result<Offset, Refusal>) {
        let Some(stream) = self.producer.partitions.get_mut(&partition) else { return };
        let Some(at) = stream.in_flight.iter().position(|batch| batch.first_number == first_number) else { return };
        match result {
            Ok(base) => {
                let batch = &mut stream.in_flight[at];
                batch.answered = true;
                self.history.acknowledged(partition, first_number, batch.count, base);
                while stream.in_flight.pop_front_if(|batch| batch.answered).is_some() {}
            }
            Err(refusal) => {
                stream.in_flight[at].sent_at = None;
                if refusal == Refusal::Retry && stream.not_before <= self.network.now {
                    stream.not_before = self.network.now + BACKOFF;
                    self.ask_metadata(Node::Producer);
                }
            }
        }
    }

    pub(super) fn consumer_turn(&mut self) {
        self.network.set_timer(Node::Consumer, PAUSE, Timer::Next);
        if self.consumer.image.is_none() || self.random.once_in(15) {
            self.ask_metadata(Node::Consumer);
        }
        for index in 0..self.setup.partitions {
            let partition = Place::data(index);
            let offset = self.consumer.positions.get(&partition).copied().unwrap_or(Offset::ZERO);
            self.read_from(Node::Consumer, self.consumer.image.clone().as_ref(), partition, offset);
        }
    }

    /// Mostly from the leader, now and then from a replica that is nearer.
    pub(super) fn read_from(
        &mut self,
        reader: Node,
        image: Option<&Arc<ClusterImage>>,
        partition: Place,
        offset: Offset,
    ) {
        let Some(state) = image.and_then(|image| partition.state_in(image)) else { return };
        let Some(leader) = state.leader else { return };
        let draw = self.random.below(3 * state.replicas.len() as u64) as usize;
        let read_at = state.replicas.get(draw).copied().unwrap_or(leader);
        let read = Message::Read { partition, offset, leader_epoch: state.leader_epoch };
        self.network.send(reader, Node::Broker(read_at.0), read, &mut self.random);
    }

    pub(super) fn consumer_hears(&mut self, message: Message) {
        match message {
            Message::ToldMetadata(image) => {
                take_newer(&mut self.consumer.image, image);
            }
            Message::Records { partition, offset, bytes } => {
                let position = self.consumer.positions.entry(partition).or_insert(Offset::ZERO);
                if *position != offset {
                    return;
                }
                let records = numbers_in(partition, &bytes);
                if let Some((last, _)) = records.last() {
                    *position = last.next();
                }
                self.history.seen(partition, &records);
            }
            _ => {}
        }
    }

    pub(super) fn all_answered(&self) -> bool {
        self.producer.partitions.values().all(|stream| stream.in_flight.is_empty())
    }
}
