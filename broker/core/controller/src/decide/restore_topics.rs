//! Undoing a deletion, while its tombstone is there.

use super::Draft;
use crate::{
    errors::TopicError,
    image::{ClusterImage, Tombstone},
    record::MetadataRecord,
    requests::{Reply, RestoredTopic, TopicReference},
};
use model::TopicId;

pub(super) fn decide(draft: &mut Draft, topics: &[TopicReference]) -> Reply {
    let restore = |topic: &TopicReference| {
        let result = restore(draft, topic);
        RestoredTopic { topic: topic.clone(), result }
    };
    Reply::TopicsRestored(topics.iter().map(restore).collect())
}

fn restore(draft: &mut Draft, reference: &TopicReference) -> Result<TopicId, TopicError> {
    let image = draft.image();
    let Tombstone { topic, .. } = resolve(image, reference)?;
    if image.topic(&topic.name).is_some() {
        return Err(TopicError::AlreadyExists(topic.name.to_string()));
    }
    if let Some(existing) = image.topics.colliding_with(&topic.name) {
        return Err(TopicError::Collides { name: topic.name.to_string(), existing: existing.to_string() });
    }
    let id = topic.id;
    draft.add(MetadataRecord::TopicRestored { id });
    Ok(id)
}

/// Of several topics that had the name, the one deleted last.
fn resolve<'a>(image: &'a ClusterImage, reference: &TopicReference) -> Result<&'a Tombstone, TopicError> {
    match reference {
        TopicReference::Id(id) => image.tombstones.get(id).ok_or(TopicError::UnknownTopicId),
        TopicReference::Name(name) => {
            let named = image.tombstones.values().filter(|tombstone| tombstone.topic.name == *name);
            named.max_by_key(|tombstone| tombstone.deleted_at).ok_or(TopicError::UnknownTopic)
        }
    }
}
