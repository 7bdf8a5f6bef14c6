//! What a leader knows of where its followers' logs begin and end: for whoever may read from one of them (KIP-392).

use super::Leader;
use model::{BrokerId, Offset};

/// As the follower told last, in this leadership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerLog {
    pub broker: BrokerId,
    pub log_start: Offset,
    pub log_end: Offset,
}

impl FollowerLog {
    /// Whether a read from `offset` is in range there. At its end it is: the next record comes there.
    pub fn has(&self, offset: Offset) -> bool {
        self.log_start <= offset && offset <= self.log_end
    }
}

impl Leader {
    /// Of those that told both.
    pub fn follower_logs(&self) -> impl Iterator<Item = FollowerLog> {
        self.followers.iter().filter_map(|follower| {
            let (log_start, log_end) = follower.log_start.zip(follower.log_end)?;
            Some(FollowerLog { broker: follower.broker, log_start, log_end })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assignment, FollowerFetch, OwnEnds};
    use model::{BrokerEpoch, LeaderEpoch, MonotonicTime, PartitionEpoch};

    const FOLLOWER: BrokerId = BrokerId(2);

    fn leading() -> Leader {
        let assignment = Assignment {
            leader: Some(BrokerId(1)),
            leader_epoch: LeaderEpoch(5),
            partition_epoch: PartitionEpoch(5),
            replicas: vec![BrokerId(1), FOLLOWER],
            in_sync: vec![BrokerId(1), FOLLOWER],
            others_are_eligible: false,
            min_in_sync: 1,
            recovering: false,
        };
        Leader::new(BrokerId(1), assignment, OwnEnds::all_safe(Offset(10), Offset(10)), MonotonicTime::ZERO)
    }

    fn fetch(leader: &mut Leader, broker_epoch: i64, log_end: i64) {
        let fetch =
            FollowerFetch { broker: FOLLOWER, broker_epoch: BrokerEpoch(broker_epoch), log_end: Offset(log_end) };
        leader.follower_fetched(fetch, MonotonicTime::ZERO).unwrap();
    }

    #[test]
    fn follower_has_what_it_told_in_this_life_and_nothing_before_it_told() {
        let mut leader = leading();
        assert_eq!(leader.follower_logs().next(), None);
        fetch(&mut leader, 7, 9);
        leader.follower_starts_at(FOLLOWER, Offset(4));
        let log = leader.follower_logs().next().unwrap();
        assert_eq!((log.broker, log.log_start, log.log_end), (FOLLOWER, Offset(4), Offset(9)));
        assert_eq!([3, 4, 9, 10].map(|offset| log.has(Offset(offset))), [false, true, true, false]);
        // In its next life it may have lost its log.
        fetch(&mut leader, 8, 9);
        assert_eq!(leader.follower_logs().next(), None);
    }
}
