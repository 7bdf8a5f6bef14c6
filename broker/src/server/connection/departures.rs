//! Responses on their way to the socket: their requests end when the last byte is taken.

use super::{
    super::UNDER_WAY,
    stages::{Stages, us},
};
use crate::{Broker, metrics::TimeSpent};
use std::{collections::VecDeque, sync::Arc};
use tokio::time::Instant;

pub(super) struct Departures {
    broker: Arc<Broker>,
    /// In the order they leave.
    leaving: VecDeque<Departure>,
    /// How many responses of this connection the metrics count as queued.
    queued: usize,
}

struct Departure {
    /// The last byte of the response, counted from the first that the connection sent.
    end: u64,
    api_key: i16,
    left: Instant,
    spent: TimeSpent,
}

impl Departures {
    pub(super) fn new(broker: Arc<Broker>) -> Self {
        Self { broker, leaving: VecDeque::with_capacity(UNDER_WAY), queued: 0 }
    }

    /// A response goes to the socket; `end` counts from the first byte that the connection sent.
    pub(super) fn begin(&mut self, api_key: i16, stages: &Stages, end: u64, now: Instant) {
        self.leaving.push_back(Departure { end, api_key, left: now, spent: stages.leaves(now) });
    }

    /// So many bytes are gone since the connection began; `waiting` responses are made and wait for others before them.
    pub(super) fn sent(&mut self, bytes: u64, now: impl FnOnce() -> Instant, waiting: usize) {
        if self.leaving.front().is_some_and(|first| first.end <= bytes) {
            let now = now();
            while let Some(first) = self.leaving.pop_front_if(|first| first.end <= bytes) {
                let spent = TimeSpent { response_send_us: us(now - first.left), ..first.spent };
                if let Some(metrics) = self.broker.metrics.request(first.api_key) {
                    metrics.times.observe(&spent);
                }
            }
        }
        self.count_queued(self.leaving.len() + waiting);
    }

    fn count_queued(&mut self, queued: usize) {
        if queued != self.queued {
            self.broker.metrics.request_channel().responses.add(queued as i64 - self.queued as i64);
            self.queued = queued;
        }
    }
}

/// The connection ends: what is still leaving never arrives as a whole.
impl Drop for Departures {
    fn drop(&mut self) {
        self.count_queued(0);
        for departure in &self.leaving {
            if let Some(metrics) = self.broker.metrics.request(departure.api_key) {
                metrics.unanswered.increment();
            }
        }
    }
}
