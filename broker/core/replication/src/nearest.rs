//! From which replica a consumer is to read: one in its own rack (KIP-392).

use model::{BrokerId, Offset};

/// What a leader knows of its partition when a consumer asks it.
#[derive(Debug, Clone, Copy)]
pub struct AskedLeader<'a> {
    pub me: BrokerId,
    pub in_sync: &'a [BrokerId],
    pub log_start: Offset,
    pub high_watermark: Offset,
}

impl AskedLeader<'_> {
    /// A replica in the consumer's rack where the leader is in another. Every in-sync replica has what is committed, so
    /// whoever asks for more than that stays with the leader. So does whoever asks for what the replica has deleted already, or
    /// did not say that it has: it would be sent back, and come again.
    ///
    /// `is_near`: the broker is usable, in the consumer's rack, and to be reached where the consumer came from.
    /// `has`: a read from the offset is in range there, as far as the broker told.
    pub fn nearer_replica(
        self,
        offset: Offset,
        is_near: impl Fn(BrokerId) -> bool,
        has: impl Fn(BrokerId) -> bool,
    ) -> Option<BrokerId> {
        let is_committed = self.log_start <= offset && offset <= self.high_watermark;
        if !is_committed || self.in_sync.contains(&self.me) && is_near(self.me) {
            return None;
        }
        self.in_sync.iter().copied().find(|id| *id != self.me && is_near(*id) && has(*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADER: BrokerId = BrokerId(1);

    /// Broker 1 leads, 2 and 3 are in sync, and 4 is a replica that is not; the log begins at 10, and 20 is committed.
    fn nearer(offset: i64, near: &[i32], has: &[i32]) -> Option<i32> {
        let in_sync = [LEADER, BrokerId(2), BrokerId(3)];
        let leader = AskedLeader { me: LEADER, in_sync: &in_sync, log_start: Offset(10), high_watermark: Offset(20) };
        let is_of = |ids: &[i32], id: BrokerId| ids.contains(&id.0);
        leader.nearer_replica(Offset(offset), |id| is_of(near, id), |id| is_of(has, id)).map(|id| id.0)
    }

    #[test]
    fn consumer_is_sent_to_an_in_sync_replica_of_its_rack_that_has_what_it_asks_for() {
        let all = &[1, 2, 3, 4][..];
        for (what, offset, near, has, expected) in [
            ("in its rack", 15, &[3][..], all, Some(3)),
            ("the first of two", 15, &[2, 3], all, Some(2)),
            ("the first one lacks the offset", 15, &[2, 3], &[3], Some(3)),
            ("none of them has it", 15, &[2, 3], &[4], None),
            ("the leader is as near", 15, &[1, 3], all, None),
            ("not in sync", 15, &[4], all, None),
            ("nobody is near", 15, &[], all, None),
            ("the beginning", 10, &[3], all, Some(3)),
            ("deleted", 9, &[3], all, None),
            ("the end", 20, &[3], all, Some(3)),
            ("not committed", 21, &[3], all, None),
        ] {
            assert_eq!(nearer(offset, near, has), expected, "{what}");
        }
    }
}
