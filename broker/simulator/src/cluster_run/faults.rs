//! What goes wrong, and how often.

mod schemes;

use super::{World, message::Node, network::Weather};
use model::{BrokerEpoch, BrokerId};
use partition_log::Crash;
use std::time::Duration;

/// Everything heals within this time when nothing else fails.
const SETTLING_LIMIT: Duration = Duration::from_secs(60);

impl World {
    pub(super) fn cause_fault(&mut self) {
        self.faults += 1;
        let broker = self.any_broker();
        match self.random.below(16) {
            0..=2 => self.crash_broker(broker, Crash::Process),
            3 => {
                // Everybody at once.
                (1..=self.setup.brokers).for_each(|id| self.crash_broker(id, Crash::Process));
            }
            4 | 5 => {
                let wait = Duration::from_millis(200 + self.random.below(8000));
                self.network.pause(Node::Broker(broker), wait);
            }
            6 => {
                let other = self.any_broker();
                self.network.cut(Node::Broker(broker), Node::Broker(other));
            }
            7 => {
                let controller = Node::Controller(self.newest_controller);
                if self.random.once_in(2) {
                    self.network.cut(Node::Broker(broker), controller);
                } else {
                    self.network.cut(controller, Node::Broker(broker));
                }
            }
            11 => self.lose_a_machine(broker),
            12 => self.kill_the_successor(),
            13 => self.hide_a_joining(),
            8 => self.crash_controller(self.newest_controller),
            9 => {
                // Another controller takes over from one that stands still, and wakes later.
                let wait = Duration::from_millis(500 + self.random.below(5000));
                self.network.pause(Node::Controller(self.newest_controller), wait);
                let next = self.newest_controller + 1;
                self.start_controller(next);
            }
            10 => {
                self.network.weather = Weather {
                    lost_once_in: 5 + self.random.below(50),
                    doubled_once_in: 5 + self.random.below(50),
                    late_once_in: 5 + self.random.below(50),
                };
            }
            _ => self.network.heal(),
        }
    }

    pub(super) fn any_broker(&mut self) -> i32 {
        1 + i32::try_from(self.random.below(u64::from(self.setup.brokers.unsigned_abs()))).unwrap_or(0)
    }

    /// One machine, with all that was not synced, while every other replica is in sync and stays up until it is back: more
    /// than that nobody promises to survive.
    fn lose_a_machine(&mut self, broker: i32) {
        self.network.heal();
        if !self.settles_within(SETTLING_LIMIT, None) {
            return;
        }
        let before = self.store.image.brokers[&BrokerId(broker)].epoch;
        self.crash_broker(broker, Crash::Machine);
        let settled = self.settles_within(SETTLING_LIMIT, Some((broker, before)));
        if !settled && self.history.broken.is_empty() {
            self.history
                .broken
                .push(format!("not in sync {SETTLING_LIMIT:?} after a machine was lost: {}", self.unrest()));
        }
    }

    /// Nobody died whom the controller takes for alive.
    fn all_are_registered(&self) -> bool {
        let lives = self.store.image.brokers.values().map(|registered| registered.incarnation);
        (1..=self.setup.brokers)
            .zip(lives)
            .all(|(id, life)| self.brokers.get(&id).is_some_and(|node| node.incarnation == life))
    }

    /// In sync, with the broker registered again since.
    fn settles_within(&mut self, limit: Duration, again: Option<(i32, BrokerEpoch)>) -> bool {
        let end = self.network.now + limit;
        let faults_on = std::mem::replace(&mut self.faults_on, false);
        let has_settled = |world: &Self| {
            let is_back = again.is_none_or(|(id, before)| world.store.image.brokers[&BrokerId(id)].epoch > before);
            is_back && world.all_are_registered() && world.unrest().is_empty()
        };
        while !has_settled(self) && self.network.now < end {
            self.pass(Duration::from_millis(200));
        }
        self.faults_on = faults_on;
        has_settled(self)
    }
}
