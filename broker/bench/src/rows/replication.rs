//! R1: what replication costs: three brokers on this machine, replication factor 3, `min.insync.replicas` 2, acks=all.
//! R2: a follower that was away catches up, beside producers by the clock.

use super::{BROKERS, Case, Need, Subject, produce::Produce};
use crate::{
    admin::Admin,
    figures::{BACK_IN_SYNC, CATCH_UP, CPU_PER_GB, CPU_PER_RECORD, Figures, P99_BEFORE, RECORDS, THROUGHPUT},
    frames::BatchShape,
    load::{Dialogue, Load, Pace, Plan},
    machine::{Work, warm_memory},
    measure::observe,
    systems::{self, Cluster},
};
use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use protocol::compression::Compression;
use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

const REPLICAS: usize = systems::NODES;
const ACKS_ALL: i16 = -1;
/// What an idempotent producer has under way at most.
const DEPTH: usize = 5;
const PRODUCERS: usize = 6;
const RATE: f64 = 2_000.0;
/// What the follower of R2 misses.
const BACKLOG: u64 = 512 << 20;
/// Latencies of R2 are looked at for so long before the follower goes.
const BEFORE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(5);

pub(super) fn cases() -> Vec<Case> {
    let batches = |bytes, value_size| BatchShape::filling(bytes, value_size, Compression::None);
    let closed = |shape, connections, depth| Produce {
        shape,
        acks: ACKS_ALL,
        connections,
        partitions: connections,
        depth,
        pace: Pace::Closed,
        synced: false,
    };
    let by_clock =
        Produce { pace: Pace::Open { per_second: RATE, first_ns: 0 }, ..closed(BatchShape::single(1_024), 1, 64) };
    let case = |name: &str, about: &str, produce: Produce| {
        Case::new(name, about, BROKERS, move |subject: &Subject| replicated(subject, &produce))
    };
    let cases = [
        case(
            "R1/16k",
            "3 replicas: 1 KB records, 16 a batch, 6 connections × 5",
            closed(batches(16 << 10, 1_000), PRODUCERS, DEPTH),
        ),
        case(
            "R1/1m",
            "3 replicas: 1 KB records, 900 a batch, 6 connections × 5",
            closed(batches(900_000, 1_000), PRODUCERS, DEPTH),
        ),
        case(
            "R1/one",
            "3 replicas: one 1 KiB record at a time on one connection",
            closed(BatchShape::single(1_024), 1, 1),
        ),
        case(
            "R1/five",
            "3 replicas: five 1 KiB records under way on one connection",
            closed(BatchShape::single(1_024), 1, DEPTH),
        ),
        case("R1/2000", "3 replicas: acknowledgement of 1 KiB records, 2,000 a second by the clock", by_clock),
        Case::new(
            "R2/follower",
            "a follower that missed 512 MiB catches up beside 2,000 records a second",
            BROKERS,
            move |subject: &Subject| subject.with_cluster(|cluster| catch_up(subject, cluster, &by_clock)),
        ),
    ];
    cases.into_iter().map(|case| case.needing(Need::OwnServer)).collect()
}

fn replicated(subject: &Subject, produce: &Produce) -> Result<Figures> {
    warm_memory(&subject.spare_folder, subject.window.most_bytes)?;
    subject.with_cluster(|cluster| {
        let topic = Topic::create(subject, cluster, produce.partitions)?;
        let by_clock = matches!(produce.pace, Pace::Open { .. });
        let loads = start(subject, cluster, produce, &topic.name, true)?;
        let pids = cluster.pids();
        let all: Vec<_> = pids.iter().chain(&subject.pids).copied().collect();
        let mut window = subject.window();
        if subject.warms_up() {
            // As many Java machines share the CPUs.
            window.warm *= REPLICAS as u32;
        }
        // Every byte is written three times.
        window.most_bytes /= REPLICAS as u64;
        let observed = observe(&loads.iter().collect::<Vec<_>>(), &pids, &all, window);
        let latency = stop(loads)?;
        let observed = observed?;
        topic.delete(cluster)?;
        let total = observed.total();
        let mut figures = Figures { others: observed.others, ..Figures::default() };
        figures.add(CPU_PER_RECORD, observed.cpu_us_per(total.records));
        if !by_clock {
            figures.add(RECORDS, observed.per_second(total.records));
            figures.add(THROUGHPUT, observed.per_second(total.bytes) / 1e6);
            figures.add(CPU_PER_GB, observed.cpu_us_per(total.bytes).map(|us| us * 1e3));
        }
        figures.add_latency(&latency);
        Ok(figures)
    })
}

