//! M1: the same load over more and more partitions, one consumer of them all. M2: ten partitions that work, alone and
//! among ten thousand: what is idle must cost nothing.

use super::{BROKERS, Case, Need, Subject};
use crate::{
    admin::Admin,
    figures::{CPU_PER_RECORD, CPU_SHARE, DESCRIPTORS, Figures, RECORDS, RESIDENT},
    frames::{BatchShape, FetchSession, Producing, boxed, produce_to_all},
    load::{Dialogue, Load, Pace, Plan, Schedule},
    measure::observe,
    process::{descriptors, resident_kib},
};
use anyhow::Result;
use std::time::{Duration, Instant};

const TOPIC: &str = "partitions";
const RECORDS_PER_SECOND: f64 = 5_000.0;
const VALUE_SIZE: usize = 100;
const ACTIVE: i32 = 10;
const ACKS_ALL: i16 = -1;
/// The consumer's session is made before the first record.
const HEAD_START: Duration = Duration::from_millis(400);

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = [10, 100, 1_000, 10_000].into_iter().map(|n| case("M1", n, n)).collect();
    cases.extend([ACTIVE, 10_000].map(|n| case("M2", n, ACTIVE)));
    cases
}

fn case(row: &str, partitions: i32, active: i32) -> Case {
    let name = format!("{row}/{partitions}");
    let about = format!("{RECORDS_PER_SECOND} records a second to {active} of {partitions} partitions, one consumer");
    Case::new(name.clone(), about, BROKERS, move |subject: &Subject| measure(subject, &name, partitions, active))
        .needing(Need::OwnServer)
}

fn measure(subject: &Subject, case: &str, partitions: i32, active: i32) -> Result<Figures> {
    let batch = BatchShape::single(VALUE_SIZE).batch(0)?;
    // The first record of a partition makes its files; that is another cost than the next one's.
    let pid = subject.kept(case, |admin| {
        admin.create_topic(TOPIC, partitions, &[])?;
        produce_to_all(admin, TOPIC, active, &batch)
    })?;
    let address = subject.spare_address;
    let next = Admin::connect(address)?.end_offsets(TOPIC, partitions)?;
    let first_ns = HEAD_START.as_nanos() as u64;
    let schedule = Schedule::new(RECORDS_PER_SECOND, first_ns);
    let base = next.clone();
    // Records come in turn: this one was in round `offset - base` at its partition.
    let due = Box::new(move |(partition, offset): (usize, i64)| {
        let round = (offset - base[partition]).cast_unsigned();
        schedule.time(round * u64::from(active.unsigned_abs()) + partition as u64)
    });
    let epoch = Instant::now();
    let load = |dialogue: Box<dyn Dialogue>, depth, pace, latency| {
        Load::start(Plan { address, dialogues: vec![dialogue], depth, pace, epoch, latency })
    };
    let reading = load(boxed(FetchSession::new(TOPIC, next, due)?), 1, Pace::Closed, true)?;
    let producing = Producing::in_turn(TOPIC, active, ACKS_ALL, &batch, VALUE_SIZE as u64)?;
    let pace = Pace::Open { per_second: RECORDS_PER_SECOND, first_ns };
    let writing = load(boxed(producing), 64, pace, false)?;
    let pids: Vec<_> = subject.pids.iter().copied().chain([pid]).collect();
    let observed = observe(&[&reading, &writing], &[pid], &pids, subject.window());
    writing.stop()?;
    let latency = reading.stop()?;
    let observed = observed?;
    let delivered = observed.progress[0].records;
    let mut figures = Figures { others: observed.others, ..Figures::default() };
    figures.add(CPU_PER_RECORD, observed.cpu_us_per(delivered));
    figures.add(CPU_SHARE, observed.cpu.map(|cpu| cpu.div_duration_f64(observed.time) * 100.0));
    figures.add(RECORDS, observed.per_second(delivered));
    figures.add(RESIDENT, resident_kib(pid)? as f64 / 1024.0);
    figures.add(DESCRIPTORS, descriptors(pid)? as f64);
    figures.add_latency(&latency);
    Ok(figures)
}
