//! K1 and K2: what a controller of many partitions costs, as its clients see it. Of ours alone: three processes of Apache Kafka
//! on one small machine do not hold as many.

use super::{Case, Need, Subject};
use crate::{
    admin::Admin,
    figures::{CONTROLLER_BACK, CONTROLLER_RESIDENT, Figures, MADE, NEW_LEADERS},
    process::resident_kib,
    systems::{Cluster, Kind},
};
use anyhow::{Result, ensure};
use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

const PARTITIONS_OF_A_TOPIC: i32 = 1_000;
/// Topics that make the ten thousand partitions of the figure.
const TIMED_TOPICS: i32 = 10;
/// Each of three brokers leads ten thousand partitions then.
const REPLICATED_TOPICS: i32 = 30;
const SINGLE_TOPICS: i32 = 100;
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(5);

pub(super) fn cases() -> Vec<Case> {
    let ours: &[Kind] = &[Kind::Ours];
    let lost = "30,000 partitions of three replicas: 10,000 made, the loss of a broker that leads 10,000";
    let back = "100,000 partitions of one replica: the controller's memory, and its end by kill -9";
    [Case::new("K1/30000", lost, ours, lose_a_broker), Case::new("K2/100000", back, ours, lose_the_controller)]
        .map(|case| case.needing(Need::OwnServer))
        .into()
}

fn lose_a_broker(subject: &Subject) -> Result<Figures> {
    let mut cluster = subject.new_cluster()?;
    let (victim, mut figures) = (1, Figures::default());
    let asked = cluster.another(victim)?;
    let began = Instant::now();
    make(asked, 0..TIMED_TOPICS, 3)?;
    figures.add(MADE, began.elapsed().as_secs_f64() * 1e3);
    make(asked, TIMED_TOPICS..REPLICATED_TOPICS, 3)?;
    figures.add(CONTROLLER_RESIDENT, controller_mib(&cluster)?);
    let led = Admin::connect(asked)?.leaders()?.iter().filter(|leader| **leader == victim as i32).count();
    ensure!(led >= 9_000, "the broker leads {led} partitions only");
    cluster.kill(victim)?;
    let killed = Instant::now();
    wait(asked, |leader| leader > 0 && leader != victim as i32)?;
    figures.add(NEW_LEADERS, killed.elapsed().as_secs_f64() * 1e3);
    Ok(figures)
}

fn lose_the_controller(subject: &Subject) -> Result<Figures> {
    let mut cluster = subject.new_cluster()?;
    let (asked, mut figures) = (cluster.any()?, Figures::default());
    make(asked, 0..SINGLE_TOPICS, 1)?;
    figures.add(CONTROLLER_RESIDENT, controller_mib(&cluster)?);
    let began = Instant::now();
    cluster.crash_controller()?;
    Admin::connect(asked)?.create_replicated_topic("afterwards", 1, 1, &[])?;
    figures.add(CONTROLLER_BACK, began.elapsed().as_secs_f64() * 1e3);
    Ok(figures)
}

/// Topics by number; returns once each of all partitions has a leader.
fn make(asked: SocketAddr, topics: std::ops::Range<i32>, replicas: i16) -> Result<()> {
    let mut admin = Admin::connect(asked)?;
    for number in topics.clone() {
        admin.create_replicated_topic(&format!("many-{number}"), PARTITIONS_OF_A_TOPIC, replicas, &[])?;
    }
    let all = usize::try_from(topics.end * PARTITIONS_OF_A_TOPIC)?;
    let led = wait(asked, |leader| leader > 0)?;
    ensure!(led == all, "{led} of {all} partitions are there");
    Ok(())
}

/// Until it holds for the leader of every partition; how many there are.
fn wait(asked: SocketAddr, good: impl Fn(i32) -> bool) -> Result<usize> {
    let began = Instant::now();
    let mut admin = Admin::connect(asked)?;
    loop {
        let leaders = admin.leaders()?;
        if leaders.iter().all(|leader| good(*leader)) {
            return Ok(leaders.len());
        }
        ensure!(began.elapsed() < PATIENCE, "the leaders did not come to what is waited for");
        thread::sleep(LOOK);
    }
}

fn controller_mib(cluster: &Cluster) -> Result<f64> {
    Ok(resident_kib(cluster.controller_pid()?)? as f64 / 1024.0)
}
