//! C0: reading what is in the page cache, as fast as it goes. C1: readers at the tail of a log that is written by the
//! clock.

use super::{ALL, BROKERS, Case, Subject, Topic, produce::Produce};
use crate::{
    figures::{CPU_PER_RECORD, Figures, RECORDS, THROUGHPUT},
    frames::{AtEnd, BatchShape, Fetching, FloorDialogue, MAX_PARTITION_BYTES, boxed},
    load::{Dialogue, Load, Pace, Plan, Schedule},
    measure::observe,
    systems::Kind,
};
use anyhow::{Result, ensure};
use protocol::compression::Compression;
use std::{
    thread,
    time::{Duration, Instant},
};

const READERS: usize = 2;
/// More than any cache of a processor, far less than memory.
const LOG_BYTES: u64 = 512 << 20;
const BATCH_BYTES: usize = 16 << 10;
const LOOK: Duration = Duration::from_millis(5);
/// Readers are there before the first record.
const HEAD_START: Duration = Duration::from_millis(200);
const TAIL_RECORDS_PER_SECOND: f64 = 2_000.0;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value_size) in [("100", 100), ("1k", 1_024)] {
        let about = format!("read records of {value_size} B from the page cache, {READERS} connections");
        cases.push(Case::new(format!("C0/{name}"), about, ALL, move |subject: &Subject| cached(subject, value_size)));
    }
    for readers in [1, 4, 16] {
        let about = format!("1 KiB records, {TAIL_RECORDS_PER_SECOND} a second, to {readers} readers each at the tail");
        cases.push(Case::new(format!("C1/{readers}"), about, BROKERS, move |subject: &Subject| tail(subject, readers)));
    }
    cases
}

fn cached(subject: &Subject, value_size: usize) -> Result<Figures> {
    let topic = Topic::create(subject, 1, &[])?;
    let shape = BatchShape::filling(BATCH_BYTES, value_size, Compression::None);
    fill(subject, &topic.name, shape, LOG_BYTES)?;
    let batch_size = shape.batch(0)?.len();
    let dialogues = (0..READERS).map(|_| reader(subject.kind, &topic.name, shape, batch_size));
    let load = Load::start(Plan {
        address: subject.address,
        dialogues: dialogues.collect::<Result<_>>()?,
        depth: 1,
        pace: Pace::Closed,
        epoch: Instant::now(),
        latency: false,
    })?;
    let mut window = subject.window();
    // Nothing is written: there is no need to end early.
    window.most_bytes = u64::MAX;
    let observed = observe(&[&load], subject.pid.as_slice(), &subject.pids, window);
    load.stop()?;
    let observed = observed?;
    topic.delete()?;
    let total = observed.total();
    let mut figures = Figures { others: observed.others, ..Figures::default() };
    figures.add(CPU_PER_RECORD, observed.cpu_us_per(total.records));
    figures.add(RECORDS, observed.per_second(total.records));
    figures.add(THROUGHPUT, observed.per_second(total.bytes) / 1e6);
    Ok(figures)
}

/// Leaves at least `bytes` of values in the one partition of a topic.
pub(super) fn fill(subject: &Subject, topic: &str, shape: BatchShape, bytes: u64) -> Result<()> {
    let produce =
        Produce { shape, acks: 1, connections: 1, partitions: 1, depth: 4, pace: Pace::Closed, synced: false };
    let load = produce.start(subject, topic, Instant::now(), false)?;
    while load.progress().bytes < bytes && load.runs() {
        thread::sleep(LOOK);
    }
    load.stop().map(drop)
}

fn reader(kind: Kind, topic: &str, shape: BatchShape, batch_size: usize) -> Result<Box<dyn Dialogue>> {
    let mut fetching = Fetching::new(topic, 0, 0, AtEnd::StartAgain, None)?;
    if kind != Kind::Floor {
        return Ok(boxed(fetching));
    }
    // As large a request, and as large an answer as a broker may give, of whole batches.
    let request_size = fetching.request(0).len();
    let batches = MAX_PARTITION_BYTES as usize / batch_size;
    ensure!(batches > 0, "a batch is larger than an answer");
    let size = u32::try_from(batches * batch_size)?;
    Ok(boxed(FloorDialogue::read(size, request_size, (batches * shape.records) as u64)))
}

fn tail(subject: &Subject, readers: usize) -> Result<Figures> {
    let topic = Topic::create(subject, 1, &[])?;
    let epoch = Instant::now();
    let first_ns = HEAD_START.as_nanos() as u64;
    let schedule = Schedule::new(TAIL_RECORDS_PER_SECOND, first_ns);
    let reader = || {
        let schedule = schedule.clone();
        // One record a request, on one connection: the offset is the number of the request.
        let due = Box::new(move |offset: i64| schedule.time(offset.cast_unsigned()));
        Ok(boxed(Fetching::new(&topic.name, 0, 0, AtEnd::Wait, Some(due))?))
    };
    let reading = Load::start(Plan {
        address: subject.address,
        dialogues: (0..readers).map(|_| reader()).collect::<Result<_>>()?,
        depth: 1,
        pace: Pace::Closed,
        epoch,
        latency: true,
    })?;
    let pace = Pace::Open { per_second: TAIL_RECORDS_PER_SECOND, first_ns };
    let shape = BatchShape::single(1_024);
    let produce = Produce { shape, acks: -1, connections: 1, partitions: 1, depth: 64, pace, synced: false };
    let writing = produce.start(subject, &topic.name, epoch, false)?;
    let observed = observe(&[&reading, &writing], subject.pid.as_slice(), &subject.pids, subject.window());
    writing.stop()?;
    let latency = reading.stop()?;
    let observed = observed?;
    topic.delete()?;
    let delivered = observed.progress[0].records;
    let mut figures = Figures { others: observed.others, ..Figures::default() };
    figures.add(CPU_PER_RECORD, observed.cpu_us_per(delivered));
    figures.add(RECORDS, observed.per_second(delivered));
    figures.add_latency(&latency);
    Ok(figures)
}
