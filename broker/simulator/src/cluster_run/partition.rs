//! One replica on one broker: log, role, and the produces that wait for the high watermark.

use super::{
    World,
    coordinator::Coordinator,
    fetching::Parked,
    message::{Message, Node, Refusal},
    place::Place,
    records::{group_records_of, read, readable_records_of, records_of},
};
use bytes::Bytes;
use model::{BrokerId, LeaderEpoch, MonotonicTime, Offset};
use partition_log::{AppendOutcome, Crash, Disk as _, Log, LogConfig, PreparedBatch, Start, memory_disk::MemoryDisk};
use replication::{Assignment, FetchIsolation, Leader, NextFetch, OwnEnds, ReadableEnds, Replica, check_epoch};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct SimulatedPartition {
    pub(super) replica: Replica,
    pub(super) log: Log<MemoryDisk>,
    /// Produces that wait: the offset after their records.
    waiting: Vec<Waiting>,
    /// What is asked, and since when.
    pub(super) fetching: Option<(MonotonicTime, NextFetch)>,
    pub(super) announced: Offset,
    /// Followers that have everything, and wait for more.
    pub(super) parked: Vec<Parked>,
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
        let now = self.network.clock(Node::Broker(id));
        if self.is_dead(id) || !self.open(id, index) {
            return;
        }
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let Some(partition) = node.partitions.get_mut(&index) else { return };
        let leads = assignment.leader == Some(node.id);
        let epoch = assignment.leader_epoch;
        let (end, high_watermark) = (partition.log.log_end(), partition.log.high_watermark());
        if epoch > partition.replica.leader_epoch() {
            partition.fetching = None;
        }
        partition.replica.assign(assignment, OwnEnds::all_safe(end, high_watermark), now);
        if leads && partition.replica.leader_epoch() == epoch && partition.log.latest_epoch() < Some(epoch) {
            let view = partition.log.view();
            if let Some(records) = records_of(index, view, view.log_start(), view.log_end()) {
                self.history.leads(index, node.id, epoch, &records);
            }
            let end = view.log_end();
            self.trace.story(
                self.network.now,
                format_args!("broker {id} leads {index} in epoch {} from {end}, {high_watermark} committed", epoch.0),
            );
            // What a full disk does not take now the first append has to write.
            let _ = partition.log.start_leader_epoch(epoch);
        }
        self.wake_followers(id, index);
        if index == Place::Offsets {
            self.follow_leadership(id);
        }
        self.publish(id, index);
        self.fetch_next(id, index);
    }

    /// `false`: the log is not to be had, and the broker stops.
    fn open(&mut self, id: i32, index: Place) -> bool {
        let wall = self.network.wall(Node::Broker(id));
        let remains = self.remains.entry(id).or_default();
        let Some(node) = self.brokers.get_mut(&id) else { return false };
        if node.partitions.contains_key(&index) {
            return true;
        }
        let entry = remains.entries.get(&index);
        let crash = if remains.in_doubt.contains(&index) { Crash::Machine } else { Crash::Process };
        let is_there = remains.disk.list(&index.to_string()).is_ok_and(|files| !files.is_empty());
        let start = match entry.filter(|entry| remains.is_clean && entry.clean) {
            _ if !is_there => Start::New,
            Some(entry) => Start::Clean(entry),
            None => Start::Unclean { entry, crash },
        };
        let opened = Log::open(remains.disk.clone(), &index.to_string(), index.topic_id(), config(), start, wall);
        let log = match opened {
            Ok((log, report)) => {
                let is_known = report.corrupt.is_empty() || !remains.damaged.is_empty();
                assert!(is_known, "seed {}: nobody damaged it: {report:?}", self.setup.seed);
                log
            }
            Err(error) => {
                let is_known = !remains.damaged.is_empty() || remains.disk.is_crashed() || remains.is_full;
                assert!(is_known, "seed {}: {error:?}", self.setup.seed);
                self.trace.story(self.network.now, format_args!("broker {id} cannot open {index}: {error}"));
                self.crash_broker(id, Crash::Process);
                return false;
            }
        };
        if remains.in_doubt.remove(&index) {
            // What the manifest said before the loss holds no more.
            remains.entries.insert(index, log.checkpoint());
        }
        let opened = SimulatedPartition {
            replica: Replica::new(node.id),
            announced: log.high_watermark(),
            log,
            waiting: Vec::new(),
            fetching: None,
            parked: Vec::new(),
            coordinator: None,
        };
        node.partitions.insert(index, opened);
        true
    }

    /// After every step: what became committed is told to the history, and to the producers that wait for it.
    pub(super) fn publish(&mut self, id: i32, index: Place) {
        if self.is_dead(id) {
            return;
        }
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
        let Assignment { partition_epoch, in_sync, .. } = leader.assignment();
        self.history.leads_with(index, BrokerId(id), in_sync, self.store.isr(index, *partition_epoch));
        let enough_in_sync = leader.check_min_in_sync().is_ok();
        partition.log.high_watermark_advanced(high_watermark);
        if high_watermark > partition.announced {
            let (view, from) = (partition.log.view(), partition.announced.max(partition.log.log_start()));
            let records = readable_records_of(index, view, from, high_watermark);
            let of_group =
                if index == Place::Offsets { group_records_of(view, from, high_watermark) } else { Vec::new() };
            partition.announced = high_watermark;
            self.history.committed_with(index, BrokerId(id), enough_in_sync);
            self.history.committed(index, BrokerId(id), epoch, &records);
            for (offset, record) in of_group {
                self.history.group_recorded(offset, &record);
            }
        }
        let (done, waiting) =
            std::mem::take(&mut partition.waiting).into_iter().partition(|one| one.target <= high_watermark);
        partition.waiting = waiting;
        for one in done {
            let told = Message::Produced { partition: index, first_number: one.first_number, result: Ok(one.base) };
            self.network.send(Node::Broker(id), Node::Producer, told, &mut self.random);
        }
        if index == Place::Offsets {
            self.answer_due(id);
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
        let (now, wall) = (self.network.clock(Node::Broker(id)), self.network.wall(Node::Broker(id)));
        let node = self.brokers.get_mut(&id).ok_or(Refusal::Retry)?;
        let partition = node.partitions.get_mut(&index).ok_or(Refusal::Retry)?;
        let leader = partition.replica.leader().map_err(|_| Refusal::Retry)?;
        leader.check_min_in_sync().map_err(|_| Refusal::Retry)?;
        let epoch = leader.leader_epoch();
        let prepared = PreparedBatch::new(batch.clone()).expect("a batch just built");
        let Ok(outcomes) = partition.log.append_as_leader([&prepared], epoch, wall) else {
            self.disk_refused(id);
            return Err(Refusal::Retry);
        };
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
            leader.log_end_moved(end, now);
        }
        partition.waiting.push(Waiting { base, target: last.next(), first_number });
        self.wrote(id);
        self.wake_followers(id, index);
        Ok(())
    }

    /// A broker of a cluster whose disk refuses an append of what it leads stops: others lead with good disks.
    pub(super) fn disk_refused(&mut self, id: i32) {
        self.trace.story(self.network.now, format_args!("broker {id}: its disk refuses an append"));
        self.crash_broker(id, Crash::Process);
    }

    /// On a slow disk the process stands still for a while.
    pub(super) fn wrote(&mut self, id: i32) {
        let slow_by = self.remains.get(&id).map_or(0, |remains| remains.slow_by_ms);
        if slow_by > 0 {
            let wait = Duration::from_millis(self.random.below(slow_by));
            self.network.pause(Node::Broker(id), wait);
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
        // A follower serves readers as well as the leader does (KIP-392).
        if check_epoch(leader_epoch, partition.replica.leader_epoch(), true).is_err() {
            return;
        }
        let (high_watermark, log_end) = (partition.log.high_watermark(), partition.log.log_end());
        // Nobody writes in a transaction.
        let ends = ReadableEnds { last_stable: high_watermark, high_watermark, log_end };
        let end = FetchIsolation::HighWatermark.readable_end(ends);
        if offset >= end || offset < partition.log.log_start() {
            return;
        }
        // What is damaged is an error, and nobody's records.
        let Some(bytes) = read(partition.log.view(), offset, end) else { return };
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
