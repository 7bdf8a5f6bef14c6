//! The leader's side: who is in sync, and the high watermark that follows from it.

mod awaited;
mod follower_log;
mod progress;
mod proposal;
#[cfg(test)]
mod tests;

pub use follower_log::FollowerLog;
pub use proposal::{AFTER_REFUSAL, Proposal, ProposalRefused};

use crate::{Assignment, NotServed, OwnEnds};
use model::{
    BrokerEpoch, BrokerId, LeaderEpoch, MonotonicTime, Offset, PartitionEpoch,
    mistakes::{Mistake, is_made},
};
use progress::Progress;
use proposal::Proposals;
use std::time::Duration;

/// Before the controller is asked again to count on nobody outside the ISR. What it takes for enough may be its configuration, of
/// which leaders are not told.
const AFTER_KEPT: Duration = Duration::from_secs(5);

/// The state of one leadership; a later leader epoch starts a new one.
#[derive(Debug)]
pub struct Leader {
    me: BrokerId,
    assignment: Assignment,
    epoch_start: Offset,
    high_watermark: Offset,
    /// Of what is safe here, see [`Leader::log_end_moved`].
    log_end: Offset,
    /// What the other replicas told in this leadership.
    followers: Vec<Progress>,
    proposals: Proposals,
    /// With this many members, and so many required here, the controller kept others eligible though it was asked not to, and
    /// is not asked again before this.
    kept_eligible: Option<((usize, usize), MonotonicTime)>,
    wants_word: bool,
}

/// Fewer replicas are in sync than the topic demands for `acks=all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{in_sync} in-sync replicas, {required} required")]
pub struct NotEnoughReplicas {
    pub in_sync: usize,
    pub required: usize,
}

/// What a follower tells with each request for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerFetch {
    pub broker: BrokerId,
    /// Its registration; −1 where it does not know it yet.
    pub broker_epoch: BrokerEpoch,
    /// It holds everything before.
    pub log_end: Offset,
}

impl Leader {
    pub(crate) fn new(me: BrokerId, assignment: Assignment, own: OwnEnds, now: MonotonicTime) -> Self {
        let mut leader = Self {
            me,
            epoch_start: own.log_end,
            high_watermark: own.high_watermark.min(own.log_end),
            log_end: own.safe_end,
            followers: Vec::new(),
            proposals: Proposals::default(),
            kept_eligible: None,
            wants_word: false,
            assignment,
        };
        leader.meet_followers(now);
        leader.raise_high_watermark();
        leader
    }

    /// The same leadership with another in-sync set or another minimum.
    pub(crate) fn update(&mut self, assignment: Assignment, now: MonotonicTime) -> Option<Offset> {
        debug_assert_eq!(assignment.leader_epoch, self.assignment.leader_epoch);
        let left = |broker: &BrokerId| self.assignment.in_sync.contains(broker) && !assignment.in_sync.contains(broker);
        for follower in self.followers.iter_mut().filter(|follower| left(&follower.broker)) {
            follower.is_back = false;
            self.wants_word = true;
        }
        if assignment.partition_epoch > self.assignment.partition_epoch {
            if self.proposals.is_releasing() && assignment.in_sync == self.assignment.in_sync {
                let kept = || (members_and_minimum(&assignment), now + AFTER_KEPT);
                self.kept_eligible = assignment.others_are_eligible.then(kept);
            }
            self.proposals.decided();
        }
        self.assignment = assignment;
        self.meet_followers(now);
        self.raise_high_watermark()
    }

