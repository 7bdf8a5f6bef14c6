//! One look at partitions: who has an error, who has records, how many.

use super::{
    followers::{Reader, is_throttled, without_records},
    nearest::nearer_replica,
    set::{Entry, FetchSet, Planned, Premade},
};
use crate::{
    api::{RequestContext, error_codes, topic_words::not_held},
    file_disk::FileDisk,
    partitions::{Isolation, LogView, Offsets, Partition},
    replication_quota::Side,
};
use futures_util::future::join_all;
use kafka_protocol::ResponseError as Code;
use model::{BrokerId, Offset, PartitionIndex, TopicId, TopicName};
use parking_lot::Mutex;
use partition_log::{AbortedTransaction, Cursor, ReadError, ReadPlan, ReadRange};
use protocol::{fetch_response::EpochEndOffset, topic_reference::TopicReference};
use replication::FetchIsolation;
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

/// Rounds of opening logs and planning on the disk pool; a partition that is not ready after them waits for the next request.
const MAX_ROUNDS: usize = 4;

/// Records of one partition in one answer. Extents that have to be checked are read whole, by as many threads as the disk
/// pool has.
const MAX_EXTENT: usize = 8 << 20;

/// Consumers know of replicas that are nearer since this version (KIP-392).
const FIRST_VERSION_FROM_FOLLOWERS: i16 = 11;

/// One answer may hold this share of the files that stay open, each until its records are read or sent.
const SHARE_OF_OPEN_FILES: usize = 16;

/// What the request says for all partitions.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) version: i16,
    pub(super) max_bytes: usize,
    pub(super) min_bytes: usize,
    pub(super) isolation: Isolation,
    pub(super) reader: Reader,
    /// Where the consumer is, if it may be sent to a replica there.
    pub(super) rack: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    All,
    /// Only those that moved, or were asked anew, since the last pass.
    Ready,
}

/// What a pass found, in the order it is told.
#[derive(Debug, Default)]
pub(super) struct Pass {
    pub(super) reads: Vec<Read>,
    pub(super) bytes: usize,
    /// Something that is told at once, whatever the bytes: an error, a diverging epoch.
    pub(super) must_answer: bool,
}

/// One partition of a pass.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) slot: u32,
    pub(super) topic: TopicName,
    pub(super) topic_id: TopicId,
    pub(super) index: i32,
    pub(super) partition: Option<Arc<Partition>>,
    pub(super) code: i16,
    pub(super) high_watermark: Offset,
    pub(super) last_stable: Offset,
    pub(super) log_start: Offset,
    pub(super) diverging: Option<EpochEndOffset>,
    /// The consumer is sent there instead of records.
    pub(super) preferred: Option<BrokerId>,
    pub(super) aborted: Option<Vec<AbortedTransaction>>,
    pub(super) plan: Option<ReadPlan<FileDisk>>,
    /// There are records which this answer has no room for.
    pub(super) more: bool,
}

/// A partition whose log must be opened, or whose read must be planned where waiting is allowed.
struct Slow {
    slot: u32,
    partition: Arc<Partition>,
    range: ReadRange,
    cursor: Option<Cursor>,
}

enum Look {
    Read(Box<Read>),
    Slow(Slow),
}

/// How much may still be planned.
struct Budget {
    left: usize,
    /// Partitions whose files may still be opened.
    files: usize,
    /// Nothing was planned yet: the first partition with records returns a whole batch however large (KIP-74).
    at_least_one: bool,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.files == 0 || (self.left == 0 && !self.at_least_one)
    }
}

impl Read {
    /// Without positions and records, as an error is told.
    pub(super) fn empty(entry: &Entry, slot: u32) -> Self {
        Self {
            slot,
            topic: entry.topic.clone(),
            topic_id: entry.topic_id,
            index: entry.index,
            partition: entry.partition.clone(),
            code: 0,
            high_watermark: Offset::NONE,
            last_stable: Offset::NONE,
            log_start: Offset::NONE,
            diverging: None,
            preferred: None,
            aborted: None,
            plan: None,
            more: false,
        }
    }

    pub(super) fn has_data(&self) -> bool {
        self.plan.is_some()
    }
}

pub(super) async fn evaluate(context: &RequestContext, set: &Mutex<FetchSet>, which: Which, rules: &Rules) -> Pass {
    let mut again: Option<VecDeque<u32>> = None;
    for _ in 0..MAX_ROUNDS {
        let (pass, slow, looked_at) = look_at(context, set, which, rules, again.take());
        if slow.is_empty() {
            return pass;
        }
        set.lock().keep_plans(pass);
        let premade = join_all(slow.into_iter().map(|slow| prepare(context, slow))).await;
        let mut held = set.lock();
        for (slot, premade) in premade {
            if let Some(entry) = held.get_mut(slot) {
                entry.premade = premade;
            }
        }
        again = Some(looked_at);
    }
    let (pass, ..) = look_at(context, set, which, rules, again);
    pass
}

