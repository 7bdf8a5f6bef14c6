//! One compaction, in steps.

use super::{
    filter::{Filter, Left},
    offset_map::OffsetMap,
    output::{Cleaned, CleanedSegment, Output},
    transactions::Transactions,
};
use crate::{
    CorruptBatch, Disk, StorageError,
    errors::During,
    names,
    producer_state::LastOfProducer,
    scan::BatchReader,
    segment::Segment,
    transaction_index::{self, AbortedEntry},
};
use model::{Offset, ProducerId, WallTime};
use protocol::record_batch::{BatchError, BatchView};
use std::{collections::BTreeMap, io, sync::Arc};

/// A batch that unpacks to more stops the job; memory stays bounded.
const MOST_UNPACKED: usize = 256 << 20;

/// What the log's writer decided.
#[derive(Debug)]
pub(crate) struct Plan<D: Disk> {
    pub(crate) disk: D,
    pub(crate) folder: Arc<str>,
    /// All cleanable segments from the start of the log.
    pub(crate) segments: Vec<Arc<Segment<D>>>,
    /// Keys are collected from here on.
    pub(crate) first_dirty: Offset,
    /// The first offset that may not be cleaned: base of the segment after the last cleanable one.
    pub(crate) round_end: Offset,
    pub(crate) now: WallTime,
    pub(crate) delete_retention_ms: i64,
    pub(crate) segment_bytes: u64,
    pub(crate) index_interval_bytes: u32,
    pub(crate) map_bytes: usize,
    pub(crate) last_of_producers: BTreeMap<ProducerId, LastOfProducer>,
}

/// One compaction, resumable: call [`CleaningJob::step`] until it is done. Dropping it leaves files that the next start removes,
/// or the next job overwrites.
#[derive(Debug)]
pub struct CleaningJob<D: Disk> {
    plan: Plan<D>,
    map: OffsetMap,
    /// The map covers the log up to here.
    map_end: Offset,
    /// In the pass that collects keys; then in the one that writes.
    transactions: Transactions,
    phase: Phase<D>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
enum Phase<D: Disk> {
    Begin,
    Collect { segment: usize, position: u64 },
    Write(Box<Writing<D>>),
    Done,
}

#[derive(Debug)]
struct Writing<D: Disk> {
    filter: Filter,
    /// Index ranges of segments that become one.
    groups: Vec<(usize, usize)>,
    group: usize,
    segment: usize,
    position: u64,
    output: Option<Output<D>>,
    finished: Vec<CleanedSegment<D>>,
}

impl<D: Disk> CleaningJob<D> {
    pub(crate) fn new(plan: Plan<D>) -> Self {
        Self {
            map: OffsetMap::new(plan.map_bytes),
            map_end: plan.first_dirty,
            transactions: Transactions::default(),
            phase: Phase::Begin,
            scratch: Vec::new(),
            plan,
        }
    }

    fn begin(&mut self) -> Result<(), StorageError> {
        let first = self.plan.segments.iter().position(|segment| segment.extent().next_offset > self.plan.first_dirty);
        let segment = first.unwrap_or(self.plan.segments.len());
        self.transactions = Transactions::new(aborted_in(&self.plan, segment)?);
        self.phase = Phase::Collect { segment, position: 0 };
        Ok(())
    }

    /// Reads about `budget` bytes; `Some` when it is finished.
    pub fn step(&mut self, budget: u64) -> Result<Option<Cleaned<D>>, StorageError> {
        let mut left = budget.max(1);
        loop {
            let used = match std::mem::replace(&mut self.phase, Phase::Done) {
                Phase::Begin => {
                    self.begin()?;
                    0
                }
                Phase::Collect { segment, position } => self.collect(segment, position, left)?,
                Phase::Write(writing) => match self.write(writing, left)? {
                    Progress::Used(used) => used,
                    Progress::Finished(cleaned) => return Ok(Some(cleaned)),
                },
                Phase::Done => return Ok(None),
            };
            left = left.saturating_sub(used.max(1));
            if left == 0 {
                return Ok(None);
            }
        }
    }

    /// First pass: keys of the dirty part. Ends early when memory is used up.
    fn collect(&mut self, index: usize, start: u64, budget: u64) -> Result<u64, StorageError> {
        let Some(segment) = self.plan.segments.get(index).cloned() else {
            self.phase = self.begin_writing(self.plan.round_end)?;
            return Ok(0);
        };
        let size = segment.extent().size;
        let file = segment.open(&self.plan.disk, &self.plan.folder).during("open a segment to clean it")?;
        let mut reader = BatchReader::new(&file, segment.base_offset, size);
        let mut position = start;
        while let Some(batch) = reader.batch_at(position)? {
            if !self.remember(&segment, position, &batch)? {
                self.phase = self.begin_writing(self.map_end)?;
                return Ok(position - start);
            }
            position += batch.bytes().len() as u64;
            if position - start >= budget {
                self.phase = Phase::Collect { segment: index, position };
                return Ok(position - start);
            }
        }
        self.phase = Phase::Collect { segment: index + 1, position: 0 };
        Ok(position - start)
    }

