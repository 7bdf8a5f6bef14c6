//! The follower's side: what to ask the leader for, and what to do with the answer (KIP-101, KIP-279, KIP-595's
//! truncation on fetch).
//!
//! | answer | this replica |
//! |---|---|
//! | records | appends them, if nothing moved since it asked |
//! | another history (diverging epoch) | cuts its log back, by leader epochs only, and asks again |
//! | our end lies below the leader's first offset | drops the log and begins at that offset |
//! | our epoch is older than the leader's | waits for metadata |
//! | the leader does not lead yet, or is busy | asks again later |

use model::{
    BrokerId, LeaderEpoch, MonotonicTime, Offset,
    mistakes::{Mistake, is_made},
};
use std::time::Duration;

/// After an answer that only time can mend.
const BACKOFF: Duration = Duration::from_millis(100);

/// One followership; another leader epoch starts a new one.
#[derive(Debug)]
pub struct Follower {
    leader: BrokerId,
    leader_epoch: LeaderEpoch,
    not_before: MonotonicTime,
    awaits_metadata: bool,
}

/// What the follower has to know of its own log.
pub trait OwnLog {
    fn log_start(&self) -> Offset;
    fn log_end(&self) -> Offset;
    fn high_watermark(&self) -> Offset;
    fn latest_epoch(&self) -> Option<LeaderEpoch>;
    /// The largest epoch at or below the asked one, and where it ended.
    fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)>;
}

/// One partition of a Fetch request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextFetch {
    pub leader: BrokerId,
    pub leader_epoch: LeaderEpoch,
    pub offset: Offset,
    /// Of the record before `offset`; [`LeaderEpoch::UNKNOWN`] for an empty log.
    pub last_fetched_epoch: LeaderEpoch,
    pub log_start: Offset,
}

/// One partition of a Fetch response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchAnswer {
    Records {
        high_watermark: Offset,
        log_start: Offset,
    },
    /// The leader has no such record: the last epoch it shares, as far as it knows, and where that ended.
    Diverging {
        epoch: LeaderEpoch,
        end: Offset,
    },
    /// Below the first offset of the leader, or above its last.
    OutOfRange {
        log_start: Offset,
    },
    /// The leader has a newer epoch.
    FencedEpoch,
    /// Anything that goes by.
    NotNow,
}

/// What to do, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowerStep {
    /// Append the records of the answer.
    Append,
    /// Drop everything from this offset on.
    TruncateTo(Offset),
    /// Drop everything and begin at this offset.
    RestartAt(Offset),
    /// As far as the log reaches.
    AdvanceHighWatermark(Offset),
    /// The leader deleted what is before.
    AdvanceLogStart(Offset),
}

impl Follower {
    pub(crate) fn new(leader: BrokerId, leader_epoch: LeaderEpoch) -> Self {
        Self { leader, leader_epoch, not_before: MonotonicTime::ZERO, awaits_metadata: false }
    }

    pub fn leader(&self) -> BrokerId {
        self.leader
    }

    /// What to ask now; `None` while there is nothing to ask, until [`Self::next_attempt`] or other metadata.
    pub fn next_fetch(&self, log: &impl OwnLog, now: MonotonicTime) -> Option<NextFetch> {
        if self.awaits_metadata || now < self.not_before {
            return None;
        }
        Some(NextFetch {
            leader: self.leader,
            leader_epoch: self.leader_epoch,
            offset: log.log_end(),
            last_fetched_epoch: last_fetched_epoch(log),
            log_start: log.log_start(),
        })
    }

    /// When it may ask again; `None` while only other metadata helps.
    pub fn next_attempt(&self) -> Option<MonotonicTime> {
        (!self.awaits_metadata).then_some(self.not_before)
    }

    /// What the leader sent could not be taken in.
    pub fn failed(&mut self, now: MonotonicTime) {
        self.not_before = now + BACKOFF;
    }

    /// The controller said something about the partition: what kept it from asking may be over.
    pub(crate) fn met_metadata(&mut self) {
        self.awaits_metadata = false;
        self.not_before = MonotonicTime::ZERO;
    }

    /// The answer to `asked`. Nothing of it counts if the log or the leader is another by now. A log that was cut back and has
    /// grown since may end where it ended before, and is told by the epoch of its last record.
    pub fn answered(
        &mut self,
        asked: NextFetch,
        answer: FetchAnswer,
        log: &impl OwnLog,
        now: MonotonicTime,
    ) -> Vec<FollowerStep> {
        let is_current = asked.leader == self.leader && asked.leader_epoch == self.leader_epoch;
        let is_same_log = asked.offset == log.log_end() && asked.last_fetched_epoch == last_fetched_epoch(log);
        if !(is_made(Mistake::TakeOutdatedAnswer) || is_current && is_same_log) {
            return Vec::new();
        }
        match answer {
            FetchAnswer::Records { high_watermark, log_start } => {
                let mut steps = vec![FollowerStep::Append, FollowerStep::AdvanceHighWatermark(high_watermark)];
                if log_start > log.log_start() {
                    steps.push(FollowerStep::AdvanceLogStart(log_start));
                }
                steps
            }
            FetchAnswer::Diverging { epoch, end } => vec![FollowerStep::TruncateTo(truncation(log, epoch, end))],
            FetchAnswer::OutOfRange { log_start } if log_start > log.log_end() => {
                vec![FollowerStep::RestartAt(log_start)]
            }
            // Our end lies above the leader's, and it knows no epoch of ours: it tells so by a diverging epoch next time.
            FetchAnswer::OutOfRange { .. } | FetchAnswer::NotNow => {
                self.not_before = now + BACKOFF;
                Vec::new()
            }
            FetchAnswer::FencedEpoch => {
                self.awaits_metadata = true;
                Vec::new()
            }
        }
    }
}

fn last_fetched_epoch(log: &impl OwnLog) -> LeaderEpoch {
    log.latest_epoch().unwrap_or(LeaderEpoch::UNKNOWN)
}

/// Where the histories part at the latest. With an epoch of the leader that this log lacks it is cut back to the end of
/// the epoch before, and the next answer says more. Never to the high watermark: it may lag behind what is committed.
fn truncation(log: &impl OwnLog, epoch: LeaderEpoch, end: Offset) -> Offset {
    if is_made(Mistake::TruncateToHighWatermark) {
        return log.high_watermark();
    }
    let shared = match log.end_of_epoch(epoch) {
        Some((own, own_end)) if own == epoch => own_end.min(end),
        Some((_, own_end)) => own_end,
        None => end,
    };
    shared.min(log.log_end())
}

#[cfg(test)]
mod tests;
