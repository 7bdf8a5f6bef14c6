//! Brokers that are about to go for good. They keep what they have until it has moved, and take no new replica: neither one
//! that the controller places nor one that somebody assigns.
//!
//! It is no part of the metadata. Who takes brokers away says so before, again to each controller that takes over, and takes
//! nothing away on an image of before the answer.

use crate::image::{BrokerRegistration, ClusterImage};
use model::BrokerId;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leaving {
    /// The first of them: with it all of a higher id go. `None`: nobody does.
    pub from: Option<BrokerId>,
}

impl Leaving {
    pub const NOBODY: Self = Self { from: None };

    pub fn includes(self, broker: BrokerId) -> bool {
        self.from.is_some_and(|first| broker >= first)
    }
}

impl ClusterImage {
    /// Registered brokers that may be given replicas once they serve.
    pub fn staying_brokers(&self, leaving: Leaving) -> impl Iterator<Item = &BrokerRegistration> {
        self.brokers.values().filter(move |broker| !leaving.includes(broker.id))
    }
}
