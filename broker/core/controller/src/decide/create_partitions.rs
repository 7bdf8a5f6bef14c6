//! Adding partitions to a topic. Existing ones never change.

use super::{
    Draft,
    create_topics::{MAX_PARTITIONS_PER_REQUEST, check_assignment, replicas_for_factor},
};
use crate::{
    errors::TopicError,
    leaving::Leaving,
    placement,
    record::MetadataRecord,
    requests::{CreatePartitions, MorePartitions, Reply},
};
use model::TopicName;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn decide(draft: &mut Draft, leaving: Leaving, request: &CreatePartitions) -> Reply {
    let mut times_named = BTreeMap::<&TopicName, usize>::new();
    for topic in &request.topics {
        *times_named.entry(&topic.name).or_default() += 1;
    }
    Reply::PartitionsCreated(draft.attempt(request.validate_only, |draft| {
        let mut seen = BTreeSet::new();
        let mut room = MAX_PARTITIONS_PER_REQUEST;
        let once = request.topics.iter().filter(|topic| seen.insert(&topic.name));
        once.map(|topic| {
            let result = if times_named.get(&topic.name).is_some_and(|times| *times > 1) {
                Err(TopicError::InvalidRequest("duplicate topic name".to_owned()))
            } else {
                grow(draft, leaving, topic, &mut room)
            };
            (topic.name.clone(), result)
        })
        .collect()
    }))
}

fn grow(draft: &mut Draft, leaving: Leaving, request: &MorePartitions, room: &mut usize) -> Result<(), TopicError> {
    let image = draft.image();
    let topic = image.topic(&request.name).ok_or(TopicError::UnknownTopic)?;
    let id = topic.id;
    let present = topic.partitions.len();
    let wanted = usize::try_from(request.count).unwrap_or(0);
    if wanted <= present {
        let what = if wanted == present { "already has as many" } else { "has more: partitions cannot be taken away" };
        return Err(TopicError::InvalidPartitions(format!(
            "the topic has {present} partition(s), {} asked for: it {what}",
            request.count
        )));
    }
    let added = wanted - present;
    if added > *room {
        return Err(TopicError::InvalidPartitions(format!(
            "one request may create {MAX_PARTITIONS_PER_REQUEST} partitions at most"
        )));
    }
    let replication_factor = topic.replication_factor();
    let replicas = match &request.assignments {
        None => {
            let factor = i16::try_from(replication_factor).unwrap_or(i16::MAX);
            placement::place(image, leaving, added, replicas_for_factor(image, leaving, factor)?)
        }
        Some(assignments) if assignments.len() != added => {
            return Err(TopicError::InvalidReplicaAssignment(format!(
                "{added} partition(s) would be added, {} assignment(s) given",
                assignments.len()
            )));
        }
        Some(assignments) => {
            for replicas in assignments {
                check_assignment(image, leaving, replicas, Some(replication_factor))?;
            }
            assignments.clone()
        }
    };
    *room -= added;
    let partitions = replicas.into_iter().map(|replicas| placement::new_partition(image, replicas)).collect();
    draft.add(MetadataRecord::PartitionsAdded { id, partitions });
    Ok(())
}