    /// False when the map has no room for the batch.
    fn remember(&mut self, segment: &Segment<D>, at: u64, batch: &BatchView<'_>) -> Result<bool, StorageError> {
        let header = &batch.header;
        if header.last_offset() < self.plan.first_dirty {
            return Ok(true);
        }
        if header.attributes.is_control() {
            self.transactions.is_marker_of_nothing(batch);
        } else if !self.transactions.is_aborted(batch) {
            let count = usize::try_from(header.record_count).unwrap_or(0);
            // A single batch goes in whatever its size, or the job would never get on.
            if !self.map.has_room_for(count) && !self.map.is_empty() {
                return Ok(false);
            }
            let records =
                batch.records(&mut self.scratch, MOST_UNPACKED).map_err(|error| corrupt(segment, at, &error))?;
            for record in records {
                let record = record.map_err(|error| corrupt(segment, at, &error))?;
                if let Some(key) = record.key {
                    self.map.put(key, record.offset);
                }
            }
        }
        self.map_end = header.next_offset();
        Ok(true)
    }

    fn begin_writing(&mut self, map_end: Offset) -> Result<Phase<D>, StorageError> {
        self.map_end = map_end;
        self.plan.segments.retain(|segment| segment.base_offset < map_end);
        self.transactions = Transactions::new(aborted_in(&self.plan, 0)?);
        let filter = Filter {
            now: self.plan.now,
            delete_retention_ms: self.plan.delete_retention_ms,
            map_end,
            segment_end: Offset::NONE,
            last_of_producers: std::mem::take(&mut self.plan.last_of_producers),
        };
        let groups = group(&self.plan);
        let writing = Writing { filter, groups, group: 0, segment: 0, position: 0, output: None, finished: Vec::new() };
        Ok(Phase::Write(Box::new(writing)))
    }

    /// Second pass: every segment up to the end of the map anew.
    fn write(&mut self, mut writing: Box<Writing<D>>, budget: u64) -> Result<Progress<D>, StorageError> {
        let Some(&(first, end)) = writing.groups.get(writing.group) else {
            return Ok(Progress::Finished(Cleaned {
                segments: writing.finished,
                cleaned_up_to: self.map_end,
                disk: self.plan.disk.clone(),
                folder: self.plan.folder.clone(),
                map_percent: self.map.used_percent(),
            }));
        };
        let mut output = match writing.output.take() {
            Some(output) => output,
            None => {
                writing.filter.segment_end = self.plan.segments[end - 1].extent().next_offset;
                self.create_output(first, end)?
            }
        };
        if writing.segment == end {
            let aborted = std::mem::take(&mut self.transactions.kept);
            writing.finished.push(output.finish(&aborted)?);
            writing.group += 1;
            self.phase = Phase::Write(writing);
            return Ok(Progress::Used(0));
        }
        let segment = &self.plan.segments[writing.segment];
        let file = segment.open(&self.plan.disk, &self.plan.folder).during("open a segment to clean it")?;
        let mut reader = BatchReader::new(&file, segment.base_offset, segment.extent().size);
        let start = writing.position;
        loop {
            let Some(batch) = reader.batch_at(writing.position)? else {
                let used = writing.position - start;
                (writing.segment, writing.position) = (writing.segment + 1, 0);
                writing.output = Some(output);
                self.phase = Phase::Write(writing);
                return Ok(Progress::Used(used));
            };
            let left = writing.filter.apply(&batch, &self.map, &mut self.transactions, &mut self.scratch);
            match left.map_err(|error| corrupt(segment, writing.position, &error))? {
                Left::Nothing => {}
                Left::AsItWas => output.push(batch.bytes())?,
                Left::Less(bytes) => output.push(&bytes)?,
            }
            writing.position += batch.bytes().len() as u64;
            if writing.position - start >= budget {
                let used = writing.position - start;
                writing.output = Some(output);
                self.phase = Phase::Write(writing);
                return Ok(Progress::Used(used));
            }
        }
    }

    fn create_output(&self, first: usize, end: usize) -> Result<Output<D>, StorageError> {
        let replaced = &self.plan.segments[first..end];
        Output::create(&self.plan.disk, &self.plan.folder, replaced, self.plan.index_interval_bytes)
    }
}

enum Progress<D: Disk> {
    Used(u64),
    Finished(Cleaned<D>),
}

fn corrupt<D: Disk>(segment: &Segment<D>, position: u64, error: &BatchError) -> CorruptBatch {
    CorruptBatch { segment: segment.base_offset, position, reason: error.to_string() }
}

/// Neighbours that together still fit into one segment, so that compaction does not leave crumbs.
fn group<D: Disk>(plan: &Plan<D>) -> Vec<(usize, usize)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    let mut bytes = 0;
    for (index, segment) in plan.segments.iter().enumerate() {
        let extent = segment.extent();
        if let Some(last) = groups.last_mut()
            && bytes + extent.size <= plan.segment_bytes
            && extent.next_offset.0 - plan.segments[last.0].base_offset.0 <= i64::from(i32::MAX)
        {
            last.1 = index + 1;
            bytes += extent.size;
        } else {
            groups.push((index, index + 1));
            bytes = extent.size;
        }
    }
    groups
}

/// Aborted transactions whose markers lie in the plan's segments from `first` on.
fn aborted_in<D: Disk>(plan: &Plan<D>, first: usize) -> Result<Vec<AbortedEntry>, StorageError> {
    let mut aborted = Vec::new();
    for segment in plan.segments.get(first..).unwrap_or_default() {
        if segment.lock().has_transaction_index {
            let path = segment.path(&plan.folder, names::TRANSACTION_INDEX);
            match transaction_index::read(&plan.disk, &path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                entries => aborted.extend(entries.during("read a transaction index")?),
            }
        }
    }
    Ok(aborted)
}
