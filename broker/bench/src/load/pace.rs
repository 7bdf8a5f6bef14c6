//! When requests are due.

/// How a load decides to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// As soon as there is room.
    Closed,
    /// So many per second over all connections, by the clock; the first one `first_ns` after the load's epoch.
    Open { per_second: f64, first_ns: u64 },
}

/// The times at which requests of an open loop are due, in nanoseconds since its epoch.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    first: u64,
    interval: f64,
    sent: u64,
}

impl Schedule {
    pub(crate) fn new(per_second: f64, first: u64) -> Self {
        Self { first, interval: 1e9 / per_second, sent: 0 }
    }

    /// When request `index` is due. Computed from the index and not summed up, so that no rounding adds up over a long
    /// run.
    pub(crate) fn time(&self, index: u64) -> u64 {
        self.first + (index as f64 * self.interval) as u64
    }

    /// The next due time, if it has come.
    pub(super) fn due(&mut self, now: u64) -> Option<u64> {
        let next = self.next();
        (next <= now).then(|| {
            self.sent += 1;
            next
        })
    }

    pub(super) fn next(&self) -> u64 {
        self.time(self.sent)
    }
}