    fn meet_followers(&mut self, now: MonotonicTime) {
        let Assignment { replicas, in_sync, .. } = &self.assignment;
        self.followers.retain(|follower| replicas.contains(&follower.broker));
        for broker in replicas.iter().filter(|broker| **broker != self.me) {
            if !self.followers.iter().any(|follower| follower.broker == *broker) {
                self.followers.push(Progress::new(*broker, in_sync.contains(broker).then_some(now)));
            }
        }
    }

    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.assignment.leader_epoch
    }

    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    pub fn has_followers(&self) -> bool {
        !self.followers.is_empty()
    }

    /// Another replica has every record, too.
    pub fn others_may_lead(&self) -> bool {
        self.assignment.in_sync.len() > 1 || self.assignment.others_are_eligible
    }

    /// Where this leadership began to append.
    pub fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Everything before counts as held here.
    pub(crate) fn counted_end(&self) -> Offset {
        self.log_end.max(self.high_watermark)
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
    pub fn log_end_moved(&mut self, log_end: Offset, now: MonotonicTime) -> Option<Offset> {
        if log_end > self.log_end {
            for follower in &mut self.followers {
                follower.leader_moves(self.log_end, now);
            }
            self.log_end = log_end;
        }
        self.raise_high_watermark()
    }

    /// A follower asks for records. A replica that the assignment does not name, or one in an earlier life, is refused.
    pub fn follower_fetched(&mut self, fetch: FollowerFetch, now: MonotonicTime) -> Result<Option<Offset>, NotServed> {
        let log_end = self.log_end;
        let follower = self.followers.iter_mut().find(|follower| follower.broker == fetch.broker);
        let follower = follower.ok_or(NotServed::UnknownReplica)?;
        follower.fetched(fetch, log_end, now)?;
        Ok(self.raise_high_watermark())
    }

    /// A follower left the ISR since this was asked last. What it said before says nothing of whether it still fetches: it is to
    /// say it again, also where nothing is appended that would make it.
    pub fn takes_word_again(&mut self) -> bool {
        std::mem::take(&mut self.wants_word)
    }

    /// A follower told where its log begins; true if that is news.
    pub fn follower_starts_at(&mut self, broker: BrokerId, log_start: Offset) -> bool {
        let follower = self.followers.iter_mut().find(|follower| follower.broker == broker);
        follower.is_some_and(|follower| follower.log_start.replace(log_start) != Some(log_start))
    }

    /// Below this no replica that counts has anything; `own` is where the leader's log begins.
    pub fn lowest_log_start(&self, own: Offset, counts: impl Fn(BrokerId) -> bool) -> Offset {
        let others = self.followers.iter().filter(|follower| counts(follower.broker));
        others.map(|follower| follower.log_start.unwrap_or(Offset::ZERO)).fold(own, Offset::min)
    }

    /// A follower outside the ISR joins once it has everything that is committed, and of this leadership at least its
    /// beginning: only then its log cannot diverge from ours below the high watermark. What it has is known of one life of
    /// it, which the controller compares.
    fn may_join(&self, follower: &Progress) -> bool {
        let is_there = |end| end >= self.high_watermark && end >= self.epoch_start;
        !self.assignment.in_sync.contains(&follower.broker)
            && !self.assignment.recovering
            && follower.may_be_asked_back()
            && (follower.log_end.is_some_and(is_there) || is_made(Mistake::JoinBeforeCaughtUp))
    }

    /// Enough are in sync, and the controller still counts on others: it forgets them once it hears of this leader that it is
    /// there. One whose configuration asks for more will not.
    fn awaits_release(&self, now: MonotonicTime) -> bool {
        let is_kept = |(of, until)| of == members_and_minimum(&self.assignment) && now < until;
        self.assignment.others_are_eligible
            && self.check_min_in_sync().is_ok()
            && !self.kept_eligible.is_some_and(is_kept)
    }

    /// Members that did not keep up for `lag_max` (`replica.lag.time.max.ms`) are to leave.
    pub fn check_lag(&mut self, lag_max: Duration, now: MonotonicTime) {
        let lags = |follower: &Progress| !follower.is_caught_up(self.log_end, lag_max, now);
        let in_sync = |follower: &&Progress| self.assignment.in_sync.contains(&follower.broker);
        let behind = self.followers.iter().filter(in_sync).filter(|follower| lags(follower));
        self.proposals.propose_leave(behind.map(|follower| follower.broker).collect(), now);
    }

    /// The next change to ask the controller for; the same one again after [`Leader::proposal_lost`]. One at a time.
    ///
    /// `is_usable` says whether the controller would have a broker in an ISR in that life, as far as this leader knows. A
    /// follower that is fenced or about to stop would be refused, again and again, and counts until each refusal is settled.
    pub fn next_proposal(
        &mut self,
        is_usable: impl Fn(BrokerId, BrokerEpoch) -> bool,
        now: MonotonicTime,
    ) -> Option<Proposal> {
        let joins = |follower: &&Progress| self.may_join(follower) && is_usable(follower.broker, follower.epoch);
        if let Some(Progress { broker, epoch, .. }) = self.followers.iter().find(joins) {
            self.proposals.propose_join(*broker, *epoch, now);
        }
        if self.awaits_release(now) {
            self.proposals.propose_release(now);
        }
        let followers = &self.followers;
        self.proposals.next(&self.assignment, |broker| epoch_of(followers, broker), now)
    }

    /// The controller committed the proposal; the metadata may say so earlier or later.
    pub fn proposal_accepted(&mut self, assignment: Assignment, now: MonotonicTime) -> Option<Offset> {
        if assignment.leader_epoch != self.assignment.leader_epoch
            || assignment.partition_epoch <= self.assignment.partition_epoch
        {
            return None;
        }
        self.update(assignment, now)
    }

    /// A late answer to a proposal from an older state says nothing.
    pub fn proposal_refused(&mut self, from: PartitionEpoch, refused: ProposalRefused, now: MonotonicTime) {
        if from == self.assignment.partition_epoch {
            self.proposals.refused(refused, now);
        }
    }

    /// No answer came: whether the controller committed it is not known.
    pub fn proposal_lost(&mut self) {
        self.proposals.lost();
    }

    /// KIP-966: while too few replicas are in sync the high watermark stands still, also for `acks=1` data. So it does while
    /// the controller counts on replicas outside the in-sync set, whatever this broker takes for too few. A member that
    /// is to join counts already, as do followers on their way to it; one that is to leave counts until that is committed.
    fn raise_high_watermark(&mut self) -> Option<Offset> {
        let may_commit = self.check_min_in_sync().is_ok() && !self.assignment.others_are_eligible;
        if !may_commit && !is_made(Mistake::CommitBelowMinimum) {
            return None;
        }
        let awaited = self.followers.iter().filter(|follower| follower.is_awaited && follower.is_back);
        let awaited = awaited.map(|follower| follower.broker);
        let in_sync = self.assignment.in_sync.iter().copied().chain(self.proposals.joining()).chain(awaited);
        let is_left_out = |broker: BrokerId| {
            is_made(Mistake::CommitAtAppend)
                || is_made(Mistake::CountNotLeaving) && self.proposals.leaving().contains(&broker)
        };
        let others = in_sync.filter(|broker| *broker != self.me && !is_left_out(*broker));
        let lowest = others.map(|broker| self.follower_log_end(broker)).fold(self.log_end, Offset::min);
        (lowest > self.high_watermark).then(|| {
            self.high_watermark = lowest;
            lowest
        })
    }

    /// A member that has not fetched in this leadership holds nothing we know of.
    fn follower_log_end(&self, broker: BrokerId) -> Offset {
        self.progress(broker).and_then(|follower| follower.log_end).unwrap_or(Offset::ZERO)
    }

    fn progress(&self, broker: BrokerId) -> Option<&Progress> {
        self.followers.iter().find(|follower| follower.broker == broker)
    }
}

fn members_and_minimum(assignment: &Assignment) -> (usize, usize) {
    (assignment.in_sync.len(), assignment.effective_min_in_sync())
}

/// The life of a follower as far as it told; −1 where it did not.
fn epoch_of(followers: &[Progress], broker: BrokerId) -> BrokerEpoch {
    let follower = followers.iter().find(|follower| follower.broker == broker);
    follower.map_or(BrokerEpoch(-1), |follower| follower.epoch)
}
