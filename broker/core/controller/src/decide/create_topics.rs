//! Creating topics.

use super::{Draft, configs::check_topic_size};
use crate::{
    errors::TopicError,
    image::{BrokerRegistration, ClusterImage, ConfigMap, PartitionImage},
    leaving::Leaving,
    placement,
    record::{ConfigChange, MetadataRecord},
    requests::{CreateTopics, CreatedTopic, NewTopic, Reply},
    settings::Settings,
    topic_config, topic_name,
};
use model::{BrokerId, PartitionIndex, TopicName};
use std::collections::{BTreeMap, BTreeSet};

/// Partitions one request may create. Kafka has no such limit; here it bounds what one request can make us allocate,
/// and a broker is measured with 10 000.
pub(crate) const MAX_PARTITIONS_PER_REQUEST: usize = 100_000;

pub(super) fn decide(draft: &mut Draft, settings: &Settings, request: &CreateTopics) -> Reply {
    let mut times_named = BTreeMap::<&TopicName, usize>::new();
    for topic in &request.topics {
        *times_named.entry(&topic.name).or_default() += 1;
    }
    Reply::TopicsCreated(draft.attempt(request.validate_only, |draft| {
        let mut room = MAX_PARTITIONS_PER_REQUEST;
        let create = |topic: &NewTopic| {
            let result = if times_named.get(&topic.name).is_some_and(|times| *times > 1) {
                Err(TopicError::InvalidRequest("duplicate topic name".to_owned()))
            } else {
                create(draft, settings, topic, &mut room)
            };
            (topic.name.clone(), result)
        };
        one_per_name(&request.topics).map(create).collect()
    }))
}

/// A name that is there twice gets one answer, as from Kafka: clients look answers up by name.
fn one_per_name(topics: &[NewTopic]) -> impl Iterator<Item = &NewTopic> {
    let mut seen = BTreeSet::new();
    topics.iter().filter(move |topic| seen.insert(&topic.name))
}

fn create(
    draft: &mut Draft,
    settings: &Settings,
    topic: &NewTopic,
    room: &mut usize,
) -> Result<CreatedTopic, TopicError> {
    let image = draft.image();
    topic_name::validate(&topic.name)?;
    if &*topic.name == topic_name::CLUSTER_METADATA {
        return Err(TopicError::InvalidRequest(format!("the name {} is reserved", topic.name)));
    }
    if image.topic(&topic.name).is_some() {
        return Err(TopicError::AlreadyExists(topic.name.to_string()));
    }
    if let Some(existing) = image.topics.colliding_with(&topic.name) {
        return Err(TopicError::Collides { name: topic.name.to_string(), existing: existing.to_string() });
    }
    // Brokers know logs by their topic's id. Whoever asks chose it, and may have chosen it for a topic that was deleted since.
    if image.topic_by_id(topic.id).is_some() || image.tombstones.contains_key(&topic.id) {
        return Err(TopicError::InvalidRequest(format!(
            "the id {} is that of another topic, or of a deleted one that can still be restored",
            topic.id
        )));
    }
    let configs = checked_configs(&topic.configs)?;
    let replicas = if topic.assignments.is_empty() {
        placed(image, settings, topic, room)?
    } else {
        assigned(image, settings.leaving, topic)?
    };
    *room = room.checked_sub(replicas.len()).ok_or_else(too_many_partitions)?;
    let created = CreatedTopic {
        id: topic.id,
        partitions: replicas.len(),
        replication_factor: replicas.first().map_or(0, Vec::len),
        configs: configs.clone(),
    };
    let partitions: Vec<PartitionImage> =
        replicas.into_iter().map(|replicas| placement::new_partition(image, replicas)).collect();
    draft.add(MetadataRecord::TopicCreated { id: topic.id, name: topic.name.clone(), partitions });
    if !configs.is_empty() {
        let changes = configs.into_iter().map(|(name, value)| ConfigChange { name, value: Some(value) }).collect();
        draft.add(MetadataRecord::TopicConfigChanged { id: topic.id, changes });
    }
    Ok(created)
}

fn checked_configs(configs: &[(String, Option<String>)]) -> Result<ConfigMap, TopicError> {
    let mut checked = ConfigMap::new();
    for (name, value) in configs {
        let Some(value) = value else {
            return Err(crate::ConfigError::Invalid(format!("null value not supported for topic config {name}")).into());
        };
        checked.insert(name.clone(), topic_config::to_store(name, value));
    }
    topic_config::validate_together(&checked)?;
    check_topic_size(&ConfigMap::new(), &checked)?;
    Ok(checked)
}

