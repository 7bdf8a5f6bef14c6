//! Feature levels (KIP-584): rules that are part of the stored format, and are in force from a level on that a person, or
//! the making of the cluster, has set. Metadata that never heard of a feature is at its lowest level.

use crate::image::ClusterImage;
use std::collections::BTreeMap;

/// How tools tell which Kafka a cluster matches. Nothing here depends on it, so there is one level: that of Kafka 4.3.
pub const METADATA_VERSION: &str = "metadata.version";
/// KIP-966. 0: who leaves an ISR is forgotten. 1: see [`crate::succession`].
pub const ELIGIBLE_LEADER_REPLICAS: &str = "eligible.leader.replicas.version";

/// 1: people may keep brokers from something, see [`crate::holds`].
pub const BROKER_HOLDS: &str = "weir.broker.holds.version";

/// Finalized levels by name.
pub type FeatureLevels = BTreeMap<String, i16>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureDefinition {
    pub name: &'static str,
    pub lowest: i16,
    pub highest: i16,
}

const DEFINITIONS: &[FeatureDefinition] = &[
    FeatureDefinition { name: ELIGIBLE_LEADER_REPLICAS, lowest: 0, highest: 1 },
    FeatureDefinition { name: METADATA_VERSION, lowest: 30, highest: 30 },
    FeatureDefinition { name: BROKER_HOLDS, lowest: 0, highest: 1 },
];

/// In the order of their names.
pub fn definitions() -> &'static [FeatureDefinition] {
    DEFINITIONS
}

pub fn definition(name: &str) -> Option<&'static FeatureDefinition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

impl ClusterImage {
    /// The level in force; 0 for a feature that is not known here.
    pub fn feature_level(&self, name: &str) -> i16 {
        let stored = self.features.get(name).copied();
        stored.or_else(|| definition(name).map(|definition| definition.lowest)).unwrap_or(0)
    }

    /// Every feature with its level in force.
    pub fn feature_levels(&self) -> impl Iterator<Item = (&'static FeatureDefinition, i16)> {
        DEFINITIONS.iter().map(|definition| (definition, self.feature_level(definition.name)))
    }
}
