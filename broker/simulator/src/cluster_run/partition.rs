//! One replica on one broker: log, role, and the produces that wait for the high watermark.

use super::{
    World,
    group::Coordinator,
    message::{Message, Node, Refusal},
    place::Place,
};
use crate::log_run::number_of;
use bytes::Bytes;
use model::{
    BrokerEpoch, BrokerId, LeaderEpoch, MonotonicTime, Offset, WallTime,
    mistakes::{Mistake, is_made},
};
use partition_log::{
    AppendOutcome, Crash, Disk as _, DiskFile as _, Log, LogConfig, LogView, PreparedBatch, ReadRange, Start,
    memory_disk::MemoryDisk,
};
use protocol::record_batch::Batches;
use replication::{
    Assignment, FetchAnswer, FollowerRequest, Leader, NextFetch, NoRecords, NotServed, Replica, check_epoch,
};
use std::time::Duration;

pub(super) const NOW: WallTime = WallTime(1_700_000_000_000);
/// A fetch without an answer for this long is lost.
const FETCH_TIMEOUT: Duration = Duration::from_millis(500);
const MAX_BYTES: u32 = 600;

#[derive(Debug)]
pub(super) struct SimulatedPartition {
    pub(super) replica: Replica,
    pub(super) log: Log<MemoryDisk>,
    /// Produces that wait: the offset after their records.
    waiting: Vec<Waiting>,
    /// What is asked, and since when.
    fetching: Option<(MonotonicTime, NextFetch)>,
    announced: Offset,
    /// Of the groups, where this is the partition of the offsets and led here.
    pub(super) coordinator: Option<Coordinator>,
}

#[derive(Debug)]
struct Waiting {
    base: Offset,
    target: Offset,
    first_number: u64,
}

impl SimulatedPartition {
    pub(super) fn leader(&mut self) -> Option<&mut Leader> {
        self.replica.leader_mut().ok()
    }
}

fn config() -> LogConfig {
    LogConfig { segment_bytes: 2000, retention_ms: -1, ..LogConfig::default() }
}

impl World {
    /// Takes over what the controller committed; opens the log at its first use.
    pub(super) fn assign(&mut self, id: i32, index: Place, assignment: Assignment) {
        let now = self.network.now;
        let remains = self.remains.entry(id).or_default();
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let partition = node.partitions.entry(index).or_insert_with(|| {
            let entry = remains.entries.get(&index);
            let crash = if remains.in_doubt.contains(&index) { Crash::Machine } else { Crash::Process };
            let is_there = remains.disk.list(&index.to_string()).is_ok_and(|files| !files.is_empty());
            let start = if is_there { Start::Unclean { entry, crash } } else { Start::New };
            let opened = Log::open(remains.disk.clone(), &index.to_string(), index.topic_id(), config(), start, NOW);
            let (log, _) = opened.unwrap_or_else(|error| panic!("seed {}: {error:?}", self.setup.seed));
            if remains.in_doubt.remove(&index) {
                // What the manifest said before the loss holds no more.
                remains.entries.insert(index, log.checkpoint());
            }
            let announced = log.high_watermark();
            SimulatedPartition {
                replica: Replica::new(node.id),
                log,
                waiting: Vec::new(),
                fetching: None,
                announced,
                coordinator: None,
            }
        });
        let leads = assignment.leader == Some(node.id);
        let epoch = assignment.leader_epoch;
        let (end, high_watermark) = (partition.log.log_end(), partition.log.high_watermark());
        if epoch > partition.replica.leader_epoch() {
            partition.fetching = None;
        }
        partition.replica.assign(assignment, end, high_watermark, now);
        if leads && partition.replica.leader_epoch() == epoch && partition.log.latest_epoch() < Some(epoch) {
            let view = partition.log.view();
            self.history.leads(index, node.id, epoch, &records_of(index, view, view.log_start(), view.log_end()));
            partition.log.start_leader_epoch(epoch).expect("a healthy disk");
        }
        if index == Place::Offsets {
            self.follow_leadership(id);
        }
        self.publish(id, index);
        self.fetch_next(id, index);
    }

    /// After every step: what became committed is told to the history, and to the producers that wait for it.
    pub(super) fn publish(&mut self, id: i32, index: Place) {
        let Some(partition) = self.brokers.get_mut(&id).and_then(|node| node.partitions.get_mut(&index)) else {
            return;
        };
        let Ok(leader) = partition.replica.leader() else {
            for waiting in std::mem::take(&mut partition.waiting) {
                let refused = Message::Produced {
                    partition: index,
                    first_number: waiting.first_number,
                    result: Err(Refusal::Retry),
                };
                self.network.send(Node::Broker(id), Node::Producer, refused, &mut self.random);
            }
            return;
        };
        let (high_watermark, epoch) = (leader.high_watermark(), leader.leader_epoch());
        let enough_in_sync = leader.check_min_in_sync().is_ok();
        partition.log.high_watermark_advanced(high_watermark);
        if high_watermark > partition.announced {
            let records = records_of(
                index,
                partition.log.view(),
                partition.announced.max(partition.log.log_start()),
                high_watermark,
            );
            partition.announced = high_watermark;
            self.history.committed_with(index, BrokerId(id), enough_in_sync);
            self.history.committed(index, BrokerId(id), epoch, &records);
        }
        let (done, waiting) =
            std::mem::take(&mut partition.waiting).into_iter().partition(|one| one.target <= high_watermark);
        partition.waiting = waiting;
        for one in done {
            let told = Message::Produced { partition: index, first_number: one.first_number, result: Ok(one.base) };
            self.network.send(Node::Broker(id), Node::Producer, told, &mut self.random);
        }
        if index == Place::Offsets {
            self.answer_committed(id);
        }
    }

