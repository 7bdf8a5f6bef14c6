//! The words every Weir crate shares: ids, offsets, epochs and the two kinds of time.
//!
//! It is: one type per id, offset and epoch, so that a leader epoch can never be passed for a partition epoch.
//! It is not: behaviour. Nothing here decides anything, and nothing here reads a clock or makes a random id.
//!
//! Start with [`ids`] (what names a thing), then [`epochs`], [`offsets`] and [`time`].

pub mod epochs;
pub mod ids;
pub mod mistakes;
pub mod offsets;
pub mod time;

pub use epochs::{BrokerEpoch, ControllerEpoch, LeaderEpoch, MetadataVersion, PartitionEpoch, ProducerEpoch};
pub use ids::{
    BrokerId, ClusterId, GroupId, Incarnation, InstanceId, LogLife, MemberId, PartitionIndex, ProducerId, ReignId,
    TopicId, TopicName, TopicPartition,
};
pub use offsets::{Offset, Sequence};
pub use time::{MonotonicTime, WallTime};
