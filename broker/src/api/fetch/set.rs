//! The partitions of one request, or of a session over many requests.

use super::{
    evaluate::{Pass, Read},
    ready::Waiter,
};
use crate::{
    api::RequestContext,
    partitions::{FollowerAsks, NoRecords, Partition, Partitions, State, Ticket, Watcher},
};
use kafka_protocol::messages::{
    FetchRequest,
    fetch_request::{FetchPartition, ForgottenTopic},
};
use model::{BrokerEpoch, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};
use partition_log::{Cursor, ReadError, ReadPlan};
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

/// Topic ids came with this version (KIP-516); a session keeps to one way of naming.
const FIRST_VERSION_WITH_TOPIC_IDS: i16 = 13;

#[derive(Debug)]
pub(super) struct FetchSet {
    /// By the index their partitions mark them with.
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_key: HashMap<(TopicKey, i32), u32>,
    waiter: Arc<Waiter>,
    for_follower: bool,
    /// Asked by the newest request.
    asked: Vec<u32>,
    /// The registration of the follower that its leaders were told last.
    told_life: Option<BrokerEpoch>,
    subscribed: bool,
    /// Of the session: what the next request must carry. Set when a session begins.
    pub(super) epoch: i32,
    pub(super) uses_topic_ids: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum TopicKey {
    Name(TopicName),
    Id(TopicId),
}

/// What is asked of one partition, and what was told about it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) topic: TopicName,
    pub(super) topic_id: TopicId,
    pub(super) index: i32,
    pub(super) fetch_offset: Offset,
    pub(super) max_bytes: usize,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) last_fetched_epoch: LeaderEpoch,
    /// Where the log of a follower begins.
    log_start: Offset,
    pub(super) partition: Option<Arc<Partition>>,
    ticket: Option<Ticket>,
    /// Where the read before ended: a sequential reader needs no index.
    pub(super) cursor: Option<Cursor>,
    /// A plan that was made on the disk pool for `fetch_offset`.
    pub(super) premade: Option<Premade>,
    /// Of a follower: whether what it asked may be answered with records.
    pub(super) noted: Option<Result<(), NoRecords>>,
    /// Where what it may read ended when it was looked at last.
    pub(super) seen: Offset,
    /// What the client knows; `NONE` makes the next answer name the partition.
    told_high_watermark: Offset,
    told_log_start: Offset,
}

/// Outcome of planning a read; `None` where there is nothing.
pub(super) type Planned = Result<Option<ReadPlan<crate::file_disk::FileDisk>>, ReadError>;

#[derive(Debug)]
pub(super) struct Premade {
    pub(super) from: Offset,
    pub(super) planned: Planned,
}

impl FetchSet {
    pub(super) fn of(context: &RequestContext, request: FetchRequest, for_follower: bool) -> Self {
        let mut set = Self::new(for_follower, uses_topic_ids(context.version));
        set.update(context, request);
        set
    }