    pub(super) fn produce(&mut self, id: i32, index: Place, batch: &Bytes, first_number: u64) {
        let result = self.append(id, index, batch, first_number);
        if let Err(refusal) = result {
            let told = Message::Produced { partition: index, first_number, result: Err(refusal) };
            self.network.send(Node::Broker(id), Node::Producer, told, &mut self.random);
        }
        self.publish(id, index);
    }

    fn append(&mut self, id: i32, index: Place, batch: &Bytes, first_number: u64) -> Result<(), Refusal> {
        let node = self.brokers.get_mut(&id).ok_or(Refusal::Retry)?;
        let partition = node.partitions.get_mut(&index).ok_or(Refusal::Retry)?;
        let leader = partition.replica.leader().map_err(|_| Refusal::Retry)?;
        leader.check_min_in_sync().map_err(|_| Refusal::Retry)?;
        let epoch = leader.leader_epoch();
        let prepared = PreparedBatch::new(batch.clone()).expect("a batch just built");
        let outcomes = partition.log.append_as_leader([&prepared], epoch, NOW).map_err(|_| Refusal::Retry)?;
        let (base, last) = match outcomes.into_iter().next().expect("one outcome per batch") {
            AppendOutcome::Appended { base_offset, last_offset, .. } => {
                self.history.appended(index, epoch, BrokerId(id));
                (base_offset, last_offset)
            }
            AppendOutcome::Duplicate { base_offset, last_offset, .. } => (base_offset, last_offset),
            AppendOutcome::Refused(_) => return Err(Refusal::OutOfOrder),
        };
        let end = partition.log.log_end();
        if let Ok(leader) = partition.replica.leader_mut() {
            leader.log_end_moved(end, self.network.now);
        }
        partition.waiting.push(Waiting { base, target: last.next(), first_number });
        Ok(())
    }

    /// The follower's next request, if it is one and none is under way.
    pub(super) fn fetch_next(&mut self, id: i32, index: Place) {
        let now = self.network.now;
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let broker_epoch = node.epoch.unwrap_or(BrokerEpoch(-1));
        let Some(partition) = node.partitions.get_mut(&index) else { return };
        if partition.fetching.is_some_and(|(since, _)| now.since(since) < FETCH_TIMEOUT) {
            return;
        }
        let Some(follower) = partition.replica.follower_mut() else { return };
        let Some(asked) = follower.next_fetch(&partition.log, now) else { return };
        partition.fetching = Some((now, asked));
        let fetch = Message::Fetch { partition: index, from: BrokerId(id), broker_epoch, asked };
        self.network.send(Node::Broker(id), Node::Broker(asked.leader.0), fetch, &mut self.random);
    }

    pub(super) fn serve_follower(
        &mut self,
        id: i32,
        index: Place,
        from: BrokerId,
        broker_epoch: BrokerEpoch,
        asked: NextFetch,
    ) {
        let (answer, bytes) = self.answer_follower(id, index, from, broker_epoch, asked);
        let fetched = Message::Fetched { partition: index, asked, answer, bytes };
        self.network.send(Node::Broker(id), Node::Broker(from.0), fetched, &mut self.random);
        self.publish(id, index);
        self.propose(id);
    }

    fn answer_follower(
        &mut self,
        id: i32,
        index: Place,
        from: BrokerId,
        broker_epoch: BrokerEpoch,
        asked: NextFetch,
    ) -> (FetchAnswer, Bytes) {
        let now = self.network.now;
        let refuse = |answer| (answer, Bytes::new());
        let Some(node) = self.brokers.get_mut(&id) else { return refuse(FetchAnswer::NotNow) };
        let Some(partition) = node.partitions.get_mut(&index) else { return refuse(FetchAnswer::NotNow) };
        let asks = FollowerRequest {
            broker: from,
            broker_epoch,
            leader_epoch: asked.leader_epoch,
            last_fetched_epoch: asked.last_fetched_epoch,
            log_end: asked.offset,
        };
        match partition.replica.follower_asks(&partition.log, asks, now) {
            Ok(_) => {}
            Err(NoRecords::NotServed(NotServed::FencedEpoch)) => return refuse(FetchAnswer::FencedEpoch),
            Err(NoRecords::NotServed(_)) => return refuse(FetchAnswer::NotNow),
            Err(NoRecords::Diverges { epoch, end }) => return refuse(FetchAnswer::Diverging { epoch, end }),
            Err(NoRecords::OutOfRange { log_start }) => return refuse(FetchAnswer::OutOfRange { log_start }),
        }
        let Some(leader) = partition.leader() else { return refuse(FetchAnswer::NotNow) };
        let high_watermark = leader.high_watermark();
        let (log_start, log_end) = (partition.log.log_start(), partition.log.log_end());
        let bytes = read(partition.log.view(), asked.offset, log_end);
        (FetchAnswer::Records { high_watermark, log_start }, bytes)
    }

