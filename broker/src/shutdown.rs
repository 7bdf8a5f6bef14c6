//! What ends the process: a signal, or a failure that leaves nothing to serve.

use std::{process, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Requests in progress get this long after the first signal. Longer waits (a consumer's long poll, a group's rebalance)
/// are answered or cut at once, so this covers only appends on their way to disk.
pub const DRAIN_PATIENCE: Duration = Duration::from_millis(500);

/// The whole stop. Container runtimes kill after ten seconds; an exit of our own comes before that and says why.
pub const STOP_LIMIT: Duration = Duration::from_secs(9);

/// The conventional status of a process ended by SIGINT; a second signal exits with it.
const EXIT_INTERRUPTED: i32 = 130;

/// SIGTERM and SIGINT, taken over from the moment this is made.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Must run inside a runtime.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next signal.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// From now on a signal ends the process at once; whatever is unfinished is recovered at the next start.
    pub fn end_at_next(mut self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            let signal = self.next().await;
            tracing::warn!(signal, "second signal, ending without a clean stop");
            process::exit(EXIT_INTERRUPTED);
        })
    }
}
