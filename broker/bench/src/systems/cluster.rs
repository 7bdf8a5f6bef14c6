//! Three brokers that replicate: ours with their controller in a process of its own, Apache Kafka's with a KRaft controller
//! in each.

use super::{Program, Server};
use crate::{admin::Admin, process::CpuTime};
use anyhow::{Context, Result, ensure};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

pub(crate) const NODES: usize = 3;
/// Ports from one node to the next.
const PORTS: u16 = 3;
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// What one process of a cluster is.
#[derive(Debug, Clone)]
pub(crate) enum Member {
    Controller,
    /// Of our controller at this address.
    Broker {
        id: usize,
        controller: SocketAddr,
    },
    /// Of these voters.
    Kafka {
        id: usize,
        voters: Vec<SocketAddr>,
    },
}

#[derive(Debug)]
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    /// Where it is a process of its own.
    controller: Option<Node>,
}

#[derive(Debug)]
struct Node {
    program: Program,
    address: SocketAddr,
    folder: PathBuf,
    server: Option<Server>,
}

impl Cluster {
    /// On fresh folders; `base` and the ports after it are its own.
    pub(crate) fn start(program: &Program, base: SocketAddr, folder: &Path) -> Result<Self> {
        let at = |n: u16| SocketAddr::new(base.ip(), base.port() + n);
        let address = |id: usize| at(PORTS * id as u16);
        let member = |member: Member| Program::Member { program: Box::new(program.clone()), member };
        let is_kafka = matches!(program, Program::Kafka { .. });
        let mut controller = (!is_kafka).then(|| Node {
            program: member(Member::Controller),
            address: base,
            folder: folder.join("controller"),
            server: None,
        });
        controller.as_mut().map(Node::start).transpose()?;
        let voters: Vec<_> = (1..=NODES).map(|id| at(PORTS * id as u16 + 1)).collect();
        let nodes = (1..=NODES).map(|id| {
            let kind = if is_kafka {
                Member::Kafka { id, voters: voters.clone() }
            } else {
                Member::Broker { id, controller: base }
            };
            Node { program: member(kind), address: address(id), folder: folder.join(id.to_string()), server: None }
        });
        let mut cluster = Self { nodes: nodes.collect(), controller };
        // All at once: Kafka's need each other to become ready.
        thread::scope(|scope| {
            let starts: Vec<_> = cluster.nodes.iter_mut().map(|node| scope.spawn(|| node.start())).collect();
            starts.into_iter().try_for_each(|start| start.join().expect("a start does not panic"))
        })?;
        Ok(cluster)
    }

    pub(crate) fn bootstrap(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(|node| node.address.to_string()).collect();
        addresses.join(",")
    }

    /// A broker that is up.
    pub(crate) fn any(&self) -> Result<SocketAddr> {
        self.another(0)
    }

    /// A broker that is up, other than `not`.
    pub(crate) fn another(&self, not: usize) -> Result<SocketAddr> {
        let mut up = self.nodes.iter().enumerate().filter(|(n, node)| n + 1 != not && node.server.is_some());
        Ok(up.next().context("no broker is up")?.1.address)
    }

    pub(crate) fn address(&self, id: usize) -> SocketAddr {
        self.nodes[id - 1].address
    }

    /// Processes that are up, the controller's among them.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let nodes = self.nodes.iter().chain(&self.controller);
        nodes.filter_map(|node| node.server.as_ref()).map(Server::pid).collect()
    }

    /// Of the controller's process.
    pub(crate) fn controller_pid(&self) -> Result<u32> {
        let server = self.controller.as_ref().and_then(|controller| controller.server.as_ref());
        Ok(server.context("the controller is no process of its own")?.pid())
    }

    /// Ends the controller as a crash does, and starts it again.
    pub(crate) fn crash_controller(&mut self) -> Result<()> {
        let controller = self.controller.as_mut().context("the controller is no process of its own")?;
        controller.server.take().context("the controller is down already")?.kill()?;
        controller.start()
    }

    /// What a broker used since its start.
    pub(crate) fn cpu_time(&self, id: usize) -> Result<Duration> {
        let server = self.nodes[id - 1].server.as_ref().context("the broker is down")?;
        Ok(CpuTime::of(server.pid())?.total())
    }

    pub(crate) fn kill(&mut self, id: usize) -> Result<()> {
        self.nodes[id - 1].server.take().context("the broker is down already")?.kill()
    }

    pub(crate) fn stop(&mut self, id: usize) -> Result<()> {
        self.nodes[id - 1].server.take().context("the broker is down already")?.stop()
    }

    pub(crate) fn restart(&mut self, id: usize) -> Result<()> {
        self.nodes[id - 1].start()
    }

    /// Leaders by partition, and whether all replicas are in sync, as `address` tells.
    pub(crate) fn partitions(address: SocketAddr, topic: &str) -> Result<Vec<(i32, usize)>> {
        Admin::connect(address)?.replicas(topic)
    }

    /// A topic with a replica on each broker, two of which have to be in sync; all are in the end.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        let asked = self.any()?;
        let replicas = i16::try_from(NODES)?;
        Admin::connect(asked)?.create_replicated_topic(name, partitions, replicas, &[("min.insync.replicas", "2")])?;
        self.wait(asked, name, |leader, isr| leader > 0 && isr == NODES).map(drop)
    }

    /// Waits until every partition has a broker that serves as its leader: metadata names leaders before they do.
    pub(crate) fn wait_until_led(&self, topic: &str, partitions: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            let mut led = vec![false; partitions];
            for node in self.nodes.iter().filter(|node| node.server.is_some()) {
                let ends = Admin::connect(node.address)?.ends(topic, i32::try_from(partitions)?)?;
                led.iter_mut().zip(ends).for_each(|(led, end)| *led |= end.is_some());
            }
            if led.into_iter().all(|led| led) {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "topic {topic} got no leaders");
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until `good` holds for leader and number of in-sync replicas of all partitions; how long that took.
    pub(crate) fn wait(&self, asked: SocketAddr, topic: &str, good: impl Fn(i32, usize) -> bool) -> Result<Duration> {
        let began = Instant::now();
        loop {
            let told = Self::partitions(asked, topic);
            if told.is_ok_and(|all| !all.is_empty() && all.iter().all(|(leader, isr)| good(*leader, *isr))) {
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < PATIENCE, "the partitions did not come to what is waited for");
            thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Node {
    fn start(&mut self) -> Result<()> {
        self.server = Some(Server::start(&self.program, self.address, &self.folder)?);
        Ok(())
    }
}
