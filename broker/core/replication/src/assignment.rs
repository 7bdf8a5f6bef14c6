//! What the controller decided about one partition, as far as a replica needs it.

use model::{BrokerId, LeaderEpoch, PartitionEpoch};

/// One partition's committed state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// `None` while no replica may lead.
    pub leader: Option<BrokerId>,
    pub leader_epoch: LeaderEpoch,
    /// Rises with every change; an older state than the known one changes nothing.
    pub partition_epoch: PartitionEpoch,
    pub replicas: Vec<BrokerId>,
    /// The committed in-sync replicas, the leader among them.
    pub in_sync: Vec<BrokerId>,
    /// Replicas outside the in-sync set may be elected, as long as nothing more is committed without them.
    pub others_are_eligible: bool,
    /// `min.insync.replicas` of the topic.
    pub min_in_sync: usize,
    /// An unclean election made the leader.
    pub recovering: bool,
}

impl Assignment {
    /// Asking for more in-sync replicas than a partition has would make it unwritable for ever.
    pub fn effective_min_in_sync(&self) -> usize {
        self.min_in_sync.min(self.replicas.len())
    }
}
