//! Changes of the ISR that are on their way for long, and what may happen meanwhile to the member they are about.

use super::super::super::{
    World,
    broker_node::{ALTER_TIMEOUT, LAG_MAX},
    message::Node,
    network::{Slow, What},
    place::Place,
};
use model::BrokerId;
use partition_log::Crash;
use std::time::Duration;

/// Longer than a follower may lag, and than a silent broker is waited for.
const LATE: Duration = Duration::from_secs(7);

impl World {
    /// A follower that was away is to join the ISR, and a copy of that proposal comes late. Meanwhile it falls behind again, or
    /// loses its machine, or is taken for lost by the controller. Then all others die: whether it may lead is up to the ISR.
    pub(in super::super) fn elect_after_an_old_joining(&mut self) {
        let partition = self.any_partition();
        let Some((leader, joining)) = self.leader_and_member(partition) else { return };
        self.crash_broker(joining.0, Crash::Process);
        let is_out = |world: &Self| !world.isr_of(partition).contains(&joining);
        if !self.pass_until(Duration::from_millis(20), is_out) {
            return;
        }
        let story = self.fate.below(3);
        self.network.slow = Some(late_isr_changes_of(leader, story == 0));
        let is_asked_for = |world: &Self| world.is_proposed(leader, partition, joining);
        if !self.pass_until(Duration::from_millis(1), is_asked_for) {
            self.mend_all();
            return;
        }
        let proposed = self.network.now;
        match story {
            0 => {
                self.pass(Duration::from_millis(50));
                self.cut_off_from_brokers(joining);
            }
            1 => {
                self.cut_off_from_brokers(joining);
                self.lose_a_machine(joining.0);
            }
            _ => self.come_and_go(joining),
        }
        let copy_is_there = proposed + LATE + Duration::from_millis(100);
        self.pass_until(Duration::from_millis(20), |world| world.network.now >= copy_is_there);
        self.elect_alone(partition, joining);
    }

    /// A follower lags, and the leader's wish to be without it comes late. Until it is granted the follower may be elected.
    pub(in super::super) fn elect_who_was_to_leave(&mut self) {
        let partition = self.any_partition();
        let Some((leader, leaving)) = self.leader_and_member(partition) else { return };
        self.network.slow = Some(late_isr_changes_of(leader, false));
        self.cut_off_from_brokers(leaving);
        let moment = Duration::from_millis(self.fate.below(2000));
        self.pass(LAG_MAX + moment);
        self.elect_alone(partition, leaving);
    }

    /// The controller does not hear of the broker until it is fenced, which is when later proposals reach it in time; then it
    /// hears of it again.
    fn come_and_go(&mut self, joining: BrokerId) {
        let controller = Node::Controller(self.newest_controller);
        self.network.cut(Node::Broker(joining.0), controller);
        let is_fenced = |world: &Self| world.store.image.brokers.get(&joining).is_some_and(|one| one.fenced);
        if !self.pass_until(Duration::from_millis(20), is_fenced) {
            return;
        }
        self.network.slow = None;
        self.cut_off_from_brokers(joining);
        self.pass(ALTER_TIMEOUT + Duration::from_millis(200));
        self.network.mend(Node::Broker(joining.0), controller);
    }

    /// All others die, and stay away until somebody leads, or nobody does for long.
    fn elect_alone(&mut self, partition: Place, left: BrokerId) {
        for id in (1..=self.setup.brokers).filter(|id| *id != left.0) {
            self.crash_broker(id, Crash::Process);
        }
        self.mend_all();
        self.pass_until(Duration::from_millis(20), |world| world.leader_of(partition) == Some(left));
    }

    fn cut_off_from_brokers(&mut self, broker: BrokerId) {
        for id in (1..=self.setup.brokers).filter(|id| *id != broker.0) {
            self.network.tear(Node::Broker(id), Node::Broker(broker.0));
        }
    }

    /// The leader has asked the controller for an ISR with this member.
    fn is_proposed(&self, leader: BrokerId, partition: Place, member: BrokerId) -> bool {
        let proposals = self.brokers.get(&leader.0).map(|node| node.proposed()).unwrap_or_default();
        proposals.iter().any(|one| {
            Place::of(one.topic_id, one.partition) == partition && one.isr.iter().any(|(id, _)| *id == member)
        })
    }
}

fn late_isr_changes_of(leader: BrokerId, also_prompt: bool) -> Slow {
    Slow { from: Node::Broker(leader.0), to: None, what: What::IsrChanges, by: LATE, also_prompt }
}
