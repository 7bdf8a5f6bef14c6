//! A follower's request, as the replica it is sent to sees it.
//!
//! | in this order | otherwise |
//! |---|---|
//! | its leader epoch is ours, and we lead | [`NotServed`] |
//! | all that it has is in our log | told where the logs part, to cut its own back |
//! | it asks for what our log has, or for its end | told where our log begins |
//! | it is a replica, in no earlier life | [`NotServed`] |
//!
//! Only then what it has counts for the high watermark and the ISR.

use crate::{NotServed, OwnLog, Replica, check_epoch, divergence, leader::FollowerFetch};
use model::{BrokerEpoch, BrokerId, LeaderEpoch, MonotonicTime, Offset};

/// A follower in one of its lives, and what it asks of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerRequest {
    pub broker: BrokerId,
    /// Its registration; −1 where it does not know it yet.
    pub broker_epoch: BrokerEpoch,
    pub leader_epoch: LeaderEpoch,
    pub last_fetched_epoch: LeaderEpoch,
    /// It has everything before.
    pub log_end: Offset,
}

/// Why it gets no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRecords {
    NotServed(NotServed),
    Diverges { epoch: LeaderEpoch, end: Offset },
    OutOfRange { log_start: Offset },
}

impl From<NotServed> for NoRecords {
    fn from(error: NotServed) -> Self {
        Self::NotServed(error)
    }
}

impl Replica {
    /// The answer is the new high watermark if it rose.
    pub fn follower_asks(
        &mut self,
        log: &impl OwnLog,
        asks: FollowerRequest,
        now: MonotonicTime,
    ) -> Result<Option<Offset>, NoRecords> {
        check_epoch(asks.leader_epoch, self.leader_epoch(), self.leader().is_ok())?;
        if let Some((epoch, end)) = divergence(log, asks.last_fetched_epoch, asks.log_end) {
            return Err(NoRecords::Diverges { epoch, end });
        }
        if asks.log_end < log.log_start() || asks.log_end > log.log_end() {
            return Err(NoRecords::OutOfRange { log_start: log.log_start() });
        }
        let FollowerRequest { broker, broker_epoch, log_end, .. } = asks;
        Ok(self.leader_mut()?.follower_fetched(FollowerFetch { broker, broker_epoch, log_end }, now)?)
    }
}
