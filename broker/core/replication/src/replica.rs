//! What a replica is at the moment, and whom it answers.

use crate::{Assignment, Leader, follower::Follower};
use model::{
    BrokerId, LeaderEpoch, MonotonicTime, Offset, PartitionEpoch,
    mistakes::{Mistake, is_made},
};

/// One replica.
///
/// | leader epoch asked | as leader                  | as follower                |
/// |--------------------|----------------------------|----------------------------|
/// | none or ours       | served                     | [`NotServed::NotLeader`]   |
/// | lower              | [`NotServed::FencedEpoch`] | [`NotServed::FencedEpoch`] |
/// | higher             | [`NotServed::UnknownEpoch`]| [`NotServed::UnknownEpoch`]|
///
/// A replica is a follower until [`Replica::assign`] names it leader; an older state than the known one changes nothing.
#[derive(Debug)]
pub struct Replica {
    me: BrokerId,
    leader_epoch: LeaderEpoch,
    partition_epoch: PartitionEpoch,
    role: Role,
}

#[derive(Debug)]
enum Role {
    /// Nobody leads, as far as is known here.
    Waiting,
    Leader(Box<Leader>),
    /// It leads and serves nobody. What followers told and what it proposed still holds when it comes back to it.
    Aside(Box<Leader>),
    /// It led, and its log lost records that counted. With others in their place two records of one epoch would have the same
    /// offset, so it leads no more before another epoch.
    Fallen,
    Follower(Follower),
}

/// Where a replica's own log stands when it is assigned: `high_watermark` is the one known before, at or below `log_end`, and
/// of records from `safe_end` on this replica may not say yet that it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnEnds {
    pub log_end: Offset,
    pub safe_end: Offset,
    pub high_watermark: Offset,
}

impl OwnEnds {
    pub fn all_safe(log_end: Offset, high_watermark: Offset) -> Self {
        Self { log_end, safe_end: log_end, high_watermark }
    }
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
    /// A reassignment that this leader has not heard of may just have begun.
    #[error("the broker that asks is no replica of the partition")]
    UnknownReplica,
    #[error("the replica that asks has been seen in a later life")]
    StaleBrokerEpoch,
}

impl Replica {
    pub fn new(me: BrokerId) -> Self {
        Self { me, leader_epoch: LeaderEpoch::UNKNOWN, partition_epoch: PartitionEpoch(-1), role: Role::Waiting }
    }

    /// Takes over what the controller committed. The answer is the high watermark if it rose.
    pub fn assign(&mut self, assignment: Assignment, own: OwnEnds, now: MonotonicTime) -> Option<Offset> {
        if is_made(Mistake::LeadWhenReplaced)
            && matches!(self.role, Role::Leader(_))
            && assignment.leader != Some(self.me)
        {
            return None;
        }
        let same_leadership = assignment.leader_epoch == self.leader_epoch;
        if assignment.leader_epoch < self.leader_epoch
            || same_leadership && assignment.partition_epoch < self.known_partition_epoch()
        {
            return None;
        }
        self.leader_epoch = assignment.leader_epoch;
        self.partition_epoch = assignment.partition_epoch;
        match (&mut self.role, assignment.leader) {
            (Role::Leader(leader), Some(named)) if same_leadership && named == self.me => {
                leader.update(assignment, now)
            }
            (Role::Aside(_), Some(named)) if same_leadership && named == self.me => self.come_back(assignment, now),
            (Role::Fallen, Some(named)) if same_leadership && named == self.me => None,
            (Role::Follower(follower), Some(named)) if same_leadership && named == follower.leader() => {
                follower.met_metadata();
                None
            }
            (_, Some(named)) if named == self.me => {
                let leader = Leader::new(self.me, assignment, own, now);
                let reached = leader.high_watermark();
                self.role = Role::Leader(Box::new(leader));
                (reached > own.high_watermark).then_some(reached)
            }
            (_, Some(named)) => {
                self.role = Role::Follower(Follower::new(named, assignment.leader_epoch));
                None
            }
            (_, None) => {
                self.role = Role::Waiting;
                None
            }
        }
    }

    /// Of a leader whose proposal was accepted that is ahead of the metadata.
    fn known_partition_epoch(&self) -> PartitionEpoch {
        match &self.role {
            Role::Leader(leader) | Role::Aside(leader) => self.partition_epoch.max(leader.assignment().partition_epoch),
            Role::Waiting | Role::Fallen | Role::Follower(_) => self.partition_epoch,
        }
    }

    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    pub fn leader(&self) -> Result<&Leader, NotServed> {
        match &self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Waiting | Role::Aside(_) | Role::Fallen | Role::Follower(_) => Err(NotServed::NotLeader),
        }
    }

    pub fn leader_mut(&mut self) -> Result<&mut Leader, NotServed> {
        match &mut self.role {
            Role::Leader(leader) => Ok(leader),
            Role::Waiting | Role::Aside(_) | Role::Fallen | Role::Follower(_) => Err(NotServed::NotLeader),
        }
    }

    /// A leader of whose leadership other in-sync replicas may take over serves nobody until it is assigned again. That may be
    /// the same leadership: nobody else can have it. `false`: nothing changes.
    pub fn step_aside(&mut self) -> bool {
        match std::mem::replace(&mut self.role, Role::Waiting) {
            Role::Leader(leader) if leader.assignment().in_sync.len() > 1 => {
                self.role = Role::Aside(leader);
                true
            }
            other => {
                self.role = other;
                false
            }
        }
    }

    /// The log was opened anew, perhaps without records that counted: a leader with followers serves nobody then until another
    /// epoch, which is told by `true`. The only replica begins anew with what it has.
    pub fn log_opened(&mut self, own: OwnEnds, now: MonotonicTime) -> bool {
        match &self.role {
            Role::Leader(leader) | Role::Aside(leader) if own.log_end < leader.counted_end() => {
                self.role = if leader.has_followers() {
                    Role::Fallen
                } else {
                    Role::Leader(Box::new(Leader::new(self.me, leader.assignment().clone(), own, now)))
                };
            }
            _ => return false,
        }
        matches!(self.role, Role::Fallen)
    }

    /// A proposal may have been answered meanwhile, and nobody listened.
    fn come_back(&mut self, assignment: Assignment, now: MonotonicTime) -> Option<Offset> {
        let Role::Aside(mut leader) = std::mem::replace(&mut self.role, Role::Waiting) else { return None };
        leader.proposal_lost();
        let risen = leader.update(assignment, now);
        self.role = Role::Leader(leader);
        risen
    }

    /// Others may have what this replica loses.
    pub fn is_replicated(&self) -> bool {
        match &self.role {
            Role::Waiting => false,
            Role::Leader(leader) | Role::Aside(leader) => leader.has_followers(),
            Role::Fallen | Role::Follower(_) => true,
        }
    }

    pub fn follower_mut(&mut self) -> Option<&mut Follower> {
        match &mut self.role {
            Role::Follower(follower) => Some(follower),
            Role::Waiting | Role::Leader(_) | Role::Aside(_) | Role::Fallen => None,
        }
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
