//! The memory budget for responses: what consumers that do not read may hold at most.

use crate::server::memory_limit;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Grants are counted in units of this many bytes.
const UNIT: usize = 1024;
/// Of the memory the process may use, this part in hundredths, but never less than [`SMALLEST_BUDGET`].
const SHARE_OF_LIMIT: u64 = 15;
const SMALLEST_BUDGET: u64 = 64 << 20;

/// Bytes of record copies in responses of all connections.
#[derive(Debug)]
pub(super) struct ResponseMemory {
    units: Arc<Semaphore>,
}

/// The right to hold copies; given back in parts, as the buffers it covers are sent.
pub(super) type Grant = OwnedSemaphorePermit;

/// A buffer and its part of the grant.
pub(super) struct Held {
    buffer: Vec<u8>,
    _part: Option<Grant>,
}

impl ResponseMemory {
    pub(super) fn of_process() -> Self {
        Self::new((memory_limit() / 100 * SHARE_OF_LIMIT).max(SMALLEST_BUDGET))
    }

    pub(super) fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / UNIT;
        Self { units: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))) }
    }

    /// None when so much is not left. Nobody waits here: there is a way to answer without copies.
    pub(super) fn try_grant(&self, bytes: usize) -> Option<Grant> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.units).try_acquire_many_owned(units).ok()
    }
}

impl Held {
    pub(super) fn bytes(buffer: Vec<u8>, grant: Option<&mut Grant>) -> Bytes {
        let part = grant.and_then(|grant| grant.split(grant.num_permits().min(buffer.len().div_ceil(UNIT))));
        Bytes::from_owner(Self { buffer, _part: part })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_comes_back_when_the_buffer_is_sent() {
        let memory = ResponseMemory::new(10 * 1024);
        let mut grant = memory.try_grant(10 * 1024).unwrap();
        assert!(memory.try_grant(1).is_none());
        let sent = Held::bytes(vec![0; 6 * 1024], Some(&mut grant));
        drop(grant);
        assert!(memory.try_grant(5 * 1024).is_none(), "six of ten are held by the buffer");
        assert!(memory.try_grant(4 * 1024).is_some());
        drop(sent);
        assert!(memory.try_grant(10 * 1024).is_some());
    }
}
