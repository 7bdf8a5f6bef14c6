//! What one connection asks and how it understands the answers.

use anyhow::Result;

/// What one answer brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// Nanoseconds of latency of its own making, where the answer knows better than the clock of its request.
    pub(crate) latency: Option<u64>,
}

pub(crate) trait Dialogue: Send {
    /// The request of this id, size first. Asked for again with the same id it is the same, so that the rest of it can be
    /// sent later.
    fn request(&mut self, correlation_id: i32) -> &[u8];

    /// Takes an answer, without its size. `now` is in nanoseconds since the epoch of the load. An error ends the load: a figure
    /// of refused requests means nothing.
    fn answered(&mut self, correlation_id: i32, answer: &[u8], now: u64) -> Result<Count>;
}