/// `again` are the partitions of a round before, to be looked at once more.
fn look_at(
    context: &RequestContext,
    set: &Mutex<FetchSet>,
    which: Which,
    rules: &Rules,
    again: Option<VecDeque<u32>>,
) -> (Pass, Vec<Slow>, VecDeque<u32>) {
    let mut set = set.lock();
    let waiter = set.waiter();
    let marked = waiter.take();
    let mut queue: VecDeque<u32> = match (again, which) {
        (_, Which::All) => set.indexes().collect(),
        (Some(mut again), Which::Ready) => {
            let known: HashSet<u32> = again.iter().copied().collect();
            again.extend(marked.into_iter().filter(|slot| !known.contains(slot)));
            again
        }
        (None, Which::Ready) => marked,
    };
    let mut pass = Pass::default();
    let mut slow = Vec::new();
    let mut looked_at = VecDeque::with_capacity(queue.len());
    let files = (context.broker.partitions.most_open_files() / SHARE_OF_OPEN_FILES).max(1);
    let mut budget = Budget { left: rules.max_bytes, files, at_least_one: true };
    while let Some(slot) = queue.pop_front() {
        if which == Which::Ready && budget.is_spent() {
            queue.push_front(slot);
            break;
        }
        let by_id = set.uses_topic_ids;
        let Some(entry) = set.get_resolved(slot, &context.broker.partitions) else { continue };
        looked_at.push_back(slot);
        match look(context, entry, slot, by_id, rules, &budget) {
            Look::Slow(partition) => {
                budget.files = budget.files.saturating_sub(1);
                slow.push(partition);
            }
            Look::Read(read) => {
                let bytes = read.plan.as_ref().map_or(0, |plan| plan.length as usize);
                if let (Reader::Follower(follower), Some(partition)) = (rules.reader, &read.partition) {
                    context.broker.metrics.replication().bytes_out.add(bytes as u64);
                    context.broker.replication_quota.took(Side::Leader, partition.id(), follower.id, bytes);
                }
                budget.left = budget.left.saturating_sub(bytes);
                budget.at_least_one &= bytes == 0;
                budget.files -= usize::from(read.has_data());
                pass.bytes += bytes;
                pass.must_answer |= read.code != 0 || read.diverging.is_some() || read.preferred.is_some();
                pass.reads.push(*read);
            }
        }
    }
    if which == Which::Ready {
        waiter.put_back(queue.into_iter());
    }
    (pass, slow, looked_at)
}

fn look(context: &RequestContext, entry: &mut Entry, slot: u32, by_id: bool, rules: &Rules, budget: &Budget) -> Look {
    let read = Read::empty(entry, slot);
    let failed = |code| Look::Read(Box::new(Read { code, ..Read::empty(entry, slot) }));
    let Some(partition) = entry.partition.clone() else {
        let topic = if by_id { TopicReference::Id(entry.topic_id) } else { TopicReference::Name(&entry.topic) };
        let code = not_held(&context.broker, topic, PartitionIndex(entry.index));
        // Kafka's list is empty rather than null where it has not got as far as a partition.
        return Look::Read(Box::new(Read { code: code.code(), aborted: Some(Vec::new()), ..read }));
    };
    if let Err(code) = admit(&partition, entry, rules) {
        return failed(code);
    }
    let offsets = partition.offsets();
    if let Some(nearer) = nearer_replica(context, &partition, rules, entry.fetch_offset, offsets) {
        let positions = Read { high_watermark: offsets.high_watermark, last_stable: offsets.last_stable, ..read };
        return Look::Read(Box::new(Read { log_start: offsets.log_start, preferred: Some(nearer), ..positions }));
    }
    if rules.reader.is_follower()
        && let Some(read) = without_records(entry, slot, offsets)
    {
        return Look::Read(Box::new(read));
    }
    if entry.fetch_offset < offsets.log_start || entry.fetch_offset > offsets.log_end {
        return failed(Code::OffsetOutOfRange.code());
    }
    entry.seen = offsets.end_for(rules.reader.is_follower());
    let committed = rules.isolation == Isolation::ReadCommitted;
    let read = Read {
        high_watermark: offsets.high_watermark,
        last_stable: offsets.last_stable,
        log_start: offsets.log_start,
        aborted: committed.then(Vec::new),
        ..read
    };
    look_inside(context, &partition, entry, read, rules, budget, offsets)
}

/// Everything that refuses a fetch before its offset is looked at.
fn admit(partition: &Partition, entry: &Entry, rules: &Rules) -> Result<(), i16> {
    use controller::topic_config::CompressionType;
    let from_any_replica = rules.reader == Reader::Consumer && rules.version >= FIRST_VERSION_FROM_FOLLOWERS;
    let checked = if from_any_replica {
        partition.check_readable(entry.leader_epoch)
    } else {
        partition.check(entry.leader_epoch)
    };
    checked.map_err(|error| match error_codes::unavailable(error) {
        // Clients of that age do not know the code.
        code if code == Code::KafkaStorageError.code() && rules.version <= 5 => Code::NotLeaderOrFollower.code(),
        code => code,
    })?;
    if rules.reader == Reader::Stranger {
        // To the leader it is a follower that it does not know.
        let asks = entry.leader_epoch != model::LeaderEpoch::UNKNOWN;
        return Err(if asks { Code::UnknownLeaderEpoch.code() } else { Code::NotLeaderOrFollower.code() });
    }
    if rules.version < 10 && partition.settings().compression_type == CompressionType::Zstd {
        return Err(Code::UnsupportedCompressionType.code());
    }
    Ok(())
}