    pub(super) fn new(for_follower: bool, uses_topic_ids: bool) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            waiter: Arc::new(Waiter::new(for_follower)),
            for_follower,
            asked: Vec::new(),
            told_life: None,
            subscribed: false,
            epoch: 1,
            uses_topic_ids,
        }
    }

    /// Adds and changes what the request names, forgets what it forgets. All named are looked at next.
    pub(super) fn update(&mut self, context: &RequestContext, request: FetchRequest) {
        for topic in request.topics {
            let (name, id) = (TopicName::from(topic.topic.as_str()), TopicId(topic.topic_id));
            let key = if self.uses_topic_ids { TopicKey::Id(id) } else { TopicKey::Name(name.clone()) };
            for asked in topic.partitions {
                let index = self.entry(&context.broker.partitions, &key, &name, id, asked.partition);
                let entry = self.entries[index as usize].as_mut().expect("just found or made");
                entry.ask(&asked);
                self.waiter.mark(index);
                if self.for_follower {
                    self.asked.push(index);
                }
            }
        }
        for forgotten in request.forgotten_topics_data {
            self.forget(&forgotten);
        }
    }

    fn entry(&mut self, partitions: &Partitions, key: &TopicKey, name: &TopicName, id: TopicId, index: i32) -> u32 {
        if let Some(known) = self.by_key.get(&(key.clone(), index)) {
            return *known;
        }
        let mut entry = Entry::new(name.clone(), id, index);
        entry.resolve(partitions, self.uses_topic_ids);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("a request has fewer partitions than 2^32")
        });
        if self.subscribed {
            entry.subscribe(&self.waiter, slot);
        }
        self.entries[slot as usize] = Some(entry);
        self.by_key.insert((key.clone(), index), slot);
        slot
    }

    fn forget(&mut self, topic: &ForgottenTopic) {
        let key = if self.uses_topic_ids {
            TopicKey::Id(TopicId(topic.topic_id))
        } else {
            TopicKey::Name(TopicName::from(topic.topic.as_str()))
        };
        for index in &topic.partitions {
            if let Some(slot) = self.by_key.remove(&(key.clone(), *index)) {
                if let Some(mut entry) = self.entries[slot as usize].take() {
                    entry.unsubscribe();
                }
                self.free.push(slot);
            }
        }
    }

    /// What the newest request of a follower asks of partitions that are here; it is to be noted before it is answered. What it
    /// does not name it asks again as before (KIP-227), which matters where the leader forgot it, and where the follower
    /// registered again since: in its life of before nobody would have it in an ISR.
    pub(super) fn take_asked(&mut self, life: BrokerEpoch) -> Vec<(u32, Arc<Partition>, FollowerAsks)> {
        self.subscribe_all();
        let mut again = self.waiter.take_forgotten();
        if self.told_life.replace(life).is_some_and(|told| told != life) {
            again.extend(self.indexes());
        }
        let asked = std::mem::take(&mut self.asked);
        for slot in &asked {
            again.remove(slot);
        }
        let asked = asked.into_iter().chain(again).filter_map(|slot| {
            let entry = self.get_mut(slot)?;
            let asks = FollowerAsks {
                leader_epoch: entry.leader_epoch,
                last_fetched_epoch: entry.last_fetched_epoch,
                log_end: entry.fetch_offset,
                log_start: entry.log_start,
            };
            Some((slot, Arc::clone(entry.partition.as_ref()?), asks))
        });
        asked.collect()
    }

    pub(super) fn waiter(&self) -> Arc<Waiter> {
        Arc::clone(&self.waiter)
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Partitions that cannot say yet what they hold.
    pub(super) fn recovering(&self) -> Vec<Arc<Partition>> {
        let partitions = self.entries.iter().flatten().filter_map(|entry| entry.partition.as_ref());
        partitions.filter(|partition| partition.state() == State::Recovering).cloned().collect()
    }

    /// In the order of the request that named them first.
    pub(super) fn indexes(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.entries.len()).expect("a request has fewer partitions than 2^32")
    }

    /// The entry, with its partition looked up anew if it was unknown or is gone.
    pub(super) fn get_resolved(&mut self, slot: u32, partitions: &Partitions) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(slot as usize)?.as_mut()?;
        if entry.partition.as_ref().is_none_or(|partition| partition.state() == State::Deleted) {
            entry.unsubscribe();
            entry.resolve(partitions, self.uses_topic_ids);
            if self.subscribed {
                entry.subscribe(&self.waiter, slot);
            }
        }
        Some(entry)
    }

    /// The pass is made again: what it planned off the worker need not be planned again.
    pub(super) fn keep_plans(&mut self, pass: Pass) {
        for read in pass.reads {
            if let (Some(plan), Some(entry)) = (read.plan, self.get_mut(read.slot)) {
                entry.premade = Some(Premade { from: entry.fetch_offset, planned: Ok(Some(plan)) });
            }
        }
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    /// From now on every partition marks itself; those that moved since they were looked at are marked at once.
    pub(super) fn subscribe_all(&mut self) {
        if std::mem::replace(&mut self.subscribed, true) {
            return;
        }
        for (slot, entry) in (0..).zip(&mut self.entries) {
            let Some(entry) = entry else { continue };
            entry.subscribe(&self.waiter, slot);
            let for_follower = self.for_follower;
            let moved = entry.partition.as_ref().is_some_and(|partition| {
                partition.offsets().end_for(for_follower) != entry.seen || partition.state() != State::Serving
            });
            if moved {
                self.waiter.missed(slot);
            }
        }
    }

    /// The pass is not answered: what it found is to be found again.
    pub(super) fn keep_for_next_pass(&mut self, pass: &Pass) {
        for read in &pass.reads {
            let news = self.entries.get(read.slot as usize).and_then(Option::as_ref).is_some_and(|e| e.is_news(read));
            if news || read.more {
                self.waiter.mark(read.slot);
            }
        }
    }

    /// The pass is answered: notes what the client knows now. Partitions with records or an error are looked at again by
    /// the next request, at the end of the line. An incremental answer keeps only what is news.
    pub(super) fn settle(&mut self, pass: &mut Pass, incremental: bool) {
        let entries = &mut self.entries;
        // Whoever found no room comes before those that were served.
        for read in pass.reads.iter().filter(|read| read.more) {
            self.waiter.mark(read.slot);
        }
        let waiter = &self.waiter;
        pass.reads.retain(|read| {
            let Some(entry) = entries.get_mut(read.slot as usize).and_then(Option::as_mut) else { return !incremental };
            let news = entry.is_news(read);
            entry.told(read);
            if read.has_data() || read.code != 0 {
                waiter.mark(read.slot);
            }
            news || !incremental
        });
    }
}

