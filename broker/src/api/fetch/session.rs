//! Incremental fetch sessions (KIP-227): the broker remembers what a client asks, and both sides tell only changes.

use super::{
    RequestContext,
    memory::ResponseMemory,
    set::{FetchSet, uses_topic_ids},
};
use crate::clock::Clock;
use kafka_protocol::{ResponseError as Code, messages::FetchRequest};
use model::MonotonicTime;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

/// Asks for a new session.
pub(super) const INITIAL_EPOCH: i32 = 0;
/// Ends a session, or asks for none.
pub(super) const FINAL_EPOCH: i32 = -1;
/// A session may be evicted for another once it is this old, or was this long without a request.
const EVICTION_AGE: Duration = Duration::from_secs(120);

/// Partitions in all sessions together; each costs a few hundred bytes for as long as its session lives.
const MAX_PARTITIONS: usize = 500_000;

/// All sessions of the broker, and the memory their answers may take.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots: usize,
    clock: Clock,
    memory: ResponseMemory,
    cache: Mutex<Cache>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: i32,
    pub(super) set: Arc<Mutex<FetchSet>>,
}

#[derive(Debug, Default)]
struct Cache {
    sessions: HashMap<i32, Cached>,
    /// Least recently used first; the counter makes times unique.
    by_use: BTreeMap<(MonotonicTime, u64), i32>,
    /// Smallest first: a larger session is worth more.
    by_size: BTreeSet<(usize, i32)>,
    uses: u64,
    partitions: usize,
    evictions: u64,
}

#[derive(Debug)]
struct Cached {
    session: Arc<Session>,
    created: MonotonicTime,
    used: (MonotonicTime, u64),
    partitions: usize,
}

impl FetchSessions {
    pub(crate) fn new(slots: usize, clock: Clock) -> Self {
        Self { slots, clock, memory: ResponseMemory::of_process(), cache: Mutex::default() }
    }

    pub(super) fn memory(&self) -> &ResponseMemory {
        &self.memory
    }

    /// Sessions now, partitions in them, and evictions so far.
    pub(crate) fn counts(&self) -> (usize, usize, u64) {
        let cache = self.cache.lock();
        (cache.sessions.len(), cache.partitions, cache.evictions)
    }

    /// Goes on with a session. `None`: the request took its last partition out and so ended it.
    pub(super) fn resume(
        &self,
        context: &RequestContext,
        id: i32,
        epoch: i32,
        request: FetchRequest,
    ) -> Result<Option<Arc<Session>>, Code> {
        let session = self.cache.lock().get(id).ok_or(Code::FetchSessionIdNotFound)?;
        let mut set = session.set.lock();
        if set.epoch != epoch {
            return Err(Code::InvalidFetchSessionEpoch);
        }
        if set.uses_topic_ids != uses_topic_ids(context.version) {
            return Err(Code::FetchSessionTopicIdError);
        }
        set.update(context, request);
        set.epoch = next_epoch(epoch);
        let partitions = set.len();
        drop(set);
        let mut cache = self.cache.lock();
        if partitions == 0 {
            cache.remove(id);
            return Ok(None);
        }
        if !cache.has_room_for(Some(id), partitions) {
            // The client begins anew and gets no session then.
            cache.remove(id);
            return Err(Code::FetchSessionIdNotFound);
        }
        cache.touch(id, partitions, self.clock.now());
        Ok(Some(session))
    }

    /// Keeps the set as a session; 0 if there is no room for it, which is an answer clients live with.
    pub(super) fn open(&self, set: &Arc<Mutex<FetchSet>>, partitions: usize) -> i32 {
        if partitions == 0 {
            return 0;
        }
        let now = self.clock.now();
        let mut cache = self.cache.lock();
        let full = cache.sessions.len() >= self.slots && !cache.evict_for(partitions, now);
        if full || !cache.has_room_for(None, partitions) {
            return 0;
        }
        let id = loop {
            // Positive, for 0 means "none"; random, so that a client of before a restart meets nobody else's session.
            let id = (self.clock.random_u64() >> 33) as i32;
            if id > 0 && !cache.sessions.contains_key(&id) {
                break id;
            }
        };
        set.lock().subscribe_all();
        cache.insert(Session { id, set: Arc::clone(set) }, partitions, now);
        id
    }

    pub(super) fn close(&self, id: i32) {
        self.cache.lock().remove(id);
    }
}

impl Cache {
    fn get(&self, id: i32) -> Option<Arc<Session>> {
        self.sessions.get(&id).map(|cached| Arc::clone(&cached.session))
    }

    fn insert(&mut self, session: Session, partitions: usize, now: MonotonicTime) {
        let id = session.id;
        self.sessions.insert(id, Cached { session: Arc::new(session), created: now, used: (now, 0), partitions: 0 });
        self.touch(id, partitions, now);
    }

    /// Whether a session may have so many partitions. What it has until now does not count beside them.
    fn has_room_for(&self, id: Option<i32>, partitions: usize) -> bool {
        let had = id.and_then(|id| self.sessions.get(&id)).map_or(0, |cached| cached.partitions);
        (self.partitions - had).saturating_add(partitions) <= MAX_PARTITIONS
    }

    fn touch(&mut self, id: i32, partitions: usize, now: MonotonicTime) {
        let Some(cached) = self.sessions.get_mut(&id) else { return };
        self.by_use.remove(&cached.used);
        self.by_size.remove(&(cached.partitions, id));
        self.uses += 1;
        self.partitions = self.partitions - cached.partitions + partitions;
        cached.used = (now, self.uses);
        cached.partitions = partitions;
        self.by_use.insert(cached.used, id);
        self.by_size.insert((partitions, id));
    }

    fn remove(&mut self, id: i32) {
        if let Some(cached) = self.sessions.remove(&id) {
            self.by_use.remove(&cached.used);
            self.by_size.remove(&(cached.partitions, id));
            self.partitions -= cached.partitions;
        }
    }

    /// The one unused for long goes first, else the smallest if it is smaller than the new one and not young.
    fn evict_for(&mut self, partitions: usize, now: MonotonicTime) -> bool {
        let unused = self.by_use.first_key_value().filter(|((used, _), _)| now.since(*used) > EVICTION_AGE);
        let victim = unused.map(|(_, id)| *id).or_else(|| {
            let mut smaller = self.by_size.iter().take_while(|(size, _)| *size < partitions);
            let old = |id: &i32| self.sessions.get(id).is_some_and(|cached| now.since(cached.created) > EVICTION_AGE);
            smaller.find(|(_, id)| old(id)).map(|(_, id)| *id)
        });
        let Some(victim) = victim else { return false };
        self.remove(victim);
        self.evictions += 1;
        true
    }
}

/// After the largest comes 1: 0 asks for a new session.
pub(super) fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

#[cfg(test)]
mod tests;
