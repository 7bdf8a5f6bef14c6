//! Which topics are known to have existed, so that their absence means that they were deleted.
//!
//! Absence alone does not: offsets may be older than what this broker knows of the metadata, or newer, where another
//! coordinator took the commit.

use controller::ClusterImage;
use group_coordinator::request::CommitOffsets;
use model::{TopicId, TopicName};
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct SeenTopics {
    seen: BTreeSet<(TopicName, TopicId)>,
}

impl SeenTopics {
    /// A commit names only topics that this broker's image has.
    pub(super) fn note(&mut self, commit: &CommitOffsets) {
        for partition in &commit.partitions {
            let topic = (partition.topic.clone(), partition.topic_id);
            if !self.seen.contains(&topic) {
                self.seen.insert(topic);
            }
        }
    }

    /// Those of `committed` that `image` had once and has no more. Forgets what is no longer committed.
    pub(super) fn deleted(
        &mut self,
        committed: Vec<(TopicName, TopicId)>,
        image: &ClusterImage,
    ) -> Vec<(TopicName, TopicId)> {
        let mut still_seen = BTreeSet::new();
        let mut deleted = Vec::new();
        for topic in committed {
            // Records of older brokers do not say the id; then the name must do.
            let exists = image.topic(&topic.0).is_some_and(|now| topic.1.is_zero() || now.id == topic.1);
            if exists {
                still_seen.insert(topic);
            } else if self.seen.contains(&topic) {
                deleted.push(topic);
            }
        }
        self.seen = still_seen;
        deleted
    }
}
