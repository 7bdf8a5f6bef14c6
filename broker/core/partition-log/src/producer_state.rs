//! All producers of a partition: what they wrote last, and which transactions are open.

use crate::{
    AppendError, ProducerDescription,
    producer_entry::{CompletedTransaction, Marker, ProducerEntry, RememberedBatch},
};
use model::{Offset, ProducerEpoch, ProducerId, WallTime};
use protocol::record_batch::{BatchHeader, BatchView, ControlRecord};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub(crate) struct ProducerState {
    producers: BTreeMap<ProducerId, ProducerEntry>,
    /// Open transactions by first offset.
    ongoing: BTreeMap<Offset, ProducerId>,
    /// Ended ones by first offset, with the offset of their marker, until that is below the high watermark.
    undelivered: BTreeMap<Offset, Offset>,
    /// The state covers the log up to here.
    pub(crate) end: Offset,
}

/// Entries as a group of batches will leave them, until its write returned.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    entries: BTreeMap<ProducerId, ProducerEntry>,
    started: Vec<(Offset, ProducerId)>,
    pub(crate) completed: Vec<CompletedTransaction>,
}

/// How a leader takes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    Duplicate(RememberedBatch),
    Refused(AppendError),
}

/// The newest trace of a producer in the log: its last data, or if there is none, a marker with its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastOfProducer {
    Data(Offset),
    Marker(ProducerEpoch),
}

/// The marker in a control batch. Control batches that compaction emptied, and types of other Kafka parts, have none.
pub(crate) fn marker_of(batch: &BatchView<'_>) -> Option<Marker> {
    let mut scratch = Vec::new();
    let mut records = batch.records(&mut scratch, 1024).ok()?;
    let record = records.next()?.ok()?;
    match ControlRecord::read(record.key, record.value)? {
        ControlRecord::EndTransaction { kind, coordinator_epoch } => Some(Marker { kind, coordinator_epoch }),
        ControlRecord::Other(_) => None,
    }
}

impl ProducerState {
    pub(crate) fn starting_at(end: Offset) -> Self {
        Self { end, ..Self::default() }
    }

    fn entry(&self, staged: &Staged, id: ProducerId, now: WallTime, expiration_ms: i64) -> ProducerEntry {
        if let Some(entry) = staged.entries.get(&id) {
            return *entry;
        }
        match self.producers.get(&id) {
            Some(entry) if !entry.is_expired(now, expiration_ms) => *entry,
            _ => ProducerEntry::default(),
        }
    }

    /// Checks a batch against the state and what is staged before it.
    pub(crate) fn check(
        &self,
        staged: &Staged,
        header: &BatchHeader,
        marker: Option<Marker>,
        now: WallTime,
        expiration_ms: i64,
    ) -> Verdict {
        if !header.has_producer_id() {
            return Verdict::Append;
        }
        let entry = self.entry(staged, header.producer_id, now, expiration_ms);
        let checked = match marker {
            Some(marker) => entry.check_marker(header, marker),
            None if header.attributes.is_control() => Ok(()),
            None => match entry.duplicate(header) {
                Some(batch) => return Verdict::Duplicate(*batch),
                None => entry.check_data(header),
            },
        };
        checked.map_or_else(Verdict::Refused, |()| Verdict::Append)
    }

    /// Stages a batch that has its offsets.
    pub(crate) fn stage(
        &self,
        staged: &mut Staged,
        header: &BatchHeader,
        marker: Option<Marker>,
        now: WallTime,
        expiration_ms: i64,
    ) {
        if !header.has_producer_id() || (marker.is_none() && header.attributes.is_control()) {
            return;
        }
        let id = header.producer_id;
        let mut entry = self.entry(staged, id, now, expiration_ms);
        match marker {
            Some(marker) => staged.completed.extend(entry.apply_marker(header, marker, now)),
            None => {
                let open_before = entry.transaction_first_offset.is_some();
                entry.apply_data(header, now);
                if let Some(first) = entry.transaction_first_offset.filter(|_| !open_before) {
                    staged.started.push((first, id));
                }
            }
        }
        staged.entries.insert(id, entry);
    }

    /// LSO to be stored with an aborted transaction: the first other open one, else just after the marker.
    pub(crate) fn last_stable_after(&self, staged: &Staged, done: &CompletedTransaction) -> Offset {
        let finished = |producer: &ProducerId, first: &Offset| {
            staged.completed.iter().any(|one| {
                one.producer_id == *producer && one.first_offset == *first && one.last_offset <= done.last_offset
            })
        };
        let open = self.ongoing.iter().map(|(first, id)| (*first, *id)).chain(staged.started.iter().copied());
        open.filter(|(first, id)| *first < done.last_offset && !finished(id, first))
            .map(|(first, _)| first)
            .min()
            .unwrap_or(done.last_offset.next())
    }

    /// The write returned.
    pub(crate) fn commit(&mut self, staged: Staged, end: Offset) {
        for (id, entry) in staged.entries {
            self.producers.insert(id, entry);
        }
        for (first, id) in staged.started {
            self.ongoing.insert(first, id);
        }
        for done in staged.completed {
            self.ongoing.remove(&done.first_offset);
            self.undelivered.insert(done.first_offset, done.last_offset);
        }
        self.end = end;
    }

    /// Takes in a batch of a follower's fetch or of a scan, without checks: the leader made them.
    pub(crate) fn replay(&mut self, header: &BatchHeader, marker: Option<Marker>, now: WallTime) -> Staged {
        let mut staged = Staged::default();
        let time = WallTime(header.max_timestamp.0.min(now.0));
        self.stage(&mut staged, header, marker, time, i64::MAX);
        staged
    }

    pub(crate) fn load(&mut self, id: ProducerId, entry: ProducerEntry) {
        if let Some(first) = entry.transaction_first_offset {
            self.ongoing.insert(first, id);
        }
        self.producers.insert(id, entry);
    }

    pub(crate) fn expire(&mut self, now: WallTime, expiration_ms: i64) {
        self.producers.retain(|_, entry| !entry.is_expired(now, expiration_ms));
    }

    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = (&ProducerId, &ProducerEntry)> {
        self.producers.iter()
    }

    /// For the cleaner: what must stay of each live producer.
    pub(crate) fn last_of_producers(&self) -> BTreeMap<ProducerId, LastOfProducer> {
        let last = |entry: &ProducerEntry| match entry.last_batch() {
            Some(batch) => LastOfProducer::Data(batch.last_offset),
            None => LastOfProducer::Marker(entry.epoch),
        };
        self.producers.iter().map(|(id, entry)| (*id, last(entry))).collect()
    }

    pub(crate) fn describe(&self) -> Vec<ProducerDescription> {
        self.producers.iter().map(|(id, entry)| entry.describe(*id)).collect()
    }

    /// A transaction is open until its marker is below the high watermark.
    pub(crate) fn high_watermark_advanced(&mut self, high_watermark: Offset) {
        self.undelivered.retain(|_, marker| *marker >= high_watermark);
    }

    pub(crate) fn first_unstable_offset(&self) -> Option<Offset> {
        let undelivered = self.undelivered.keys().next();
        let ongoing = self.ongoing.keys().next();
        undelivered.into_iter().chain(ongoing).min().copied()
    }
}
