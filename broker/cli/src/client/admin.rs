//! Requests that change or show the cluster itself, one function each, refusals as errors.

mod configs;
mod groups;
mod list_offsets;
mod offsets;
mod topics;

pub(crate) use configs::{ConfigChange, ConfigEntry, ConfigSource, Resource};
pub(crate) use groups::{GroupDescription, GroupListing, Member};
pub(crate) use list_offsets::{OffsetSpec, list_offsets};
pub(crate) use offsets::{Committed, commit_request, committed_offsets};
pub(crate) use topics::{NewTopic, PartitionDescription, Reassignment, TopicDescription};

use super::Cluster;

/// The administrator's view of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) cluster: Cluster,
}

impl Admin {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// What the broker may take over a change, as requests carry it.
    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.cluster.options().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }
}
