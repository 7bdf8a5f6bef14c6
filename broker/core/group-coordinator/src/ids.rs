//! What names a member (from `model`), and the number of a rebalance.

pub use model::{InstanceId, MemberId};

use std::fmt;

/// Counts the rebalances of a group; rises at the end of each join phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub i32);

impl Generation {
    /// What commits outside any group membership carry, and what refusals answer.
    pub const NONE: Self = Self(-1);

    /// After the largest generation Kafka starts again at 1.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 == i32::MAX { Self(1) } else { Self(self.0 + 1) }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
