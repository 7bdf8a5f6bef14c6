//! Which topics are known to have existed, so that their absence means that they were deleted.
//!
//! Absence alone does not: offsets may be older than what this broker knows of the metadata, or newer, where another
//! coordinator took the commit.

use controller::{ClusterImage, TopicImage};
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
            let is_it = |found: &TopicImage| topic.1.is_zero() || found.id == topic.1;
            let stays = match image.topic(&topic.0) {
                Some(now) => is_it(now),
                // It may be restored, and then goes on where it was; another topic of the name must not begin there.
                None => image.tombstones.values().any(|kept| kept.topic.name == topic.0 && is_it(&kept.topic)),
            };
            if stays {
                still_seen.insert(topic);
            } else if self.seen.contains(&topic) {
                deleted.push(topic);
            }
        }
        self.seen = still_seen;
        deleted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller::{MetadataChange, MetadataRecord};

    fn id(number: u128) -> TopicId {
        TopicId(uuid::Uuid::from_u128(number))
    }

    fn apply(image: &mut ClusterImage, record: MetadataRecord) {
        let version = image.metadata_version.next();
        image.apply(&MetadataChange { version, records: vec![record] }).unwrap();
    }

    fn created(number: u128) -> MetadataRecord {
        MetadataRecord::TopicCreated { id: id(number), name: "orders".into(), partitions: Vec::new() }
    }

    #[test]
    fn offsets_of_a_topic_that_may_be_restored_stay_until_its_name_is_another_topics() {
        let mut image = ClusterImage::empty("cluster".into());
        let mut topics = SeenTopics::default();
        apply(&mut image, created(1));
        for known in [id(1), TopicId::ZERO] {
            topics.seen.insert(("orders".into(), known));
        }
        let committed = || vec![("orders".into(), id(1)), ("orders".into(), TopicId::ZERO)];
        assert!(topics.deleted(committed(), &image).is_empty());
        apply(&mut image, MetadataRecord::TopicTombstoned { id: id(1) });
        assert!(topics.deleted(committed(), &image).is_empty(), "it may be restored");
        let mut restored = image.clone();
        apply(&mut restored, MetadataRecord::TopicRestored { id: id(1) });
        assert!(topics.deleted(committed(), &restored).is_empty());
        let mut gone = image.clone();
        apply(&mut gone, MetadataRecord::TopicDeleted { id: id(1) });
        let mut seen = SeenTopics { seen: topics.seen.clone() };
        assert_eq!(seen.deleted(committed(), &gone), committed());
        apply(&mut image, created(2));
        assert_eq!(topics.deleted(committed(), &image), [("orders".into(), id(1))], "another topic has the name");
    }
}