fn catch_up(subject: &Subject, cluster: &mut Cluster, by_clock: &Produce) -> Result<Figures> {
    warm_memory(&subject.spare_folder, BACKLOG * REPLICAS as u64)?;
    let topic = Topic::create(subject, cluster, 1)?;
    let (leader, _) = Cluster::partitions(cluster.any()?, &topic.name)?[0];
    let follower = (1..=REPLICAS).find(|id| *id as i32 != leader).context("find a follower")?;

    let before = start(subject, cluster, by_clock, &topic.name, true)?;
    thread::sleep(BEFORE / 2);
    before.iter().for_each(|load| load.record(true));
    thread::sleep(BEFORE);
    let before = stop(before)?;

    cluster.kill(follower)?;
    let asked = cluster.another(follower)?;
    cluster.wait(asked, &topic.name, |_, isr| isr == 2)?;
    let shape = BatchShape::filling(900_000, 1_000, Compression::None);
    let fill = Produce { shape, depth: DEPTH, pace: Pace::Closed, ..*by_clock };
    let filling = start(subject, cluster, &fill, &topic.name, false)?;
    let began = Instant::now();
    while filling.iter().map(|load| load.progress().bytes).sum::<u64>() < BACKLOG {
        ensure!(filling.iter().all(Load::runs) && began.elapsed() < PATIENCE, "the backlog does not grow");
        thread::sleep(LOOK);
    }
    let missed: u64 = filling.iter().map(|load| load.progress().bytes).sum();
    stop(filling)?;

    let writing = start(subject, cluster, by_clock, &topic.name, true)?;
    let own: Vec<_> = cluster.pids().into_iter().chain(subject.pids.iter().copied()).collect();
    let work = Work::now(&own)?;
    writing.iter().for_each(|load| load.record(true));
    let began = Instant::now();
    cluster.restart(follower)?;
    let started = Instant::now();
    cluster.wait(asked, &topic.name, |_, isr| isr == REPLICAS)?;
    let in_sync = Instant::now();
    let during = stop(writing)?;
    // The follower was not there at the beginning.
    let its = cluster.cpu_time(follower)?.div_duration_f64(began.elapsed());
    let others = (Work::now(&own)?.of_others_since(&work) - its).max(0.0);
    topic.delete(cluster)?;

    let mut figures = Figures { others, ..Figures::default() };
    figures.add(BACK_IN_SYNC, (in_sync - began).as_secs_f64() * 1e3);
    figures.add(CATCH_UP, missed as f64 / 1e6 / (in_sync - started).as_secs_f64());
    figures.add(P99_BEFORE, before.value_at_quantile(0.99) as f64 / 1e6);
    figures.add_latency(&during);
    Ok(figures)
}

/// A topic of the cluster for one pass.
struct Topic {
    name: String,
}

impl Topic {
    fn create(subject: &Subject, cluster: &Cluster, partitions: usize) -> Result<Self> {
        let name = format!("replicated-{}", subject.next_topic());
        cluster.create_topic(&name, i32::try_from(partitions)?)?;
        cluster.wait_until_led(&name, partitions)?;
        Ok(Self { name })
    }

    fn delete(self, cluster: &Cluster) -> Result<()> {
        Admin::connect(cluster.any()?)?.delete_topic(&self.name)
    }
}

/// One load for each broker that leads.
fn start(subject: &Subject, cluster: &Cluster, produce: &Produce, topic: &str, latency: bool) -> Result<Vec<Load>> {
    let leaders = Cluster::partitions(cluster.any()?, topic)?;
    let mut by_leader: BTreeMap<usize, Vec<Box<dyn Dialogue>>> = BTreeMap::new();
    for connection in 0..produce.connections {
        let (leader, _) = leaders.get(connection % produce.partitions).context("a topic of fewer partitions")?;
        by_leader.entry(usize::try_from(*leader)?).or_default().push(produce.dialogue(
            subject.kind,
            topic,
            connection,
        )?);
    }
    let epoch = Instant::now();
    let load = |(leader, dialogues)| {
        let (address, depth, pace) = (cluster.address(leader), produce.depth, produce.pace);
        Load::start(Plan { address, dialogues, depth, pace, epoch, latency })
    };
    by_leader.into_iter().map(load).collect()
}

/// The latencies of all.
fn stop(loads: Vec<Load>) -> Result<Histogram<u64>> {
    let mut all = crate::load::histogram();
    for load in loads {
        all.add(load.stop()?).context("add up latencies")?;
    }
    Ok(all)
}
