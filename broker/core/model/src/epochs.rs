//! Epochs: numbers that only rise, each fencing a different kind of stale actor.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! epoch {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The epoch after this one; stays at the largest value instead of wrapping.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

epoch! {
    /// Rises whenever another controller takes over; brokers refuse a lower one.
    ControllerEpoch(i64)
}
epoch! {
    /// Given to a broker at each registration.
    BrokerEpoch(i64)
}
epoch! {
    /// Rises at each start of leadership of a partition.
    LeaderEpoch(i32)
}
epoch! {
    /// Rises on every change of a partition's state.
    PartitionEpoch(i32)
}
epoch! {
    /// Fences older instances of a producer. Kafka calls it "producer epoch".
    ProducerEpoch(i16)
}
epoch! {
    /// Counts committed metadata changes of a cluster.
    MetadataVersion(u64)
}

impl LeaderEpoch {
    /// What the wire carries where the epoch is not known.
    pub const UNKNOWN: Self = Self(-1);
}
