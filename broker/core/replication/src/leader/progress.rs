//! How far one follower is.

use crate::{NotServed, leader::FollowerFetch};
use model::{BrokerEpoch, BrokerId, MonotonicTime, Offset};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Progress {
    pub(super) broker: BrokerId,
    /// The newest life of the broker that fetched; −1 before one that knows its epoch did.
    pub(super) epoch: BrokerEpoch,
    /// It fetched in this leadership, and since it last left the ISR: only then it may be asked back.
    pub(super) is_back: bool,
    /// Nothing is committed without it, though it is not in the ISR.
    pub(super) is_awaited: bool,
    /// `None` before the first fetch in this leadership.
    pub(super) log_end: Option<Offset>,
    /// What it told last; it may lag behind the leader's.
    pub(super) log_start: Option<Offset>,
    /// When it last had everything the leader had.
    caught_up_at: Option<MonotonicTime>,
    /// The fetch before, and the leader's log end then: a follower that reaches what was there one fetch ago keeps up, however
    /// fast the leader writes.
    last_fetch: Option<(MonotonicTime, Offset)>,
}

impl Progress {
    pub(super) fn new(broker: BrokerId, caught_up_at: Option<MonotonicTime>) -> Self {
        Self {
            broker,
            epoch: BrokerEpoch(-1),
            is_back: false,
            is_awaited: false,
            log_end: None,
            log_start: None,
            caught_up_at,
            last_fetch: None,
        }
    }

    /// It fetched since it last left the ISR, and told in which life it is: one that it does not tell may be over.
    pub(super) fn may_be_asked_back(&self) -> bool {
        self.is_back && self.epoch.0 >= 0
    }

    pub(super) fn fetched(
        &mut self,
        fetch: FollowerFetch,
        leader_log_end: Offset,
        now: MonotonicTime,
    ) -> Result<(), NotServed> {
        if fetch.broker_epoch.0 >= 0 {
            if fetch.broker_epoch < self.epoch {
                return Err(NotServed::StaleBrokerEpoch);
            }
            if self.epoch.0 >= 0 && fetch.broker_epoch > self.epoch {
                // What its life before had, this one may have lost.
                *self = Self::new(self.broker, None);
            }
            self.epoch = fetch.broker_epoch;
        }
        if fetch.log_end >= leader_log_end {
            self.caught_up_at = self.caught_up_at.max(Some(now));
        } else if let Some((fetched_at, then)) = self.last_fetch
            && fetch.log_end >= then
        {
            self.caught_up_at = self.caught_up_at.max(Some(fetched_at));
        }
        self.is_back = true;
        self.log_end = Some(fetch.log_end);
        self.last_fetch = Some((now, leader_log_end));
        Ok(())
    }

    /// The leader has more from now on. Whoever had all of it so far need not have said so again while nothing happened.
    pub(super) fn leader_moves(&mut self, from: Offset, now: MonotonicTime) {
        if self.log_end.is_some_and(|log_end| log_end >= from) {
            self.caught_up_at = self.caught_up_at.max(Some(now));
        }
    }

    pub(super) fn is_caught_up(&self, leader_log_end: Offset, lag_max: Duration, now: MonotonicTime) -> bool {
        self.log_end == Some(leader_log_end) || self.caught_up_at.is_some_and(|at| now.since(at) <= lag_max)
    }
}
