//! What is to be done about a topic: one step after the other, each decided on what the controller has committed.

use super::valid_topic::ValidTopic;
use crate::reconcilers::replicas::Places;
use controller::{ClusterImage, Leaving, PartitionImage, TopicImage, requests::NewTopic};
use custom_resources::topic::reason;
use model::{BrokerId, TopicId, TopicName, TopicPartition};

#[derive(Debug, Clone)]
pub enum Step {
    Create(NewTopic),
    /// It was deleted by a client, and its records are still there.
    Restore(TopicId),
    AddPartitions(i32),
    /// `None` is reset.
    SetConfigs(Vec<(String, Option<String>)>),
    Reassign(Vec<(TopicPartition, Vec<BrokerId>)>),
}

impl Step {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Restore(_) => "restore",
            Self::AddPartitions(_) => "add partitions",
            Self::SetConfigs(_) => "set configs",
            Self::Reassign(_) => "reassign",
        }
    }
}

#[derive(Debug, Clone)]
pub enum Decision {
    Do(Step),
    /// Nothing can be done about it here, or not now.
    Not {
        reason: &'static str,
        message: String,
    },
    Good,
}

fn not(reason: &'static str, message: impl Into<String>) -> Decision {
    Decision::Not { reason, message: message.into() }
}

/// `leaving`: brokers that are to be given nothing.
pub fn decide(topic: &ValidTopic, image: &ClusterImage, leaving: Leaving) -> Decision {
    let Some(there) = image.topic(&topic.name) else { return missing(topic, image, leaving) };
    if !topic.owns(there.id) && !topic.adopts {
        let message = format!(
            "topic {} exists and is not this resource's: annotate the resource with {}=true to take it over",
            topic.name,
            custom_resources::topic::ADOPT_ANNOTATION
        );
        return not(reason::TOPIC_EXISTS, message);
    }
    if topic.is_paused {
        return not(reason::PAUSED, "spec.paused: the topic is left as it is");
    }
    let configs = config_changes(topic, there);
    if !configs.is_empty() {
        return Decision::Do(Step::SetConfigs(configs));
    }
    let partitions = i32::try_from(there.partitions.len()).unwrap_or(i32::MAX);
    match topic.partitions {
        Some(wanted) if wanted > partitions => return Decision::Do(Step::AddPartitions(wanted)),
        Some(wanted) if wanted < partitions => {
            let message =
                format!("the topic has {partitions} partitions, {wanted} are wanted: they cannot become fewer");
            return not(reason::PARTITIONS_SHRINK, message);
        }
        _ => {}
    }
    // Replicas that only change their places are as many as wanted, and nobody's concern.
    if let Some(wanted) = topic.replicas
        && there.partitions.iter().any(|partition| partition.is_being_reassigned() && changes_factor(partition, wanted))
    {
        return not(reason::REASSIGNING, "replicas are added or removed");
    }
    if let Some(decision) = topic.replicas.and_then(|replicas| change_replicas(there, replicas, image, leaving)) {
        return decision;
    }
    let offline = there.partitions.iter().filter(|partition| partition.leader.is_none()).count();
    if offline > 0 {
        let lost = there.partitions.iter().filter(|partition| partition.isr.is_empty()).count();
        let why = match lost {
            0 => String::new(),
            _ => format!(
                ", {lost} of them because the disk of the last replica in sync was lost: an unclean election gives it up"
            ),
        };
        return not(reason::PARTITIONS_OFFLINE, format!("{offline} partitions without a leader{why}"));
    }
    Decision::Good
}

/// Whether the topic has what the resource says, and nothing that it said before.
pub(super) fn has_configs(topic: &ValidTopic, there: &TopicImage) -> bool {
    config_changes(topic, there).is_empty()
}

