//! The memory budget for requests: a connection holds a grant for the bytes of a request before it reads them.
//!
//! Without a grant a connection stops reading and TCP holds the client back. Small reads, ordinary frames,
//! large frames and decoding draw from pools of their own: clients which hold large frames back cannot keep others'
//! requests from being read, and nobody who holds decoding memory waits for another grant, so there is no circle of
//! waiting.

use std::{fs, sync::Arc};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Grants are counted in units of this many bytes: a semaphore counts to 2^32 at the least, so this covers 4 TiB.
const UNIT: usize = 1024;
/// Of the memory the process may use, requests get a quarter, but never less than [`SMALLEST_BUDGET`].
const SHARE_OF_LIMIT: u64 = 4;
const SMALLEST_BUDGET: u64 = 64 << 20;
/// Of the budget, small reads, ordinary frames and decoding have each this part for themselves; large frames the rest.
const SHARE_OF_POOL: u64 = 4;
/// Up to this a frame is an ordinary one: clients send at most 1 MiB unless told otherwise (`max.request.size`).
const LARGEST_ORDINARY_FRAME: usize = 2 << 20;
/// When nothing tells how much memory there is.
const ASSUMED_LIMIT: u64 = 1 << 30;

/// Bytes that requests of all connections may occupy. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct RequestMemory {
    small: Pool,
    ordinary: Pool,
    large: Pool,
    decoded: Pool,
}

#[derive(Debug, Clone)]
struct Pool {
    semaphore: Arc<Semaphore>,
    units: u32,
}

/// The right to occupy some bytes; given back when dropped.
#[derive(Debug)]
pub(crate) struct Grant {
    permit: OwnedSemaphorePermit,
}

/// Which pool a grant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// The read buffer of a connection.
    Small,
    /// A buffer for exactly one frame of a size that clients send by default.
    Ordinary,
    /// A buffer for exactly one frame above that.
    Large,
    /// What the structures of a decoded request take besides its frame.
    Decoded,
}

impl Size {
    /// Of the buffer for a frame that is read by itself.
    pub(super) fn of_frame(length: usize) -> Self {
        if length <= LARGEST_ORDINARY_FRAME { Self::Ordinary } else { Self::Large }
    }
}

impl RequestMemory {
    pub(super) fn new(budget: u64) -> Self {
        let part = budget / SHARE_OF_POOL;
        Self {
            small: Pool::new(part),
            ordinary: Pool::new(part),
            large: Pool::new(budget - 3 * part),
            decoded: Pool::new(part),
        }
    }

    /// The budget of this process: what is configured, else a quarter of what the control group or the machine allows.
    pub(super) fn of_process(configured: Option<u64>) -> Self {
        Self::new(configured.unwrap_or_else(|| (memory_limit() / SHARE_OF_LIMIT).max(SMALLEST_BUDGET)))
    }

    /// None when the pool has not that much left.
    pub(super) fn try_grant(&self, size: Size, bytes: usize) -> Option<Grant> {
        let pool = self.pool(size);
        let permit = pool.semaphore.clone().try_acquire_many_owned(pool.units_for(bytes)).ok()?;
        Some(Grant { permit })
    }

    /// Waits in line. A request larger than the whole pool gets the whole pool.
    pub(super) async fn grant(&self, size: Size, bytes: usize) -> Result<Grant, AcquireError> {
        let pool = self.pool(size);
        let permit = pool.semaphore.clone().acquire_many_owned(pool.units_for(bytes)).await?;
        Ok(Grant { permit })
    }

    /// Whether less than an eighth of the pool is left: then those who hold without using must give up.
    pub(super) fn is_scarce(&self, size: Size) -> bool {
        let pool = self.pool(size);
        pool.semaphore.available_permits() < pool.units as usize / 8
    }

    fn pool(&self, size: Size) -> &Pool {
        match size {
            Size::Small => &self.small,
            Size::Ordinary => &self.ordinary,
            Size::Large => &self.large,
            Size::Decoded => &self.decoded,
        }
    }
}

impl Pool {
    fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT as u64).unwrap_or(u32::MAX).max(1);
        let units = units.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self { semaphore: Arc::new(Semaphore::new(units as usize)), units }
    }

    fn units_for(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units)
    }
}

impl Grant {
    /// Hands a part of this grant to a frame cut from the buffer it stands for. None when less than a unit.
    pub(super) fn split(&mut self, bytes: usize) -> Option<Self> {
        let units = (bytes / UNIT).min(self.permit.num_permits());
        if units == 0 {
            return None;
        }
        self.permit.split(units).map(|permit| Self { permit })
    }
}

/// What the control group allows, else what the machine has.
pub(crate) fn memory_limit() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory(&text));
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    match (machine, group) {
        (Some(machine), Some(group)) => machine.min(group),
        (Some(limit), None) | (None, Some(limit)) => limit,
        (None, None) => ASSUMED_LIMIT,
    }
}

fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn large_frames_cannot_take_what_small_reads_need() {
        let memory = RequestMemory::new(1 << 20);
        let _all = memory.try_grant(Size::Large, 100 << 20).unwrap();
        assert!(memory.try_grant(Size::Large, 1).is_none());
        assert!(memory.is_scarce(Size::Large));
        assert!(memory.try_grant(Size::Small, 64 << 10).is_some());
        assert!(memory.try_grant(Size::of_frame(100 << 10), 100 << 10).is_some());
        assert!(memory.try_grant(Size::of_frame(3 << 20), 3 << 20).is_none());
    }

    #[test]
    fn a_grant_returns_when_its_last_part_is_dropped() {
        let memory = RequestMemory::new(256 << 10);
        let mut buffer = memory.try_grant(Size::Small, 64 << 10).unwrap();
        let frame = buffer.split(40 << 10).unwrap();
        drop(buffer);
        assert!(memory.try_grant(Size::Small, 25 << 10).is_none());
        drop(frame);
        assert!(memory.try_grant(Size::Small, 64 << 10).is_some());
    }

    #[tokio::test]
    async fn a_frame_above_the_whole_budget_waits_for_all_of_it() {
        let memory = RequestMemory::new(1 << 20);
        let other = memory.try_grant(Size::Large, 1).unwrap();
        let mut waiting = Box::pin(memory.grant(Size::Large, 1 << 30));
        assert!((&mut waiting).now_or_never().is_none());
        drop(other);
        assert!(waiting.now_or_never().is_some());
    }

    #[test]
    fn total_memory_is_read_from_meminfo() {
        assert_eq!(total_memory("MemFree: 1 kB\nMemTotal:       24586724 kB\n"), Some(24_586_724 * 1024));
        assert_eq!(total_memory("nothing"), None);
    }
}
