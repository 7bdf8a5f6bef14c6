//! The leader's side: in-sync replicas and the high watermark.

use crate::Assignment;
use model::{BrokerId, LeaderEpoch, Offset};

/// The state of one leadership; a later leader epoch starts a new one.
#[derive(Debug)]
pub struct Leader {
    me: BrokerId,
    assignment: Assignment,
    epoch_start: Offset,
    high_watermark: Offset,
    log_end: Offset,
    /// Log ends of the other members of the maximal in-sync set, as far as they told us in this leadership.
    follower_log_ends: Vec<(BrokerId, Offset)>,
}

/// Fewer replicas are in sync than the topic demands for `acks=all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{in_sync} in-sync replicas, {required} required")]
pub struct NotEnoughReplicas {
    pub in_sync: usize,
    pub required: usize,
}

impl Leader {
    pub(crate) fn new(me: BrokerId, assignment: Assignment, log_end: Offset, high_watermark: Offset) -> Self {
        let mut leader = Self {
            me,
            assignment,
            epoch_start: log_end,
            high_watermark: high_watermark.min(log_end),
            log_end,
            follower_log_ends: Vec::new(),
        };
        leader.raise_high_watermark();
        leader
    }

    /// The same leadership with another in-sync set or another minimum.
    pub(crate) fn update(&mut self, assignment: Assignment) -> Option<Offset> {
        debug_assert_eq!(assignment.leader_epoch, self.assignment.leader_epoch);
        self.assignment = assignment;
        self.follower_log_ends.retain(|(broker, _)| self.assignment.replicas.contains(broker));
        self.raise_high_watermark()
    }

    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.assignment.leader_epoch
    }

    /// Where this leadership began to append.
    pub fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Until the high watermark reached the start of its epoch, "latest" could go backwards: a new leader may know a
    /// lower one than the old leader had published.
    pub fn high_watermark_is_known(&self) -> bool {
        self.high_watermark >= self.epoch_start
    }

    /// Kafka checks this before an `acks=all` append, and again before it answers one.
    pub fn check_min_in_sync(&self) -> Result<(), NotEnoughReplicas> {
        let (in_sync, required) = (self.assignment.in_sync.len(), self.assignment.effective_min_in_sync());
        if in_sync < required { Err(NotEnoughReplicas { in_sync, required }) } else { Ok(()) }
    }

    /// Records up to `log_end` are safe here; the answer is the new high watermark if it rose.
    pub fn log_end_moved(&mut self, log_end: Offset) -> Option<Offset> {
        self.log_end = self.log_end.max(log_end);
        self.raise_high_watermark()
    }

    /// A follower asked for records from `log_end`, so it holds everything before.
    pub fn follower_reached(&mut self, broker: BrokerId, log_end: Offset) -> Option<Offset> {
        if broker == self.me || !self.assignment.replicas.contains(&broker) {
            return None;
        }
        match self.follower_log_ends.iter_mut().find(|(known, _)| *known == broker) {
            Some((_, known)) => *known = log_end,
            None => self.follower_log_ends.push((broker, log_end)),
        }
        self.raise_high_watermark()
    }

    /// KIP-966: while too few replicas are in sync the high watermark stands still, also for `acks=1` data.
    fn raise_high_watermark(&mut self) -> Option<Offset> {
        if self.check_min_in_sync().is_err() {
            return None;
        }
        let others = self.assignment.in_sync.iter().filter(|broker| **broker != self.me);
        let lowest = others.map(|broker| self.follower_log_end(*broker)).fold(self.log_end, Offset::min);
        (lowest > self.high_watermark).then(|| {
            self.high_watermark = lowest;
            lowest
        })
    }

    /// A member that has not fetched in this leadership holds nothing we know of.
    fn follower_log_end(&self, broker: BrokerId) -> Offset {
        self.follower_log_ends.iter().find(|(known, _)| *known == broker).map_or(Offset::ZERO, |(_, log_end)| *log_end)
    }
}