impl Drop for FetchSet {
    fn drop(&mut self) {
        for entry in self.entries.iter_mut().flatten() {
            entry.unsubscribe();
        }
    }
}

impl Entry {
    fn new(topic: TopicName, topic_id: TopicId, index: i32) -> Self {
        Self {
            topic,
            topic_id,
            index,
            fetch_offset: Offset::NONE,
            max_bytes: 0,
            leader_epoch: LeaderEpoch::UNKNOWN,
            last_fetched_epoch: LeaderEpoch::UNKNOWN,
            log_start: Offset::NONE,
            partition: None,
            ticket: None,
            cursor: None,
            premade: None,
            noted: None,
            seen: Offset::NONE,
            told_high_watermark: Offset::NONE,
            told_log_start: Offset::NONE,
        }
    }

    fn ask(&mut self, asked: &FetchPartition) {
        self.fetch_offset = Offset(asked.fetch_offset);
        self.max_bytes = usize::try_from(asked.partition_max_bytes).unwrap_or(0);
        self.leader_epoch = LeaderEpoch(asked.current_leader_epoch);
        self.last_fetched_epoch = LeaderEpoch(asked.last_fetched_epoch);
        self.log_start = Offset(asked.log_start_offset);
        self.noted = None;
    }

    /// Finds the partition, also one that was made or made anew since.
    pub(super) fn resolve(&mut self, partitions: &Partitions, by_id: bool) {
        let topic = if by_id { partitions.topic_by_id(self.topic_id) } else { partitions.topic(&self.topic) };
        if let Some(topic) = &topic {
            self.topic = topic.name().clone();
            if by_id {
                self.topic_id = topic.id();
            }
        }
        self.partition = topic.and_then(|topic| topic.get(PartitionIndex(self.index)));
        self.cursor = None;
    }

    fn subscribe(&mut self, waiter: &Arc<Waiter>, slot: u32) {
        let watcher: Arc<dyn Watcher> = waiter.clone();
        let watcher: Weak<dyn Watcher> = Arc::downgrade(&watcher);
        self.ticket = self.partition.as_ref().map(|partition| partition.subscribe(watcher, slot));
    }

    fn unsubscribe(&mut self) {
        if let (Some(partition), Some(ticket)) = (&self.partition, self.ticket.take()) {
            partition.unsubscribe(ticket);
        }
    }

    /// Whether an incremental answer must name the partition (KIP-227).
    fn is_news(&self, read: &Read) -> bool {
        read.has_data()
            || read.code != 0
            || read.diverging.is_some()
            || read.preferred.is_some()
            || read.high_watermark != self.told_high_watermark
            || read.log_start != self.told_log_start
    }

    fn told(&mut self, read: &Read) {
        self.told_log_start = read.log_start;
        // After an error or a divergence the next answer names the partition again, whatever its positions.
        let settled = read.code == 0 && read.diverging.is_none();
        self.told_high_watermark = if settled { read.high_watermark } else { Offset::NONE };
    }
}

pub(super) fn uses_topic_ids(version: i16) -> bool {
    version >= FIRST_VERSION_WITH_TOPIC_IDS
}
