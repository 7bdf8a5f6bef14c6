//! The load generator: one thread, many connections, the raw protocol. In a closed loop each connection keeps its
//! depth of requests under way; in an open loop requests come by the clock whatever the broker does, and latency
//! counts from when a request should have left.

mod connection;
mod dialogue;
mod pace;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use dialogue::{Count, Dialogue};
pub(crate) use pace::{Pace, Schedule};

use anyhow::{Context, Result, anyhow};
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// What is sent where, and how.
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    /// One per connection.
    pub(crate) dialogues: Vec<Box<dyn Dialogue>>,
    /// Requests a connection has under way at most.
    pub(crate) depth: usize,
    pub(crate) pace: Pace,
    /// From when its nanoseconds count; loads that share it understand each other's times.
    pub(crate) epoch: Instant,
    /// The latency of single requests is wanted.
    pub(crate) latency: bool,
}

/// A load that runs until it is stopped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

/// What has been answered so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) answers: u64,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

struct Shared {
    answers: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    recording: AtomicBool,
    stop: AtomicBool,
    latency: Mutex<Histogram<u64>>,
}

/// From a microsecond to a minute, in nanoseconds, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("the bounds are in order")
}

impl Load {
    pub(crate) fn start(plan: Plan) -> Result<Self> {
        let shared = Arc::new(Shared {
            answers: AtomicU64::new(0),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            recording: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            latency: Mutex::new(histogram()),
        });
        let run = run::Run::connect(plan, Arc::clone(&shared))?;
        let thread = std::thread::Builder::new().name("load".into()).spawn(move || run.until_stopped())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            answers: self.shared.answers.load(Ordering::Relaxed),
            records: self.shared.records.load(Ordering::Relaxed),
            bytes: self.shared.bytes.load(Ordering::Relaxed),
        }
    }

    /// Latencies count from now on, or no longer.
    pub(crate) fn record(&self, recording: bool) {
        self.shared.recording.store(recording, Ordering::Relaxed);
    }

    /// Whether it still runs; one that ended by itself failed.
    pub(crate) fn runs(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it; the latencies of what was answered while recording.
    pub(crate) fn stop(mut self) -> Result<Histogram<u64>> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("stop a load twice")?;
        thread.join().map_err(|_| anyhow!("the load generator panicked"))??;
        let latency = self.shared.latency.lock().clone();
        Ok(latency)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// How often a load looks whether it should stop.
const HEED: Duration = Duration::from_millis(20);