/// The offset is within the log; what is there may still be nothing a consumer may see.
fn look_inside(
    context: &RequestContext,
    partition: &Arc<Partition>,
    entry: &mut Entry,
    read: Read,
    rules: &Rules,
    budget: &Budget,
    offsets: Offsets,
) -> Look {
    let is_follower = rules.reader.is_follower();
    let below = offsets.readable_end(if is_follower { FetchIsolation::LogEnd } else { rules.isolation.into() });
    // Of followers it was looked at when their request was noted.
    let asks_epoch = !rules.reader.is_follower() && entry.last_fetched_epoch != model::LeaderEpoch::UNKNOWN;
    let read = Read { more: entry.fetch_offset < below, ..read };
    let nothing_to_read = !read.more || budget.is_spent() || is_throttled(context, partition, rules);
    let view = partition.view();
    // What is left for the next request need not be opened for this one.
    if nothing_to_read && (!asks_epoch || (read.more && view.is_none())) {
        return Look::Read(Box::new(read));
    }
    let range = ReadRange {
        from: entry.fetch_offset,
        below,
        max_bytes: u32::try_from(entry.max_bytes.min(budget.left).min(MAX_EXTENT)).unwrap_or(u32::MAX),
        at_least_one: budget.at_least_one,
    };
    let slow = Slow { slot: read.slot, partition: Arc::clone(partition), range, cursor: entry.cursor };
    let Some(view) = view else { return Look::Slow(slow) };
    if asks_epoch && let Some(diverged) = divergence(&view, entry, &read) {
        return Look::Read(Box::new(diverged));
    }
    if nothing_to_read {
        return Look::Read(Box::new(read));
    }
    let premade = entry.premade.take().filter(|premade| premade.from == entry.fetch_offset);
    let planned = match premade {
        Some(premade) => premade.planned,
        // Sealed segments may not be in memory: their indexes and headers are read where waiting is allowed.
        None if entry.fetch_offset < view.active_base_offset() => return Look::Slow(slow),
        None => view.plan_read(range, entry.cursor),
    };
    match planned {
        Err(ReadError::Outdated) => Look::Slow(slow),
        planned => Look::Read(Box::new(with_plan(partition, &view, entry, read, planned, range))),
    }
}

/// KIP-595: a fetcher whose last batch is not in our log learns where the two part, and gets no records.
fn divergence(view: &LogView, entry: &Entry, read: &Read) -> Option<Read> {
    match view.epoch_end_offset(entry.last_fetched_epoch) {
        None => Some(Read { code: Code::OffsetOutOfRange.code(), ..Read::empty(entry, read.slot) }),
        Some((epoch, end)) if epoch < entry.last_fetched_epoch || end < entry.fetch_offset => {
            let diverging = Some(EpochEndOffset { epoch, end_offset: end });
            let Read { high_watermark, last_stable, log_start, .. } = *read;
            let aborted = read.aborted.clone();
            Some(Read { diverging, high_watermark, last_stable, log_start, aborted, ..Read::empty(entry, read.slot) })
        }
        Some(_) => None,
    }
}

fn with_plan(
    partition: &Partition,
    view: &LogView,
    entry: &mut Entry,
    read: Read,
    planned: Planned,
    range: ReadRange,
) -> Read {
    let failed = |error: &ReadError| {
        let code = error_codes::read(partition.read_failed(error));
        Read { code, ..Read::empty(entry, read.slot) }
    };
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => return failed(&error),
    };
    // Made on the disk pool with more room than is left now: it waits for the next request.
    let plan = plan.filter(|plan| range.at_least_one || plan.length <= range.max_bytes);
    let aborted = match (&plan, &read.aborted) {
        (Some(_), Some(_)) => match view.aborted_transactions(range.from, range.below) {
            Ok(aborted) => Some(aborted),
            Err(error) => return failed(&error),
        },
        (_, aborted) => aborted.clone(),
    };
    entry.cursor = plan.as_ref().map(|plan| plan.next).or(entry.cursor);
    Read { more: plan.is_none(), plan, aborted, ..read }
}

/// Opens the log and plans the read, off the worker.
async fn prepare(context: &RequestContext, slow: Slow) -> (u32, Option<Premade>) {
    let Slow { slot, partition, range, cursor } = slow;
    if !partition.ensure_open().await {
        return (slot, None);
    }
    let planned = context.broker.partitions.disk_pool().run(move || {
        // Retention may take the segment away under one view; the newest has it no more and says so properly.
        let newest = || partition.view().map(|view| view.plan_read(range, cursor));
        match newest() {
            Some(Err(ReadError::Outdated)) => newest(),
            planned => planned,
        }
    });
    let premade = planned.await.flatten().map(|planned| Premade { from: range.from, planned });
    (slot, premade)
}