    pub(super) fn take_fetched(&mut self, id: i32, index: Place, asked: NextFetch, answer: FetchAnswer, bytes: &Bytes) {
        let now = self.network.now;
        let Some(partition) = self.brokers.get_mut(&id).and_then(|node| node.partitions.get_mut(&index)) else {
            return;
        };
        let Some(follower) = partition.replica.follower_mut() else { return };
        for step in follower.answered(asked, answer, &partition.log, now) {
            step.take(&mut partition.log, bytes, NOW).expect("a healthy disk and the leader's batches");
        }
        partition.announced = partition.announced.max(partition.log.high_watermark());
        if partition.fetching.is_none_or(|(_, current)| current != asked) {
            // Another copy, or one that was given up: who asks again waits for a newer answer.
            return;
        }
        partition.fetching = None;
        // With nothing new it waits, as the leader would let it.
        if !bytes.is_empty() || matches!(answer, FetchAnswer::Diverging { .. }) {
            self.fetch_next(id, index);
        } else {
            self.network.set_timer(Node::Broker(id), Duration::from_millis(5), super::network::Timer::Next);
        }
    }

    pub(super) fn serve_reader(
        &mut self,
        id: i32,
        reader: Node,
        index: Place,
        offset: Offset,
        leader_epoch: LeaderEpoch,
    ) {
        let Some(partition) = self.brokers.get_mut(&id).and_then(|node| node.partitions.get_mut(&index)) else {
            return;
        };
        let Ok(leader) = partition.replica.leader() else { return };
        if check_epoch(leader_epoch, leader.leader_epoch(), true).is_err() {
            return;
        }
        let high_watermark =
            if is_made(Mistake::ServeUncommitted) { partition.log.log_end() } else { leader.high_watermark() };
        if offset >= high_watermark || offset < partition.log.log_start() {
            return;
        }
        let bytes = read(partition.log.view(), offset, high_watermark);
        self.network.send(
            Node::Broker(id),
            reader,
            Message::Records { partition: index, offset, bytes },
            &mut self.random,
        );
    }

    /// The shell writes its manifest every now and then.
    pub(super) fn keep_manifest(&mut self, id: i32, index: Place) {
        if !self.random.once_in(20) {
            return;
        }
        let Some(partition) = self.brokers.get(&id).and_then(|node| node.partitions.get(&index)) else { return };
        let entry = partition.log.checkpoint();
        self.remains.entry(id).or_default().entries.insert(index, entry);
    }
}

pub(super) fn read(view: &LogView<MemoryDisk>, from: Offset, below: Offset) -> Bytes {
    let range = ReadRange { from, below, max_bytes: MAX_BYTES, at_least_one: true };
    let Some(mut plan) = view.plan_read(range, None).expect("within the log") else { return Bytes::new() };
    let mut bytes = vec![0; plan.length as usize];
    let read = plan.file.read_at(plan.position, &mut bytes).expect("a healthy disk");
    assert_eq!(read, bytes.len(), "a short read");
    plan.verify(&bytes).expect("nothing is damaged");
    bytes.into()
}

/// Offset and number of every record in a range.
pub(super) fn records_of(place: Place, view: &LogView<MemoryDisk>, from: Offset, below: Offset) -> Vec<(Offset, u64)> {
    let (mut next, mut found) = (from, Vec::new());
    while next < below {
        let bytes = read(view, next, below);
        if bytes.is_empty() {
            break;
        }
        for (offset, number) in numbers_in(place, &bytes) {
            if offset >= from {
                found.push((offset, number));
            }
            next = next.max(offset.next());
        }
    }
    found
}

/// What tells records apart: the number of the producer, or what a coordinator wrote.
pub(super) fn numbers_in(place: Place, bytes: &Bytes) -> Vec<(Offset, u64)> {
    let mut found = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.expect("whole batches");
        let mut scratch = Vec::new();
        for record in batch.records(&mut scratch, 1 << 20).expect("not compressed") {
            let record = record.expect("well formed");
            let number = match place {
                Place::Data(_) => number_of(record.key),
                Place::Offsets => fingerprint(record.key, record.value),
            };
            found.push((record.offset, number));
        }
    }
    found
}

/// FNV-1a.
fn fingerprint(key: Option<&[u8]>, value: Option<&[u8]>) -> u64 {
    let bytes = key.into_iter().chain(value).flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
