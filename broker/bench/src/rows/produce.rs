//! P1 to P4: batches of messages from 100 B to 100 KB. P5: one record per request. A1: time to the acknowledgement
//! at a given rate. F1: records that are on the device when they are acknowledged.

use super::{ALL, Case, Subject, Topic};
use crate::{
    figures::{CPU_PER_RECORD, CPU_PER_REQUEST, Figures, RECORDS, REQUESTS, THROUGHPUT},
    frames::{BatchShape, FloorDialogue, Producing, boxed, produce_frame},
    load::{Dialogue, Load, Pace, Plan},
    machine::warm_memory,
    measure::observe,
    systems::Kind,
};
use anyhow::Result;
use protocol::compression::Compression;
use std::time::Instant;

const ACKS_ALL: i16 = -1;
/// Five is what an idempotent producer has under way at most.
const DEPTH: usize = 5;
const PRODUCERS: usize = 4;
/// Messages come from so many partitions at most, however many connections there are.
const SINGLE_PARTITIONS: usize = 16;
const SYNCED_PARTITIONS: [usize; 3] = [1, 16, 64];
/// Of a topic whose acknowledgements wait for the device.
const SYNCED: &[(&str, &str)] = &[("flush.messages", "1")];

#[derive(Debug, Clone, Copy)]
pub(crate) struct Produce {
    pub(crate) shape: BatchShape,
    pub(crate) acks: i16,
    pub(crate) connections: usize,
    pub(crate) partitions: usize,
    pub(crate) depth: usize,
    pub(crate) pace: Pace,
    /// An acknowledgement waits for the device.
    pub(crate) synced: bool,
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = single_record_cases();
    for (row, name, value_size) in
        [("P1", "100 B", 100), ("P2", "1 KB", 1_000), ("P3", "10 KB", 10_000), ("P4", "100 KB", 100_000)]
    {
        for (batch, bytes, acks, compression) in [
            ("16k", 16 << 10, ACKS_ALL, Compression::None),
            ("1m", 900_000, ACKS_ALL, Compression::None),
            ("16k-acks1", 16 << 10, 1, Compression::None),
            ("16k-lz4", 16 << 10, ACKS_ALL, Compression::Lz4),
            ("16k-zstd", 16 << 10, ACKS_ALL, Compression::Zstd),
        ] {
            let shape = BatchShape::filling(bytes, value_size, compression);
            let produce = Produce {
                shape,
                acks,
                connections: PRODUCERS,
                partitions: PRODUCERS,
                depth: DEPTH,
                pace: Pace::Closed,
                synced: false,
            };
            let about = format!("produce {name}, {} a batch, {PRODUCERS} connections × {DEPTH}", shape.records);
            cases.push(case(format!("{row}/{batch}"), about, produce, Report::Batches));
        }
    }
    cases
}

fn single_record_cases() -> Vec<Case> {
    let single = |connections, depth, value_size, pace| Produce {
        shape: BatchShape::single(value_size),
        acks: ACKS_ALL,
        connections,
        partitions: connections.min(SINGLE_PARTITIONS),
        depth,
        pace,
        synced: false,
    };
    let mut cases: Vec<_> = [1, 16, 256, 4_096]
        .into_iter()
        .map(|connections| {
            let about = format!("one 100 B record per request, {connections} connections");
            let produce = single(connections, 1, 100, Pace::Closed);
            case(format!("P5/{connections}"), about, produce, Report::Requests)
        })
        .collect();
    let pace = Pace::Open { per_second: 2_000.0, first_ns: 0 };
    let about = "acknowledgement of 1 KiB records, 2,000 a second by the clock".into();
    cases.push(case("A1/2000".into(), about, single(1, 64, 1_024, pace), Report::Latency));
    for partitions in SYNCED_PARTITIONS {
        let about = format!("1 KiB records, each synced before it is acknowledged, {partitions} partitions");
        let produce = Produce { partitions, synced: true, ..single(partitions, 1, 1_024, Pace::Closed) };
        cases.push(case(format!("F1/{partitions}"), about, produce, Report::Requests));
    }
    cases
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    Requests,
    Batches,
    Latency,
}

fn case(name: String, about: String, produce: Produce, report: Report) -> Case {
    Case::new(name, about, ALL, move |subject: &Subject| produce.measure(subject, report))
}

impl Produce {
    pub(crate) fn start(&self, subject: &Subject, topic: &str, epoch: Instant, latency: bool) -> Result<Load> {
        let dialogues = (0..self.connections).map(|n| self.dialogue(subject.kind, topic, n)).collect::<Result<_>>()?;
        Load::start(Plan { address: subject.address, dialogues, depth: self.depth, pace: self.pace, epoch, latency })
    }

    pub(super) fn dialogue(&self, kind: Kind, topic: &str, connection: usize) -> Result<Box<dyn Dialogue>> {
        let partition = i32::try_from(connection % self.partitions)?;
        let batch = self.shape.batch(connection as u64)?;
        let frame = produce_frame(topic, partition, self.acks, &batch)?;
        let (records, bytes) = (self.shape.records as u64, self.shape.value_bytes());
        Ok(match kind {
            Kind::Floor if self.synced => boxed(FloorDialogue::append(frame, records, bytes).synced()),
            Kind::Floor => boxed(FloorDialogue::append(frame, records, bytes)),
            Kind::Ours | Kind::Kafka => boxed(Producing::new(frame, records, bytes)),
        })
    }

    fn measure(&self, subject: &Subject, report: Report) -> Result<Figures> {
        if report == Report::Batches {
            warm_memory(&subject.spare_folder, subject.window.most_bytes)?;
        }
        let topic = Topic::create(subject, i32::try_from(self.partitions)?, if self.synced { SYNCED } else { &[] })?;
        let load = self.start(subject, &topic.name, Instant::now(), report == Report::Latency)?;
        let observed = observe(&[&load], subject.pid.as_slice(), &subject.pids, subject.window());
        // The load knows better why it ended.
        let latency = load.stop()?;
        let observed = observed?;
        topic.delete()?;
        let total = observed.total();
        let mut figures = Figures { others: observed.others, ..Figures::default() };
        if report == Report::Batches {
            figures.add(CPU_PER_RECORD, observed.cpu_us_per(total.records));
            figures.add(RECORDS, observed.per_second(total.records));
            figures.add(THROUGHPUT, observed.per_second(total.bytes) / 1e6);
        } else {
            figures.add(CPU_PER_REQUEST, observed.cpu_us_per(total.answers));
            figures.add(REQUESTS, observed.per_second(total.answers));
        }
        figures.add_latency(&latency);
        Ok(figures)
    }
}
