//! The partitions of a run: those of the data, and the one that committed offsets are in.

use controller::{ClusterImage, PartitionImage};
use model::{Offset, PartitionIndex, TopicId};
use std::{collections::BTreeMap, fmt};

/// How many replicas have to be in sync, until a fault says otherwise.
pub(super) const MIN_IN_SYNC: usize = 2;
pub(super) const MINIMUM: &str = "min.insync.replicas";

/// Positions by partition of the data.
pub(super) type Positions = BTreeMap<Place, Offset>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Data(PartitionIndex),
    Offsets,
}

impl Place {
    pub(super) fn data(index: i32) -> Self {
        Self::Data(PartitionIndex(index))
    }

    pub(super) fn all(data: i32) -> impl Iterator<Item = Self> {
        (0..data).map(Self::data).chain([Self::Offsets])
    }

    pub(super) fn topic(self) -> &'static str {
        match self {
            Self::Data(_) => "simulated",
            Self::Offsets => controller::topic_name::GROUP_OFFSETS,
        }
    }

    pub(super) fn index(self) -> PartitionIndex {
        match self {
            Self::Data(index) => index,
            Self::Offsets => PartitionIndex(0),
        }
    }

    pub(super) fn topic_id(self) -> TopicId {
        let number = match self {
            Self::Data(_) => 7,
            Self::Offsets => 8,
        };
        TopicId(uuid::Uuid::from_u128(number))
    }

    pub(super) fn of(topic: TopicId, index: PartitionIndex) -> Self {
        if topic == Self::Offsets.topic_id() { Self::Offsets } else { Self::Data(index) }
    }

    pub(super) fn state_in(self, image: &ClusterImage) -> Option<&PartitionImage> {
        image.topic(self.topic())?.partition(self.index())
    }

    /// `min.insync.replicas` as that image has it.
    pub(super) fn minimum_in(self, image: &ClusterImage) -> usize {
        let configured = image.topic(self.topic()).and_then(|topic| topic.configs.get(MINIMUM)?.parse().ok());
        configured.unwrap_or(MIN_IN_SYNC)
    }
}

/// As Kafka names the folder of a partition.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic(), self.index())
    }
}
