//! Followers outside the ISR that the high watermark waits for: those that keep up, and that the controller would have in sync.
//!
//! A follower joins once it has everything that is committed. Where few are in sync, the leader alone for example, each append
//! is committed at once; a follower is always one fetch behind that, and would stay out for as long as somebody writes. Kafka
//! waits for the same ones (`Partition.maybeIncrementLeaderHW`).

use super::Leader;
use model::{BrokerEpoch, BrokerId, MonotonicTime, Offset};
use std::time::Duration;

impl Leader {
    /// Decides anew whom to wait for: whenever a follower fetched, and whenever `is_usable` (see [`Leader::next_proposal`]) may
    /// answer something else. The answer is the new high watermark if it rose.
    pub fn await_followers(
        &mut self,
        is_usable: impl Fn(BrokerId, BrokerEpoch) -> bool,
        lag_max: Duration,
        now: MonotonicTime,
    ) -> Option<Offset> {
        let Self { assignment, followers, log_end, .. } = self;
        let mut is_one_given_up = false;
        for follower in followers.iter_mut().filter(|follower| !assignment.in_sync.contains(&follower.broker)) {
            let awaited = !assignment.recovering
                && follower.may_be_asked_back()
                && follower.is_caught_up(*log_end, lag_max, now)
                && is_usable(follower.broker, follower.epoch);
            is_one_given_up |= follower.is_awaited && !awaited;
            follower.is_awaited = awaited;
        }
        if is_one_given_up { self.raise_high_watermark() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assignment, FollowerFetch, OwnEnds};
    use model::{LeaderEpoch, PartitionEpoch};

    const FOLLOWER: BrokerId = BrokerId(2);
    const LAG: Duration = Duration::from_secs(30);

    fn at(ms: u64) -> MonotonicTime {
        MonotonicTime::from_ms(ms)
    }

    /// Alone in sync, with everything up to 10 committed.
    fn leading_alone() -> Leader {
        let assignment = Assignment {
            leader: Some(BrokerId(1)),
            leader_epoch: LeaderEpoch(5),
            partition_epoch: PartitionEpoch(5),
            replicas: vec![BrokerId(1), FOLLOWER],
            in_sync: vec![BrokerId(1)],
            others_are_eligible: false,
            min_in_sync: 1,
            recovering: false,
        };
        Leader::new(BrokerId(1), assignment, OwnEnds::all_safe(Offset(10), Offset(10)), MonotonicTime::ZERO)
    }

    fn fetch(leader: &mut Leader, log_end: i64, ms: u64) -> Option<Offset> {
        let fetch = FollowerFetch { broker: FOLLOWER, broker_epoch: BrokerEpoch(7), log_end: Offset(log_end) };
        let risen = leader.follower_fetched(fetch, at(ms)).unwrap();
        risen.max(leader.await_followers(|_, _| true, LAG, at(ms)))
    }

    #[test]
    fn follower_that_is_one_fetch_behind_joins_while_somebody_writes() {
        let mut leader = leading_alone();
        leader.log_end_moved(Offset(20), at(1));
        fetch(&mut leader, 12, 2);
        leader.log_end_moved(Offset(30), at(3));
        fetch(&mut leader, 20, 4);
        assert_eq!(leader.log_end_moved(Offset(40), at(5)), None, "it keeps up: what it has not is not committed");
        assert_eq!(fetch(&mut leader, 30, 6), None);
        assert!(leader.next_proposal(|_, _| true, at(6)).is_some(), "it has all that is committed");
    }

    #[test]
    fn follower_that_is_far_behind_is_not_waited_for() {
        let mut leader = leading_alone();
        for (log_end, ms) in [(20, 1), (30, 2), (40, 3)] {
            assert_eq!(leader.log_end_moved(Offset(log_end), at(ms)), Some(Offset(log_end)));
            fetch(&mut leader, log_end - 15, ms);
        }
    }

    #[test]
    fn nobody_waits_for_a_follower_that_stopped_or_that_the_controller_would_refuse() {
        let keeping_up = || {
            let mut leader = leading_alone();
            fetch(&mut leader, 10, 1);
            assert_eq!(leader.log_end_moved(Offset(20), at(2)), None);
            leader
        };
        assert_eq!(keeping_up().await_followers(|_, _| true, LAG, at(30_002)), None, "within the lag allowed");
        assert_eq!(keeping_up().await_followers(|_, _| true, LAG, at(30_003)), Some(Offset(20)));
        assert_eq!(keeping_up().await_followers(|_, _| false, LAG, at(3)), Some(Offset(20)));
    }
}
