//! Deleting topics by name or id.

use super::Draft;
use crate::{
    errors::TopicError,
    image::ClusterImage,
    record::MetadataRecord,
    requests::{DeleteTopics, DeletedTopic, Reply, TopicReference},
    settings::Settings,
};
use model::{TopicId, TopicName};
use std::collections::{BTreeMap, BTreeSet};

/// Deletions that can be undone at a time. Whoever makes and deletes topics all day ends the oldest early.
const MOST_TOMBSTONES: usize = 10_000;

/// A topic that is named more than once is refused and gets one answer, as from Kafka.
pub(super) fn decide(draft: &mut Draft, settings: &Settings, request: &DeleteTopics) -> Reply {
    let mut times_referred = BTreeMap::<&TopicReference, usize>::new();
    let mut times_named = BTreeMap::<TopicId, usize>::new();
    for topic in &request.topics {
        let times = times_referred.entry(topic).or_default();
        *times += 1;
        if let ((_, id, Ok(())), 1) = (resolve(draft.image(), topic), *times) {
            *times_named.entry(id).or_default() += 1;
        }
    }
    let mut results: Vec<DeletedTopic> = Vec::new();
    let mut answered = BTreeSet::new();
    let mut answered_ids = BTreeSet::new();
    for topic in request.topics.iter().filter(|topic| answered.insert(*topic)) {
        let (name, id, found) = resolve(draft.image(), topic);
        let twice = TopicError::InvalidRequest("the topic is named more than once".to_owned());
        if times_referred.get(topic).is_some_and(|times| *times > 1) {
            let (name, id) = match topic {
                TopicReference::Name(name) => (Some(name.clone()), TopicId::ZERO),
                TopicReference::Id(id) => (None, *id),
            };
            results.push(DeletedTopic { name, id, result: Err(twice) });
        } else if times_named.get(&id).is_some_and(|times| *times > 1) {
            if answered_ids.insert(id) {
                results.push(DeletedTopic { name, id, result: Err(twice) });
            }
        } else {
            let result = found.and_then(|()| delete(draft, settings, id));
            results.push(DeletedTopic { name, id, result });
        }
    }
    Reply::TopicsDeleted(results)
}

fn delete(draft: &mut Draft, settings: &Settings, id: TopicId) -> Result<(), TopicError> {
    if !settings.delete_topic_enable {
        return Err(TopicError::DeletionDisabled);
    }
    if settings.deletion_undo_window.is_zero() {
        draft.add(MetadataRecord::TopicDeleted { id });
        return Ok(());
    }
    draft.add(MetadataRecord::TopicTombstoned { id });
    let tombstones = &draft.image().tombstones;
    if tombstones.len() > MOST_TOMBSTONES {
        let oldest = tombstones.iter().min_by_key(|(id, tombstone)| (tombstone.deleted_at, **id));
        let oldest = oldest.map(|(id, _)| MetadataRecord::TopicDeleted { id: *id });
        oldest.into_iter().for_each(|record| draft.add(record));
    }
    Ok(())
}

fn resolve(image: &ClusterImage, topic: &TopicReference) -> (Option<TopicName>, TopicId, Result<(), TopicError>) {
    match topic {
        TopicReference::Name(name) => match image.topic(name) {
            Some(topic) => (Some(name.clone()), topic.id, Ok(())),
            None => (Some(name.clone()), TopicId::ZERO, Err(TopicError::UnknownTopic)),
        },
        TopicReference::Id(id) => match image.topic_by_id(*id) {
            Some(topic) => (Some(topic.name.clone()), *id, Ok(())),
            None => (None, *id, Err(TopicError::UnknownTopicId)),
        },
    }
}
