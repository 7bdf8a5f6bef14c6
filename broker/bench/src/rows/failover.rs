//! R3: three brokers, replication factor 3, `min.insync.replicas` 2. A broker is killed, started again, and stopped in order
//! while a producer writes at a fixed rate; how long partitions could not be written to, as that producer saw it.

mod acknowledged;
mod java;
#[cfg(feature = "librdkafka")]
mod librdkafka;

use super::{BROKERS, Case, Need, Subject};
use crate::{
    admin::Admin,
    figures::{
        BACK_IN_SYNC, FAILED, Figures, GAP_OF_ITS, GAP_OF_OTHERS, MOST_GAP_OF_ITS, MOST_NEW_LEADERS, NEW_LEADERS,
        STOP_GAP, Spread,
    },
    systems::{self, Cluster, Kind},
};
use acknowledged::Acknowledged;
use anyhow::{Context, Result, ensure};
use std::{
    any::Any,
    collections::BTreeSet,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 12;
const MANY_PARTITIONS: i32 = 1_000;
const RECORDS_PER_SECOND: u32 = 1_000;
/// Many more than partitions, so that each gets some by hash.
const KEYS: u32 = 120;
/// A producer that has written for so long knows all brokers.
const STEADY: Duration = Duration::from_secs(3);
/// By then a client is back at a broker that it could not reach for seconds: librdkafka tries at least every ten.
const RECONNECTED: Duration = Duration::from_secs(11);
/// For percentiles. Of ours alone: Kafka takes half a minute each.
const KILLS: usize = 20;
/// Kafka looks every five minutes by itself whether leaders are where they are preferred.
const HANDED_BACK: Duration = Duration::from_secs(330);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What the slowest of the clients and systems takes to write on.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn cases() -> Vec<Case> {
    let about = |who| format!("a broker of three is killed and stopped under {who} of 1,000 records/s");
    let mut cases = vec![
        Case::new("R3/java", about("Java's producer"), BROKERS, |subject: &Subject| {
            under(subject, java, kill_and_stop)
        })
        .needing(Need::KafkaJars),
    ];
    #[cfg(feature = "librdkafka")]
    cases.push(
        Case::new("R3/librdkafka", about("librdkafka's producer"), BROKERS, |subject: &Subject| {
            under(subject, librdkafka, kill_and_stop)
        })
        .needing(Need::Librdkafka),
    );
    let about = "a broker of three is killed that has replicas of 1,000 partitions";
    cases.push(Case::new("R3/1000", about, BROKERS, many).needing(Need::OwnServer));
    let about = format!("{KILLS} kills, one broker after the other, under Java's producer of 1,000 records/s");
    let often = |subject: &Subject| under(subject, java, kill_often);
    cases.push(Case::new("R3/often", about, &[Kind::Ours], often).needing(Need::KafkaJars));
    cases
}

/// Something that writes until it is dropped.
type Writing = Box<dyn Any>;
type Write = fn(&str, &str, Arc<Acknowledged>) -> Result<Writing>;

fn java(bootstrap: &str, topic: &str, acknowledged: Arc<Acknowledged>) -> Result<Writing> {
    Ok(Box::new(java::Writer::start(bootstrap, topic, acknowledged)?))
}

#[cfg(feature = "librdkafka")]
fn librdkafka(bootstrap: &str, topic: &str, acknowledged: Arc<Acknowledged>) -> Result<Writing> {
    Ok(Box::new(librdkafka::Writer::start(bootstrap, topic, acknowledged)?))
}

/// On one cluster for all passes: the first one warms it up.
fn under(subject: &Subject, write: Write, measure: fn(&mut Watched<'_>) -> Result<Figures>) -> Result<Figures> {
    subject.with_cluster(|cluster| {
        let topic = format!("failover-{}", subject.next_topic());
        cluster.create_topic(&topic, PARTITIONS)?;
        let acknowledged = Arc::new(Acknowledged::default());
        let writing = write(&cluster.bootstrap(), &topic, Arc::clone(&acknowledged))?;
        acknowledged.all_written_to(PATIENCE)?;
        thread::sleep(STEADY);
        let mut figures = measure(&mut Watched { cluster, topic: &topic, acknowledged: &acknowledged })?;
        figures.add(FAILED, acknowledged.failed() as f64);
        drop(writing);
        Admin::connect(cluster.any()?)?.delete_topic(&topic)?;
        Ok(figures)
    })
}

fn many(subject: &Subject) -> Result<Figures> {
    let mut cluster = subject.new_cluster()?;
    let (topic, victim) = ("many", 1);
    cluster.create_topic(topic, MANY_PARTITIONS)?;
    thread::sleep(STEADY);
    let asked = cluster.another(victim)?;
    cluster.kill(victim)?;
    let new_leaders = cluster.wait(asked, topic, |leader, _| leader > 0 && leader != victim as i32)?;
    let mut figures = Figures::default();
    figures.add(NEW_LEADERS, new_leaders.as_secs_f64() * 1e3);
    figures.add(BACK_IN_SYNC, back_in_sync(&mut cluster, topic, victim)?.as_secs_f64() * 1e3);
    Ok(figures)
}

/// From the start of the process.
fn back_in_sync(cluster: &mut Cluster, topic: &str, broker: usize) -> Result<Duration> {
    let began = Instant::now();
    cluster.restart(broker)?;
    cluster.wait(cluster.another(broker)?, topic, |_, isr| isr == 3)?;
    Ok(began.elapsed())
}

/// A cluster, and what a producer was told by it.
struct Watched<'a> {
    cluster: &'a mut Cluster,
    topic: &'a str,
    acknowledged: &'a Acknowledged,
}

/// How long it took until all was well without the broker, and with it again.
struct Absence {
    new_leaders: Duration,
    gap_of_its: Option<Duration>,
    gap_of_others: Option<Duration>,
    back_in_sync: Duration,
}

fn kill_and_stop(watched: &mut Watched<'_>) -> Result<Figures> {
    let mut figures = Figures::default();
    let kill = watched.without(1, Cluster::kill)?;
    figures.add(NEW_LEADERS, ms(kill.new_leaders));
    figures.add(GAP_OF_ITS, kill.gap_of_its.map(ms));
    figures.add(GAP_OF_OTHERS, kill.gap_of_others.map(ms));
    figures.add(BACK_IN_SYNC, ms(kill.back_in_sync));
    thread::sleep(RECONNECTED);
    figures.add(STOP_GAP, watched.without(2, Cluster::stop)?.gap_of_its.map(ms));
    Ok(figures)
}

/// Each broker in turn.
fn kill_often(watched: &mut Watched<'_>) -> Result<Figures> {
    let kills =
        (0..KILLS).map(|n| watched.without(1 + n % systems::NODES, Cluster::kill)).collect::<Result<Vec<_>>>()?;
    let spread = |of: fn(&Absence) -> Option<Duration>| {
        Spread::of(&kills.iter().filter_map(of).map(ms).collect::<Vec<_>>()).context("nothing was measured")
    };
    let (new_leaders, gap_of_its) = (spread(|kill| Some(kill.new_leaders))?, spread(|kill| kill.gap_of_its)?);
    let (gap_of_others, back) = (spread(|kill| kill.gap_of_others)?, spread(|kill| Some(kill.back_in_sync))?);
    let mut figures = Figures::default();
    figures.add(NEW_LEADERS, new_leaders.median);
    figures.add(MOST_NEW_LEADERS, new_leaders.most);
    figures.add(GAP_OF_ITS, gap_of_its.median);
    figures.add(MOST_GAP_OF_ITS, gap_of_its.most);
    figures.add(GAP_OF_OTHERS, gap_of_others.median);
    figures.add(BACK_IN_SYNC, back.median);
    Ok(figures)
}

impl Watched<'_> {
    /// The broker goes that way; it is up again, and in sync, when this ends.
    fn without(&mut self, broker: usize, go: fn(&mut Cluster, usize) -> Result<()>) -> Result<Absence> {
        let its = self.wait_until_it_leads(broker)?;
        let asked = self.cluster.another(broker)?;
        self.acknowledged.begin();
        go(self.cluster, broker)?;
        let new_leaders = self.cluster.wait(asked, self.topic, |leader, _| leader > 0 && leader != broker as i32)?;
        self.acknowledged.all_written_to(PATIENCE)?;
        thread::sleep(STEADY);
        let (gap_of_its, gap_of_others) = self.acknowledged.longest_gaps(&its);
        let back_in_sync = back_in_sync(self.cluster, self.topic, broker)?;
        Ok(Absence { new_leaders, gap_of_its, gap_of_others, back_in_sync })
    }

    /// What it leads; leaders are handed back some time after a broker is back.
    fn wait_until_it_leads(&self, broker: usize) -> Result<BTreeSet<i32>> {
        let began = Instant::now();
        let is_its = |(partition, (leader, _)): (i32, (i32, usize))| (leader == broker as i32).then_some(partition);
        loop {
            let told = Cluster::partitions(self.cluster.any()?, self.topic)?;
            let led: BTreeSet<_> = (0..).zip(told).filter_map(is_its).collect();
            if !led.is_empty() {
                return Ok(led);
            }
            ensure!(began.elapsed() < HANDED_BACK, "broker {broker} leads nothing");
            thread::sleep(LOOK_AGAIN);
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
