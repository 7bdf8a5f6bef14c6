//! What the leader asks of the controller about the ISR.
//!
//! | state | a follower may join, or lags | sent | accepted | refused | no answer |
//! |---|---|---|---|---|---|
//! | nothing wanted | wanted | – | – | – | – |
//! | wanted | – | in flight | – | – | – |
//! | in flight | – | – | nothing wanted | see [`ProposalRefused`] | wanted, the same |
//! | waits for metadata | – | – | nothing wanted, once the metadata comes | – | – |
//!
//! A refusal does not end a joining: an earlier copy of the proposal may be on its way on a connection that broke, and be
//! committed later. So the leader has the ISR confirmed as it is. That raises the partition epoch, and with the old one no
//! copy is accepted any more. Until then the member counts, and may hold up what is to be committed: so that is asked at once,
//! and only the next joining waits.

use crate::Assignment;
use model::{
    BrokerEpoch, BrokerId, LeaderEpoch, MonotonicTime, PartitionEpoch,
    mistakes::{Mistake, is_made},
};
use std::time::Duration;

/// After a refusal that only time can mend.
pub const AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// Another in-sync set, from a state of the partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub leader_epoch: LeaderEpoch,
    pub partition_epoch: PartitionEpoch,
    /// The leader among them. −1 where a member's epoch is not known.
    pub in_sync: Vec<(BrokerId, BrokerEpoch)>,
    /// `min.insync.replicas` that the leader acts by.
    pub min_in_sync: usize,
    /// The leader is all there is of the records: an unclean election is over.
    pub recovered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProposalRefused {
    /// A member is fenced or about to stop, or the controller did not get to it: not this time.
    NotNow,
    /// The partition is another than the leader believes: the metadata is on its way.
    Outdated,
}

#[derive(Debug, Default)]
pub(super) struct Proposals {
    state: State,
    not_before: MonotonicTime,
    no_join_before: MonotonicTime,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Nothing,
    Wanted(Change),
    InFlight(Change),
    /// It may have been committed before, by an attempt whose answer was lost: who is to join goes on counting.
    WaitsForMetadata(Change),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// In the life in which it caught up: a later one, which the leader may know by the time it asks again, may lack all.
    Join(BrokerId, BrokerEpoch),
    /// Nothing, so that no copy of this member's joining can be committed any more.
    Confirm(BrokerId),
    /// Nothing, so that replicas outside the ISR are not eligible any more.
    Release,
    Leave(Vec<BrokerId>),
    Recovered,
}

impl Proposals {
    pub(super) fn propose_join(&mut self, broker: BrokerId, epoch: BrokerEpoch, now: MonotonicTime) {
        if self.state == State::Nothing && now >= self.not_before.max(self.no_join_before) {
            self.state = State::Wanted(Change::Join(broker, epoch));
        }
    }

    pub(super) fn propose_leave(&mut self, brokers: Vec<BrokerId>, now: MonotonicTime) {
        if self.state == State::Nothing && now >= self.not_before && !brokers.is_empty() {
            self.state = State::Wanted(Change::Leave(brokers));
        }
    }

    /// Whoever counts for the high watermark before the controller has agreed.
    pub(super) fn joining(&self) -> Option<BrokerId> {
        let (State::Wanted(change) | State::InFlight(change) | State::WaitsForMetadata(change)) = &self.state else {
            return None;
        };
        match change {
            _ if is_made(Mistake::CountJoinedOnly) => None,
            Change::Join(broker, _) | Change::Confirm(broker) => Some(*broker),
            Change::Release | Change::Leave(_) | Change::Recovered => None,
        }
    }

    pub(super) fn propose_release(&mut self, now: MonotonicTime) {
        if self.state == State::Nothing && now >= self.not_before {
            self.state = State::Wanted(Change::Release);
        }
    }

    pub(super) fn is_releasing(&self) -> bool {
        self.state == State::InFlight(Change::Release)
    }

    /// Whom the controller is asked to remove.
    pub(super) fn leaving(&self) -> &[BrokerId] {
        match &self.state {
            State::Wanted(Change::Leave(brokers)) | State::InFlight(Change::Leave(brokers)) => brokers,
            _ => &[],
        }
    }

    pub(super) fn next(
        &mut self,
        assignment: &Assignment,
        epoch_of: impl Fn(BrokerId) -> BrokerEpoch,
        now: MonotonicTime,
    ) -> Option<Proposal> {
        if self.state == State::Nothing && assignment.recovering && now >= self.not_before {
            self.state = State::Wanted(Change::Recovered);
        }
        let State::Wanted(change) = &self.state else { return None };
        if now < self.not_before {
            return None;
        }
        let change = change.clone();
        let mut in_sync: Vec<_> = assignment.in_sync.iter().map(|broker| (*broker, epoch_of(*broker))).collect();
        match &change {
            Change::Join(broker, epoch) => in_sync.push((*broker, *epoch)),
            Change::Leave(brokers) => in_sync.retain(|(member, _)| !brokers.contains(member)),
            Change::Confirm(_) | Change::Release | Change::Recovered => {}
        }
        let proposal = Proposal {
            leader_epoch: assignment.leader_epoch,
            partition_epoch: assignment.partition_epoch,
            in_sync,
            min_in_sync: assignment.min_in_sync,
            recovered: change == Change::Recovered,
        };
        self.state = State::InFlight(change);
        Some(proposal)
    }

    /// The partition has a newer state: what was proposed for the one before is over.
    pub(super) fn decided(&mut self) {
        let confirmed = matches!(&self.state, State::Wanted(Change::Confirm(_)) | State::InFlight(Change::Confirm(_)));
        if !confirmed {
            self.no_join_before = MonotonicTime::ZERO;
        }
        self.state = State::Nothing;
        self.not_before = MonotonicTime::ZERO;
    }

    pub(super) fn refused(&mut self, refused: ProposalRefused, now: MonotonicTime) {
        let State::InFlight(change) = &self.state else { return };
        self.state = match refused {
            ProposalRefused::NotNow => {
                let again_at = now + AFTER_REFUSAL;
                match change {
                    Change::Join(..) => self.no_join_before = again_at,
                    _ => self.not_before = again_at,
                }
                match change {
                    _ if is_made(Mistake::ForgetRefusedJoin) => State::Nothing,
                    Change::Join(broker, _) | Change::Confirm(broker) => State::Wanted(Change::Confirm(*broker)),
                    Change::Release | Change::Leave(_) | Change::Recovered => State::Nothing,
                }
            }
            ProposalRefused::Outdated => State::WaitsForMetadata(change.clone()),
        };
    }

    pub(super) fn lost(&mut self) {
        if let State::InFlight(change) = &self.state {
            self.state = State::Wanted(change.clone());
        }
    }
}
