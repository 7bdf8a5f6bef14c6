//! What goes wrong, and how often.

mod schemes;

use super::{
    World,
    message::Node,
    network::{Slow, Weather, What},
};
use model::BrokerId;
use partition_log::Crash;
use std::{collections::BTreeSet, time::Duration};

impl World {
    pub(super) fn cause_fault(&mut self) {
        self.faults += 1;
        let broker = self.any_broker();
        match self.random.below(22) {
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
            14 => self.lose_the_last_in_sync(),
            15 => self.elect_after_an_old_joining(),
            16 => self.elect_who_was_to_leave(),
            17 => self.kill_the_leader_of_a_cut_back_log(),
            18 => {
                let what = if self.random.once_in(2) { What::IsrChanges } else { What::Everything };
                let by = Duration::from_millis(self.random.below(3000));
                let also_prompt = what == What::IsrChanges && self.random.once_in(2);
                self.network.slow = Some(Slow { from: Node::Broker(broker), to: None, what, by, also_prompt });
            }
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

    /// One machine, with all that was not synced, whatever else goes on: as long as every other loss is known to the
    /// controller, and somebody else has every record. More than that nobody promises to survive.
    fn lose_a_machine(&mut self, broker: i32) {
        let is_known = |id: &i32| {
            let life = self.remains.get(id).and_then(|remains| remains.log_life);
            life.is_some() && self.store.image.brokers.get(&BrokerId(*id)).is_some_and(|known| known.log_life == life)
        };
        let is_held = |holders: &BTreeSet<BrokerId>| holders.iter().any(|id| id.0 != broker);
        if (1..=self.setup.brokers).all(|id| is_known(&id)) && self.store.holders.values().all(is_held) {
            self.crash_broker(broker, Crash::Machine);
        }
    }
}
