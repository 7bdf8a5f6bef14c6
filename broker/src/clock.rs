//! The only clock and the only source of entropy of the process. Cores get what this makes as arguments.

use model::{MonotonicTime, WallTime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use uuid::Uuid;

/// Cheap to copy; all copies of one process share its start. Follows the runtime's time when a test pauses that.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that counts from now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub fn now(&self) -> MonotonicTime {
        MonotonicTime::from_start(self.started.elapsed())
    }

    pub fn wall(&self) -> WallTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        WallTime(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    /// The instant a timer of the runtime must fire at so that `now()` has reached `time`.
    pub fn instant_at(&self, time: MonotonicTime) -> Instant {
        self.started + time.since_start()
    }

    /// Random version 4 UUID: topic ids, member ids.
    pub fn random_uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    /// 122 bits of entropy in 16 bytes: cluster ids. Six bits are those of a version 4 UUID, as in Kafka's own ids.
    pub fn random_bytes(&self) -> [u8; 16] {
        *Uuid::new_v4().as_bytes()
    }

    /// For session ids, jitter and choices; never zero in practice, uniform over 64 bits.
    pub fn random_u64(&self) -> u64 {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        // The fixed bits of the UUID are the version in `high` and the variant in `low`; folding covers both.
        high.rotate_left(32) ^ low
    }
}
