//! What a replica is at the moment, and whom it answers.

use crate::{Assignment, Leader};
use model::{BrokerId, LeaderEpoch, Offset};

/// One replica.
///
/// | leader epoch asked | as leader                  | as follower                |
/// |--------------------|----------------------------|----------------------------|
/// | none or ours       | served                     | [`NotServed::NotLeader`]   |
/// | lower              | [`NotServed::FencedEpoch`] | [`NotServed::FencedEpoch`] |
/// | higher             | [`NotServed::UnknownEpoch`]| [`NotServed::UnknownEpoch`]|
///
/// A replica is a follower until [`Replica::assign`] names it leader; a lower leader epoch than the known one changes
/// nothing.
#[derive(Debug)]
pub struct Replica {
    me: BrokerId,
    leader_epoch: LeaderEpoch,
    leader: Option<Leader>,
}

/// Why a request for this partition is not answered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    #[error("another broker leads the partition")]
    NotLeader,
    #[error("the request names an older leader epoch")]
    FencedEpoch,
    #[error("the request names a newer leader epoch")]
    UnknownEpoch,
}

impl Replica {
    pub fn new(me: BrokerId) -> Self {
        Self { me, leader_epoch: LeaderEpoch::UNKNOWN, leader: None }
    }

    /// Takes over what the controller committed. `high_watermark` is the one known before, at or below `log_end`.
    /// The answer is the high watermark if it rose.
    pub fn assign(&mut self, assignment: Assignment, log_end: Offset, high_watermark: Offset) -> Option<Offset> {
        if assignment.leader_epoch < self.leader_epoch {
            return None;
        }
        let same_leadership = assignment.leader_epoch == self.leader_epoch;
        self.leader_epoch = assignment.leader_epoch;
        if assignment.leader != Some(self.me) {
            self.leader = None;
            return None;
        }
        match self.leader.as_mut().filter(|_| same_leadership) {
            Some(leader) => leader.update(assignment),
            None => {
                let leader = Leader::new(self.me, assignment, log_end, high_watermark);
                let reached = leader.high_watermark();
                self.leader = Some(leader);
                (reached > high_watermark).then_some(reached)
            }
        }
    }

    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    pub fn leader(&self) -> Result<&Leader, NotServed> {
        self.leader.as_ref().ok_or(NotServed::NotLeader)
    }

    pub fn leader_mut(&mut self) -> Result<&mut Leader, NotServed> {
        self.leader.as_mut().ok_or(NotServed::NotLeader)
    }
}

/// KIP-320, the table of [`Replica`]: compares the leader epoch a client believes in with ours.
/// [`LeaderEpoch::UNKNOWN`] skips the comparison. A function of plain facts, for readers that must not wait for a writer.
pub fn check_epoch(requested: LeaderEpoch, current: LeaderEpoch, leads: bool) -> Result<(), NotServed> {
    if requested != LeaderEpoch::UNKNOWN && requested > current {
        return Err(NotServed::UnknownEpoch);
    }
    if requested != LeaderEpoch::UNKNOWN && requested < current {
        return Err(NotServed::FencedEpoch);
    }
    if leads { Ok(()) } else { Err(NotServed::NotLeader) }
}

#[cfg(test)]
mod tests;
