//! C2: producers at a given rate, alone and beside a reader that goes through gigabytes the page cache no longer holds.

use super::{BROKERS, Case, Need, Subject, Topic, consume, produce::Produce};
use crate::{
    figures::{BACKFILL, CPU_SHARE, Figures, THROUGHPUT},
    frames::{AtEnd, BatchShape, Fetching, boxed},
    load::{Load, Pace, Plan},
    machine::forget_cached,
    measure::observe,
};
use anyhow::{Context, Result};
use protocol::compression::Compression;
use std::time::Instant;

/// More than a window reads; the twenty gigabytes of a real backfill would not fit every machine.
const LOG_BYTES: u64 = 4 << 30;
const REQUESTS_PER_SECOND: f64 = 3_000.0;
const BATCH_BYTES: usize = 16 << 10;
const VALUE_SIZE: usize = 100;
const PRODUCERS: usize = 4;

pub(super) fn cases() -> Vec<Case> {
    let about = |how| format!("batches of 16 KB, {REQUESTS_PER_SECOND} a second by the clock, {how}");
    vec![
        Case::new("C2/alone", about("nobody else"), BROKERS, |subject: &Subject| measure(subject, false)),
        Case::new("C2/beside", about("a reader of a cold log beside"), BROKERS, |subject: &Subject| {
            measure(subject, true)
        })
        .needing(Need::OwnServer),
    ]
}

fn measure(subject: &Subject, beside: bool) -> Result<Figures> {
    let shape = BatchShape::filling(BATCH_BYTES, VALUE_SIZE, Compression::None);
    let old = beside.then(|| cold_log(subject, shape)).transpose()?;
    let topic = Topic::create(subject, i32::try_from(PRODUCERS)?, &[])?;
    let pace = Pace::Open { per_second: REQUESTS_PER_SECOND, first_ns: 0 };
    let produce =
        Produce { shape, acks: -1, connections: PRODUCERS, partitions: PRODUCERS, depth: 64, pace, synced: false };
    let epoch = Instant::now();
    let writing = produce.start(subject, &topic.name, epoch, true)?;
    let reading = old.as_ref().map(|old| backfill(subject, &old.name, epoch)).transpose()?;
    let loads: Vec<_> = [Some(&writing), reading.as_ref()].into_iter().flatten().collect();
    let mut window = subject.window();
    // Ends by the clock: the reader's bytes do not stay.
    window.most_bytes = u64::MAX;
    let observed = observe(&loads, subject.pid.as_slice(), &subject.pids, window);
    reading.map(Load::stop).transpose()?;
    let latency = writing.stop()?;
    let observed = observed?;
    topic.delete()?;
    old.map(Topic::delete).transpose()?;
    let mut figures = Figures { others: observed.others, ..Figures::default() };
    figures.add(CPU_SHARE, observed.cpu.map(|cpu| cpu.div_duration_f64(observed.time) * 100.0));
    figures.add(THROUGHPUT, observed.per_second(observed.progress[0].bytes) / 1e6);
    figures.add(BACKFILL, observed.progress.get(1).map(|read| observed.per_second(read.bytes) / 1e6));
    figures.add_latency(&latency);
    Ok(figures)
}

/// A topic whose bytes are on the device only.
fn cold_log<'a>(subject: &'a Subject, shape: BatchShape) -> Result<Topic<'a>> {
    let folder = subject.folder.as_ref().context("the log of a broker that somebody else runs stays warm")?;
    let topic = Topic::create(subject, 1, &[])?;
    consume::fill(subject, &topic.name, shape, LOG_BYTES)?;
    forget_cached(folder)?;
    Ok(topic)
}

fn backfill(subject: &Subject, topic: &str, epoch: Instant) -> Result<Load> {
    Load::start(Plan {
        address: subject.address,
        dialogues: vec![boxed(Fetching::new(topic, 0, 0, AtEnd::StartAgain, None)?)],
        depth: 1,
        pace: Pace::Closed,
        epoch,
        latency: false,
    })
}
