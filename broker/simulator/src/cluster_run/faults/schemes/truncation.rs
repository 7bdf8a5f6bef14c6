//! A log that is cut back, and the leader it follows dying at that moment.

use super::super::super::{
    World,
    message::Node,
    network::{Slow, What},
    place::Place,
};
use model::{BrokerId, Offset};
use partition_log::Crash;
use std::time::Duration;

const STEP: Duration = Duration::from_micros(200);

impl World {
    /// The leader dies when one follower has records that the next leader lacks, and does not know yet how much is committed.
    /// It has to be cut back; once it is, the next leader dies too.
    pub(in super::super) fn kill_the_leader_of_a_cut_back_log(&mut self) {
        let partition = self.any_partition();
        let Some(leader) = self.leader_of(partition) else { return };
        let isr = self.isr_of(partition);
        let replicas = self.replicas_of(partition);
        let mut others = replicas.into_iter().filter(|id| *id != leader && isr.contains(id));
        let (Some(next), Some(ahead)) = (others.next(), others.next()) else { return };
        let by = Duration::from_millis(5 + self.fate.below(40));
        let (from, to) = (Node::Broker(leader.0), Node::Broker(next.0));
        self.network.slow = Some(Slow { from, to: Some(to), what: What::Everything, by, also_prompt: false });
        let is_ahead = |world: &Self| {
            let of = |id| world.ends_of(id, partition);
            let (Some(leader), Some(next), Some(ahead)) = (of(leader), of(next), of(ahead)) else { return false };
            ahead.0 > next.0 && ahead.1 < leader.1
        };
        if self.pass_until(STEP, is_ahead) {
            self.network.tear(from, to);
            self.crash_broker(leader.0, Crash::Process);
            let end = self.ends_of(ahead, partition).map(|ends| ends.0);
            let is_cut_back = |world: &Self| world.ends_of(ahead, partition).map(|ends| ends.0) < end;
            let has_next = |world: &Self| world.leader_of(partition) == Some(next);
            if self.pass_until(Duration::from_millis(1), has_next) && self.pass_until(STEP, is_cut_back) {
                self.network.tear(to, Node::Broker(ahead.0));
                self.crash_broker(next.0, Crash::Process);
            }
        }
        self.mend_all();
    }

    /// Log end and high watermark, as the broker knows them.
    fn ends_of(&self, broker: BrokerId, partition: Place) -> Option<(Offset, Offset)> {
        let log = &self.brokers.get(&broker.0)?.partitions.get(&partition)?.log;
        Some((log.log_end(), log.high_watermark()))
    }
}
