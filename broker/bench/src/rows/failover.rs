//! R3: three brokers, replication factor 3, `min.insync.replicas` 2. A broker is killed, started again, and stopped in order
//! while a producer writes at a fixed rate; how long partitions could not be written to, as that producer saw it.

mod acknowledged;
mod java;
#[cfg(feature = "librdkafka")]
mod librdkafka;

use super::{BROKERS, Case, Need, Subject};
use crate::{
    figures::{BACK_IN_SYNC, Figures, GAP_OF_ITS, GAP_OF_OTHERS, NEW_LEADERS, STOP_GAP},
    systems::Cluster,
};
use acknowledged::Acknowledged;
use anyhow::{Result, ensure};
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
/// What the slowest of the clients and systems takes to write on.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn cases() -> Vec<Case> {
    let about = |who| format!("a broker of three is killed and stopped under {who} of 1,000 records/s");
    let mut cases = vec![
        Case::new("R3/java", about("Java's producer"), BROKERS, |subject: &Subject| {
            under(subject, |bootstrap, topic, acknowledged| {
                Ok(Box::new(java::Writer::start(bootstrap, topic, acknowledged)?))
            })
        })
        .needing(Need::KafkaJars),
    ];
    #[cfg(feature = "librdkafka")]
    cases.push(
        Case::new("R3/librdkafka", about("librdkafka's producer"), BROKERS, |subject: &Subject| {
            under(subject, |bootstrap, topic, acknowledged| {
                Ok(Box::new(librdkafka::Writer::start(bootstrap, topic, acknowledged)?))
            })
        })
        .needing(Need::Librdkafka),
    );
    let about = "a broker of three is killed that has replicas of 1,000 partitions";
    cases.push(Case::new("R3/1000", about, BROKERS, many).needing(Need::OwnServer));
    cases
}

/// Something that writes until it is dropped.
type Writing = Box<dyn Any>;

fn under(subject: &Subject, write: impl FnOnce(&str, &str, Arc<Acknowledged>) -> Result<Writing>) -> Result<Figures> {
    let mut cluster = subject.new_cluster()?;
    let topic = "failover";
    cluster.create_topic(topic, PARTITIONS)?;
    let acknowledged = Arc::new(Acknowledged::default());
    let writing = write(&cluster.bootstrap(), topic, Arc::clone(&acknowledged))?;
    let figures = measure(&mut cluster, topic, &acknowledged);
    drop(writing);
    figures
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

fn measure(cluster: &mut Cluster, topic: &str, acknowledged: &Acknowledged) -> Result<Figures> {
    let mut figures = Figures::default();
    let victim = 1;
    let asked = cluster.another(victim)?;
    acknowledged.all_written_to(PATIENCE)?;
    thread::sleep(STEADY);
    let its = led_by(cluster, topic, victim)?;

    acknowledged.begin();
    cluster.kill(victim)?;
    let new_leaders = cluster.wait(asked, topic, |leader, _| leader > 0 && leader != victim as i32)?;
    acknowledged.all_written_to(PATIENCE)?;
    thread::sleep(STEADY);
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    figures.add(NEW_LEADERS, ms(new_leaders));
    let (of_its, of_others) = acknowledged.longest_gaps(&its);
    figures.add(GAP_OF_ITS, of_its.map(ms));
    figures.add(GAP_OF_OTHERS, of_others.map(ms));

    figures.add(BACK_IN_SYNC, ms(back_in_sync(cluster, topic, victim)?));

    let other = 2;
    let asked = cluster.another(other)?;
    thread::sleep(RECONNECTED);
    let its = led_by(cluster, topic, other)?;
    acknowledged.begin();
    cluster.stop(other)?;
    acknowledged.all_written_to(PATIENCE)?;
    thread::sleep(STEADY);
    figures.add(STOP_GAP, acknowledged.longest_gaps(&its).0.map(ms));
    cluster.wait(asked, topic, |leader, _| leader > 0 && leader != other as i32)?;
    Ok(figures)
}

fn led_by(cluster: &Cluster, topic: &str, broker: usize) -> Result<BTreeSet<i32>> {
    let told = Cluster::partitions(cluster.any()?, topic)?;
    let led = (0..).zip(told).filter(|(_, (leader, _))| *leader == broker as i32).map(|(partition, _)| partition);
    let led: BTreeSet<i32> = led.collect();
    ensure!(!led.is_empty(), "broker {broker} leads nothing");
    Ok(led)
}
