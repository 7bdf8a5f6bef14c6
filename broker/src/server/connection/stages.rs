//! What a request's time goes to, by the stages that Kafka's metrics tell apart.

use crate::metrics::TimeSpent;
use std::time::Duration;
use tokio::time::Instant;

/// When a request came from one stage to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stages {
    read: Instant,
    started: Instant,
    /// Done, or had to wait for something else.
    worked: Option<Instant>,
    answered: Option<Instant>,
}

impl Stages {
    pub(super) fn start(read: Instant, now: Instant) -> Self {
        Self { read, started: now, worked: None, answered: None }
    }

    /// The request has to wait. Only the first time counts.
    pub(super) fn waits(&mut self, now: Instant) {
        self.worked.get_or_insert(now);
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.worked.is_some()
    }

    pub(super) fn answered(&mut self, now: Instant) {
        self.waits(now);
        self.answered.get_or_insert(now);
    }

    /// The response goes to the socket; how long that takes is not known yet.
    pub(super) fn leaves(self, now: Instant) -> TimeSpent {
        let answered = self.answered.unwrap_or(now);
        let worked = self.worked.unwrap_or(answered);
        TimeSpent {
            request_queue_us: us(self.started - self.read),
            local_us: us(worked - self.started),
            remote_us: us(answered - worked),
            response_queue_us: us(now - answered),
            response_send_us: 0,
        }
    }
}

pub(super) fn us(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_counts_in_one_stage() {
        let read = Instant::now();
        let at = |ms| read + Duration::from_millis(ms);
        let mut stages = Stages::start(read, at(1));
        stages.waits(at(3));
        stages.waits(at(5));
        stages.answered(at(7));
        let expected = TimeSpent {
            request_queue_us: 1000,
            local_us: 2000,
            remote_us: 4000,
            response_queue_us: 8000,
            response_send_us: 0,
        };
        assert_eq!(stages.leaves(at(15)), expected);
    }

    #[test]
    fn what_never_waits_is_local() {
        let start = Instant::now();
        let mut stages = Stages::start(start, start);
        let done = start + Duration::from_millis(2);
        stages.answered(done);
        assert_eq!(stages.leaves(done), TimeSpent { local_us: 2000, ..TimeSpent::default() });
    }
}
