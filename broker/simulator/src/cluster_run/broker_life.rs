//! How a broker starts and ends, and what outlives it.

use super::{
    World,
    broker_node::BrokerNode,
    message::{Message, Node},
    network::Timer,
    place::Place,
    stepping_aside::Silence,
};
use controller::{
    obeying::Obeyed,
    requests::{BrokerSession, NO_REGISTRATION},
};
use model::{BrokerEpoch, BrokerId, Incarnation, LogLife};
use partition_log::{Crash, ManifestEntry, memory_disk::MemoryDisk};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What outlives a process.
#[derive(Debug, Default)]
pub(super) struct Remains {
    pub(super) disk: MemoryDisk,
    /// The process dies in the middle of one of the next changes of its disk.
    pub(super) is_doomed: bool,
    pub(super) is_full: bool,
    /// Where bits were flipped; the disk is replaced when others have everything.
    pub(super) damaged: BTreeSet<Place>,
    /// A write takes up to this long; 0 on a good disk.
    pub(super) slow_by_ms: u64,
    /// What the shell last wrote into its manifest; older than the logs.
    pub(super) entries: BTreeMap<Place, ManifestEntry>,
    /// `None`: it never obeyed anybody.
    pub(super) obeyed: Option<Obeyed>,
    /// How the last process ended, if it did not stop by itself.
    pub(super) crash: Option<Crash>,
    /// It did, and closed its logs.
    pub(super) is_clean: bool,
    /// None before the first start, and once the machine was lost.
    pub(super) log_life: Option<LogLife>,
    /// That life began with it.
    pub(super) is_new: bool,
    /// Logs that were not opened since the machine was lost.
    pub(super) in_doubt: BTreeSet<Place>,
}

impl Remains {
    /// This much more fits on the disk.
    pub(super) fn fill(&mut self, free: u64) {
        let content = self.disk.paths().into_iter().filter_map(|path| self.disk.content(&path));
        let used: usize = content.map(|content| content.len()).sum();
        self.disk.set_capacity(Some(used as u64 + free));
        self.is_full = true;
    }

    /// The disk has room and is as fast as it was.
    pub(super) fn relieve(&mut self) {
        self.disk.set_capacity(None);
        (self.is_full, self.slow_by_ms) = (false, 0);
    }
}

impl World {
    pub(super) fn start_broker(&mut self, id: i32) {
        let remains = self.remains.entry(id).or_default();
        if let Some(crash) = remains.crash {
            remains.disk = match crash {
                Crash::Process => remains.disk.after_process_death(),
                Crash::Machine | Crash::FailedSync => remains.disk.after_machine_loss(self.random.draw()),
            };
        }
        if remains.is_clean {
            remains.disk = remains.disk.after_process_death();
        }
        remains.is_doomed = false;
        if remains.is_full {
            remains.fill(self.random.below(300));
        }
        let fresh = || LogLife(uuid::Uuid::from_u128(u128::from(self.random.draw())));
        remains.log_life.get_or_insert_with(fresh);
        let node = BrokerNode {
            id: BrokerId(id),
            incarnation: Incarnation(uuid::Uuid::from_u128(u128::from(self.random.draw()))),
            epoch: None,
            follows: NO_REGISTRATION,
            image: None,
            partitions: BTreeMap::new(),
            altering: None,
            is_to_stop: false,
            silence: Silence::since(self.network.clock(Node::Broker(id))),
        };
        self.trace.story(self.network.now, format_args!("broker {id} starts, {:?}", remains.log_life));
        self.brokers.insert(id, node);
        self.network.set_timer(Node::Broker(id), Duration::from_millis(1), Timer::Tick);
    }

    pub(super) fn crash_broker(&mut self, id: i32, crash: Crash) {
        if crash == Crash::Machine {
            // Also of a machine on which the broker does not run.
            let remains = self.remains.entry(id).or_default();
            remains.crash = Some(crash);
            remains.is_clean = false;
            (remains.log_life, remains.is_new) = (None, false);
            remains.in_doubt = Place::all(self.setup.partitions).collect();
        }
        let Some(node) = self.brokers.remove(&id) else { return };
        self.trace.story(self.network.now, format_args!("broker {id} dies: {crash:?}"));
        let remains = self.remains.entry(id).or_default();
        (remains.crash, remains.is_clean) = (Some(crash), false);
        self.end_broker(&node, Message::Broken);
    }

    /// Others lead what it led: it closes its logs and goes.
    pub(super) fn may_stop(&mut self, id: i32, epoch: BrokerEpoch) {
        if self.brokers.get(&id).is_none_or(|node| !node.is_to_stop || node.epoch != Some(epoch)) {
            return;
        }
        let Some(mut node) = self.brokers.remove(&id) else { return };
        let remains = self.remains.entry(id).or_default();
        for (place, partition) in &mut node.partitions {
            match partition.log.close() {
                Ok(entry) => drop(remains.entries.insert(*place, entry)),
                Err(_) => {
                    self.brokers.insert(id, node);
                    return self.crash_broker(id, Crash::Process);
                }
            }
        }
        (remains.crash, remains.is_clean) = (None, true);
        self.trace.story(self.network.now, format_args!("broker {id} stops"));
        self.end_broker(&node, Message::Departed);
    }

    fn end_broker(&mut self, node: &BrokerNode, says: fn(BrokerSession) -> Message) {
        let id = node.id.0;
        if let Some(epoch) = node.epoch {
            let said = says(BrokerSession { id: node.id, epoch });
            let controller = Node::Controller(self.newest_controller);
            self.network.send(Node::Broker(id), controller, said, &mut self.random);
        }
        self.network.end_life(Node::Broker(id));
        let wait = Duration::from_millis(50 + self.random.below(6000));
        self.network.set_timer(Node::Broker(id), wait, Timer::Rise);
    }

    /// The disk died under the process.
    pub(super) fn bury(&mut self, id: i32) {
        if self.is_dead(id) {
            self.crash_broker(id, Crash::Process);
        }
    }

    /// What is left of the step in which it died does not happen.
    pub(super) fn is_dead(&self, id: i32) -> bool {
        self.remains.get(&id).is_some_and(|remains| remains.is_doomed && remains.disk.is_crashed())
    }
}