/// −1 means the default at every version of the request: kafkajs sends it with CreateTopics v3, and Kafka takes it.
fn placed(
    image: &ClusterImage,
    settings: &Settings,
    topic: &NewTopic,
    room: &mut usize,
) -> Result<Vec<Vec<BrokerId>>, TopicError> {
    let replication_factor = match topic.replication_factor {
        -1 => settings.default_replication.factor(image.staying_brokers(settings.leaving).count()),
        factor => factor,
    };
    let partitions = match topic.partitions {
        -1 => settings.num_partitions,
        count => count,
    };
    if topic.replication_factor == 0 || topic.replication_factor < -1 {
        return Err(TopicError::InvalidReplicationFactor(
            "the replication factor must be larger than 0, or -1 to use the default".to_owned(),
        ));
    }
    if topic.partitions == 0 || topic.partitions < -1 {
        return Err(TopicError::InvalidPartitions(
            "the number of partitions must be larger than 0, or -1 to use the default".to_owned(),
        ));
    }
    let replicas = replicas_for_factor(image, settings.leaving, replication_factor)?;
    let partitions = usize::try_from(partitions).unwrap_or(0);
    if partitions > *room {
        return Err(too_many_partitions());
    }
    Ok(placement::place(image, settings.leaving, partitions, replicas))
}

/// The number of replicas, if there are brokers for as many. Those that are down for a moment count, as with Kafka: a broker
/// that restarts keeps nobody from creating topics.
pub(super) fn replicas_for_factor(image: &ClusterImage, leaving: Leaving, factor: i16) -> Result<usize, TopicError> {
    let brokers = image.staying_brokers(leaving).count();
    let can_lead = || image.staying_brokers(leaving).any(BrokerRegistration::is_usable);
    match usize::try_from(factor) {
        Ok(replicas) if replicas >= 1 && replicas <= brokers && can_lead() => Ok(replicas),
        Ok(replicas) if replicas >= 1 && replicas <= brokers => {
            Err(TopicError::InvalidReplicationFactor("no broker is alive that could lead".to_owned()))
        }
        _ => Err(TopicError::InvalidReplicationFactor(format!(
            "the replication factor is {factor}, but only {brokers} broker(s) are registered{}",
            if brokers < image.brokers.len() { " and stay" } else { "" }
        ))),
    }
}

fn too_many_partitions() -> TopicError {
    TopicError::InvalidPartitions(format!("one request may create {MAX_PARTITIONS_PER_REQUEST} partitions at most"))
}

fn assigned(image: &ClusterImage, leaving: Leaving, topic: &NewTopic) -> Result<Vec<Vec<BrokerId>>, TopicError> {
    if topic.replication_factor != -1 {
        return Err(TopicError::InvalidRequest(
            "an explicit assignment and a replication factor exclude each other".to_owned(),
        ));
    }
    if topic.partitions != -1 {
        return Err(TopicError::InvalidRequest(
            "an explicit assignment and a number of partitions exclude each other".to_owned(),
        ));
    }
    let mut by_index = BTreeMap::<PartitionIndex, &Vec<BrokerId>>::new();
    for (index, replicas) in &topic.assignments {
        check_assignment(image, leaving, replicas, topic.assignments.first().map(|(_, first)| first.len()))?;
        if by_index.insert(*index, replicas).is_some() {
            return Err(TopicError::InvalidReplicaAssignment(format!("partition {index} is assigned more than once")));
        }
    }
    if by_index.keys().zip(0..).any(|(index, expected)| index.0 != expected) {
        return Err(TopicError::InvalidReplicaAssignment(
            "partitions must be numbered from 0 without a gap".to_owned(),
        ));
    }
    Ok(by_index.into_values().cloned().collect())
}

/// Known brokers that stay, each once, as many as `expected`; and one of them can lead.
pub(super) fn check_assignment(
    image: &ClusterImage,
    leaving: Leaving,
    replicas: &[BrokerId],
    expected: Option<usize>,
) -> Result<(), TopicError> {
    let refuse = |reason: String| Err(TopicError::InvalidReplicaAssignment(reason));
    if replicas.is_empty() {
        return refuse("an assignment names no broker".to_owned());
    }
    if let Some(unknown) = replicas.iter().find(|id| !image.brokers.contains_key(id)) {
        return refuse(format!("broker {unknown} of the assignment is not registered"));
    }
    if let Some(going) = replicas.iter().find(|id| leaving.includes(**id)) {
        return refuse(format!("broker {going} of the assignment is about to go"));
    }
    if replicas.iter().collect::<BTreeSet<_>>().len() != replicas.len() {
        return refuse("an assignment names a broker twice".to_owned());
    }
    if let Some(expected) = expected.filter(|expected| *expected != replicas.len()) {
        return refuse(format!("every partition must have {expected} replica(s), one has {}", replicas.len()));
    }
    if replicas.iter().all(|id| image.brokers.get(id).is_some_and(|broker| broker.fenced)) {
        return refuse("all brokers of an assignment are fenced".to_owned());
    }
    Ok(())
}
