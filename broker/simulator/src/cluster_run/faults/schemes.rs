//! Faults that follow on each other, where chance alone would seldom have them meet.

mod isr_changes;
mod rolled_back_store;
mod truncation;

use super::super::{World, message::Node, place::Place};
use controller::PartitionImage;
use model::BrokerId;
use partition_log::Crash;
use std::time::Duration;

/// A scheme is given up when what it waits for does not come.
const PATIENCE: Duration = Duration::from_secs(10);

impl World {
    /// The new leader dies moments after its election, cut off from a follower that has just begun to follow it.
    pub(super) fn kill_the_successor(&mut self) {
        let partition = self.any_partition();
        let Some(first) = self.leader_of(partition) else { return };
        self.crash_broker(first.0, Crash::Process);
        let has_other = |world: &Self| world.leader_of(partition).is_some_and(|leader| leader != first);
        if !self.pass_until(Duration::from_millis(1), has_other) {
            return;
        }
        let Some(successor) = self.leader_of(partition) else { return };
        let moment = Duration::from_micros(self.fate.below(6000));
        self.pass(moment);
        (1..=self.setup.brokers).for_each(|id| self.network.cut(Node::Broker(successor.0), Node::Broker(id)));
        let moment = Duration::from_millis(self.fate.below(200));
        self.pass(moment);
        self.crash_broker(successor.0, Crash::Process);
        self.mend_all();
    }

    /// A follower joins the ISR, and the leader does not learn of it; then the follower stands still, and the leader dies.
    pub(super) fn hide_a_joining(&mut self) {
        let partition = self.any_partition();
        let Some((leader, joining)) = self.leader_and_member(partition) else { return };
        self.crash_broker(joining.0, Crash::Process);
        if !self.pass_until(Duration::from_millis(20), |world| !world.isr_of(partition).contains(&joining)) {
            return;
        }
        // A leader asks for nobody who is fenced as far as it knows.
        if !self.pass_until(Duration::from_micros(100), |world| world.knows_as_usable(leader, joining)) {
            return;
        }
        self.network.cut(Node::Controller(self.newest_controller), Node::Broker(leader.0));
        if self.pass_until(Duration::from_millis(1), |world| world.isr_of(partition).contains(&joining)) {
            self.network.pause(Node::Broker(joining.0), Duration::from_secs(2));
            let moment = Duration::from_millis(self.fate.below(1000));
            self.pass(moment);
            if self.leader_of(partition) == Some(leader) {
                self.crash_broker(leader.0, Crash::Process);
            }
        }
        self.mend_all();
    }

    /// The others only crash; then the last in-sync replica is lost with its machine, and comes back first or last. Perhaps
    /// somebody, who does not know of that, lets it write alone.
    pub(super) fn lose_the_last_in_sync(&mut self) {
        let partition = self.any_partition();
        let Some(last) = self.leader_of(partition) else { return };
        let others = (1..=self.setup.brokers).filter(|id| *id != last.0);
        for id in others {
            self.crash_broker(id, Crash::Process);
            let moment = Duration::from_millis(self.fate.below(1000));
            self.pass(moment);
        }
        if self.pass_until(Duration::from_millis(20), |world| world.isr_of(partition) == [last]) {
            self.lose_a_machine(last.0);
            if self.fate.once_in(2) {
                let moment = Duration::from_millis(self.fate.below(1000));
                self.pass(moment);
                self.ask_for_minimum(partition, 1);
            }
        }
    }

    /// A leader hears nobody for a while, longer than it takes until others lead; then it hears the controller again, and perhaps
    /// only later its followers.
    pub(super) fn isolate_a_leader(&mut self) {
        let partition = self.any_partition();
        let Some(leader) = self.leader_of(partition) else { return };
        let own = Node::Broker(leader.0);
        let others = (1..=self.setup.brokers).filter(|id| *id != leader.0).map(Node::Broker).collect::<Vec<_>>();
        let controllers = (0..=self.highest_controller + 2).map(Node::Controller).collect::<Vec<_>>();
        for other in others.iter().chain(&controllers) {
            self.network.cut(*other, own);
            if !self.fate.once_in(4) {
                self.network.cut(own, *other);
            }
        }
        let moment = Duration::from_millis(2000 + self.fate.below(4000));
        self.pass(moment);
        for nodes in [controllers, others] {
            for other in nodes {
                self.network.mend(other, own);
                self.network.mend(own, other);
            }
            let moment = Duration::from_millis(self.fate.below(1000));
            self.pass(moment);
        }
    }

    pub(super) fn any_partition(&mut self) -> Place {
        let all: Vec<_> = Place::all(self.setup.partitions).collect();
        all[self.below(all.len())]
    }

    fn knows_as_usable(&self, broker: BrokerId, other: BrokerId) -> bool {
        let image = self.brokers.get(&broker.0).and_then(|node| node.image.as_ref());
        image.is_some_and(|image| image.is_usable(other))
    }

    /// As it is stored.
    fn leader_of(&self, partition: Place) -> Option<BrokerId> {
        self.state_of(partition)?.leader
    }

    fn isr_of(&self, partition: Place) -> Vec<BrokerId> {
        self.state_of(partition).map(|state| state.isr.clone()).unwrap_or_default()
    }

    fn replicas_of(&self, partition: Place) -> Vec<BrokerId> {
        self.state_of(partition).map(|state| state.replicas.clone()).unwrap_or_default()
    }

    fn state_of(&self, partition: Place) -> Option<&PartitionImage> {
        partition.state_in(&self.store.image)
    }

    /// The leader, and another member of an ISR of three.
    fn leader_and_member(&mut self, partition: Place) -> Option<(BrokerId, BrokerId)> {
        let leader = self.leader_of(partition)?;
        let others: Vec<_> = self.isr_of(partition).into_iter().filter(|id| *id != leader).collect();
        (others.len() >= 2).then(|| (leader, others[self.below(others.len())]))
    }

    fn pass_until(&mut self, step: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.network.now + PATIENCE;
        while !holds(self) {
            if self.network.now >= end {
                return false;
            }
            self.pass(step);
        }
        true
    }
}
