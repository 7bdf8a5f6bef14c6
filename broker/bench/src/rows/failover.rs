//! R3: three brokers, replication factor 3, `min.insync.replicas` 2. A broker is killed, started again, and stopped in order
//! while a producer writes at a fixed rate; how long partitions could not be written to, as that producer saw it.

use super::{BROKERS, Case, Need, Subject};
use crate::{
    admin::Admin,
    figures::{BACK_IN_SYNC, Figures, GAP_OF_ITS, GAP_OF_OTHERS, NEW_LEADERS, STOP_GAP},
    systems::{self, Cluster},
};
use anyhow::{Context, Result, ensure};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Above the ports of all single brokers.
const CLUSTER_PORTS: u16 = 300;
const PARTITIONS: i32 = 12;
const RATE: &str = "1000";
/// Many more than partitions, so that each gets some by hash.
const KEYS: &str = "120";
/// A producer that has written for so long knows all brokers.
const STEADY: Duration = Duration::from_secs(3);
/// What the slowest of the clients and systems takes to write on.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

pub(super) fn cases() -> Vec<Case> {
    let about = "a broker of three is killed and stopped under a Java producer of 1,000 records/s";
    vec![Case::new("R3/java", about, BROKERS, java).needing(Need::KafkaJars)]
}

fn java(subject: &Subject) -> Result<Figures> {
    let folder = subject.spare_folder.join("cluster");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let base = SocketAddr::new(subject.spare_address.ip(), subject.spare_address.port() + CLUSTER_PORTS);
    let mut cluster = Cluster::start(subject.program()?, base, &folder)?;
    let topic = "failover";
    let first = cluster.another(0)?;
    Admin::connect(first)?.create_replicated_topic(topic, PARTITIONS, 3, &[("min.insync.replicas", "2")])?;
    cluster.wait(first, topic, |leader, isr| leader > 0 && isr == 3)?;
    let writer = JavaWriter::start(&cluster.bootstrap(), topic)?;
    let figures = measure(&mut cluster, topic, &writer.acknowledged);
    drop(writer);
    drop(cluster);
    fs::remove_dir_all(&folder)?;
    figures
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

    cluster.restart(victim)?;
    figures.add(BACK_IN_SYNC, ms(cluster.wait(asked, topic, |_, isr| isr == 3)?));

    // Until another broker leads what it led, a stop would cost nothing.
    let other = 2;
    let asked = cluster.another(other)?;
    thread::sleep(STEADY);
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
    let told = Cluster::partitions(cluster.another(0)?, topic)?;
    let led = (0..).zip(told).filter(|(_, (leader, _))| *leader == broker as i32).map(|(partition, _)| partition);
    let led: BTreeSet<i32> = led.collect();
    ensure!(!led.is_empty(), "broker {broker} leads nothing");
    Ok(led)
}

/// When each partition's writes were acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    partitions: Mutex<BTreeMap<i32, Gaps>>,
}

#[derive(Debug)]
struct Gaps {
    last: Instant,
    longest: Duration,
    since_begin: u64,
}

impl Acknowledged {
    fn note(&self, partition: i32) {
        let now = Instant::now();
        let mut partitions = self.partitions.lock();
        let gaps = partitions.entry(partition).or_insert(Gaps { last: now, longest: Duration::ZERO, since_begin: 0 });
        gaps.longest = gaps.longest.max(now - gaps.last);
        gaps.last = now;
        gaps.since_begin += 1;
    }

    /// Gaps count from now on.
    fn begin(&self) {
        let now = Instant::now();
        for gaps in self.partitions.lock().values_mut() {
            *gaps = Gaps { last: now, longest: Duration::ZERO, since_begin: 0 };
        }
    }

    fn all_written_to(&self, patience: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let partitions = self.partitions.lock();
            let written = partitions.values().filter(|gaps| gaps.since_begin > 0).count();
            if written == PARTITIONS as usize {
                return Ok(());
            }
            drop(partitions);
            ensure!(began.elapsed() < patience, "only {written} of {PARTITIONS} partitions are written to");
            thread::sleep(LOOK);
        }
    }

    /// Of these partitions, and of the others.
    fn longest_gaps(&self, its: &BTreeSet<i32>) -> (Option<Duration>, Option<Duration>) {
        let partitions = self.partitions.lock();
        let longest = |of_its: bool| {
            let chosen = partitions.iter().filter(|(partition, _)| its.contains(partition) == of_its);
            chosen.map(|(_, gaps)| gaps.longest).max()
        };
        (longest(true), longest(false))
    }
}

/// Kafka's `VerifiableProducer`, which tells of each record when it was acknowledged.
struct JavaWriter {
    child: Child,
    acknowledged: Arc<Acknowledged>,
}

impl JavaWriter {
    fn start(bootstrap: &str, topic: &str) -> Result<Self> {
        let classpath = systems::fetch_kafka(Path::new("."))?;
        let mut command: Command = systems::java(&classpath);
        command.args(["-Xmx256M", "org.apache.kafka.tools.VerifiableProducer"]);
        command.args(["--bootstrap-server", bootstrap, "--topic", topic, "--acks", "-1"]);
        command.args(["--throughput", RATE, "--repeating-keys", KEYS]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("read what the producer says")?;
        let acknowledged = Arc::new(Acknowledged::default());
        let noted = Arc::clone(&acknowledged);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(partition) = acknowledged_partition(&line) {
                    noted.note(partition);
                }
            }
        });
        Ok(Self { child, acknowledged })
    }
}

impl Drop for JavaWriter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn acknowledged_partition(line: &str) -> Option<i32> {
    let told: serde_json::Value = serde_json::from_str(line).ok()?;
    (told["name"] == "producer_send_success").then(|| told["partition"].as_i64()?.try_into().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_records_tell_their_partition_and_others_do_not() {
        let sent = r#"{"timestamp":1,"name":"producer_send_success","key":"1","value":"5","topic":"t","partition":7,"offset":3}"#;
        assert_eq!(acknowledged_partition(sent), Some(7));
        assert_eq!(acknowledged_partition(&sent.replace("success", "error")), None);
        assert_eq!(acknowledged_partition("Picked up"), None);
    }

    #[test]
    fn gaps_are_those_since_the_beginning_by_who_led() {
        let acknowledged = Acknowledged::default();
        (0..PARTITIONS).for_each(|partition| acknowledged.note(partition));
        acknowledged.begin();
        assert!(acknowledged.all_written_to(Duration::ZERO).is_err());
        (0..PARTITIONS).for_each(|partition| acknowledged.note(partition));
        acknowledged.all_written_to(Duration::ZERO).unwrap();
        let (its, others) = acknowledged.longest_gaps(&[0].into());
        assert!(its.unwrap() < Duration::from_secs(10) && others.is_some());
    }
}