/// Keys that the resource never named are not its own.
fn config_changes(topic: &ValidTopic, there: &TopicImage) -> Vec<(String, Option<String>)> {
    let differs = |(key, value): &(&String, &String)| there.configs.get(*key) != Some(*value);
    let set = topic.configs.iter().filter(differs).map(|(key, value)| (key.clone(), Some(value.clone())));
    let is_over = |key: &&String| !topic.configs.contains_key(*key) && there.configs.contains_key(*key);
    let reset = topic.known_keys.iter().filter(is_over).map(|key| (key.clone(), None));
    set.chain(reset).collect()
}

fn missing(topic: &ValidTopic, image: &ClusterImage, leaving: Leaving) -> Decision {
    if topic.is_paused {
        return not(reason::PAUSED, "spec.paused: the topic is not made");
    }
    // It may have been deleted before its creation was noted in the status.
    let own = [topic.known_id, Some(topic.next_id())].into_iter().flatten();
    let deleted = |id: &TopicId| image.tombstones.get(id).is_some_and(|deleted| *deleted.topic.name == *topic.name);
    if let Some(id) = own.filter(deleted).max_by_key(|id| image.tombstones[id].deleted_at) {
        return Decision::Do(Step::Restore(id));
    }
    let usable = staying(image, leaving);
    if let Some(replicas) = topic.replicas.filter(|replicas| usize::try_from(*replicas).is_ok_and(|r| r > usable)) {
        let message = format!("{replicas} replicas are wanted, {usable} brokers serve and stay");
        return not(reason::NOT_ENOUGH_BROKERS, message);
    }
    Decision::Do(Step::Create(NewTopic {
        name: TopicName::from(&*topic.name),
        id: topic.next_id(),
        partitions: topic.partitions.unwrap_or(-1),
        replication_factor: topic.replicas.unwrap_or(-1),
        assignments: Vec::new(),
        configs: topic.configs.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
    }))
}

fn staying(image: &ClusterImage, leaving: Leaving) -> usize {
    image.staying_brokers(leaving).filter(|broker| broker.is_usable()).count()
}

/// Whether a partition that moves has another number of replicas than is wanted, now or afterwards.
fn changes_factor(partition: &PartitionImage, wanted: i16) -> bool {
    let replicas = partition.replicas.len();
    let (now, then) = (replicas - partition.adding_replicas.len(), replicas - partition.removing_replicas.len());
    usize::try_from(wanted).is_ok_and(|wanted| now != wanted || then != wanted)
}

/// Every partition with as many replicas as wanted: the leader and those in sync stay, others come where there is room.
fn change_replicas(there: &TopicImage, wanted: i16, image: &ClusterImage, leaving: Leaving) -> Option<Decision> {
    let wanted = usize::try_from(wanted).unwrap_or(0);
    let is_right = |partition: &PartitionImage| partition.is_being_reassigned() || partition.replicas.len() == wanted;
    if there.partitions.iter().all(is_right) {
        return None;
    }
    let mut places = Places::new(image, leaving);
    let mut moves = Vec::new();
    for (index, partition) in there.indexed_partitions().filter(|(_, partition)| !partition.is_being_reassigned()) {
        let mut replicas = partition.replicas.clone();
        // Stable: of those that are as good the order of preference stays.
        let mut kept: Vec<_> = replicas.clone();
        kept.sort_by_key(|id| (partition.leader != Some(*id), !partition.isr.contains(id)));
        kept.truncate(wanted);
        replicas.retain(|id| kept.contains(id));
        while replicas.len() < wanted {
            let Some(chosen) = places.take(&replicas) else {
                let usable = staying(image, leaving);
                let message = format!("{wanted} replicas are wanted, {usable} brokers serve and stay");
                return Some(not(reason::NOT_ENOUGH_BROKERS, message));
            };
            replicas.push(chosen);
        }
        if replicas != partition.replicas {
            moves.push((TopicPartition { topic: there.name.clone(), partition: index }, replicas));
        }
    }
    Some(Decision::Do(Step::Reassign(moves)))
}

#[cfg(test)]
mod tests;
