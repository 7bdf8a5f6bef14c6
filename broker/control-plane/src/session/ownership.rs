//! What clients may not change because somebody else decides it: a resource of Kubernetes, say. What brokers ask on behalf of
//! clients is looked at here, item by item, before the controller decides on the rest. Who asks the controller in its own
//! process is not looked at.

use controller::{
    ClusterImage, ConfigError, ControllerError, PartitionImage, ReassignmentError, TopicError, TopicImage,
    image::ConfigMap,
    requests::{
        AlterConfigResource, AlterOperation, ConfigResource, DeletedTopic, IncrementalChange, IncrementalKind, Reply,
        Request, TopicReference,
    },
};
use model::{BrokerId, TopicId, TopicName, TopicPartition};
use std::{collections::BTreeMap, fmt, future::Future, pin::Pin, sync::Arc};

/// What of a topic its owner decides. That it exists is always part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// Who, for people.
    pub owner: String,
    /// Whether their number is said.
    pub partitions: bool,
    pub replicas: Option<usize>,
    /// Keys that are not here are free.
    pub configs: ConfigMap,
}

pub type FindingOwners<'a> =
    Pin<Box<dyn Future<Output = Result<BTreeMap<TopicId, Owned>, ControllerError>> + Send + 'a>>;

/// Knows the owners of topics.
pub trait Owners: fmt::Debug + Send + Sync {
    /// Of those of these topics that have one.
    fn of(&self, topics: Vec<Arc<TopicImage>>) -> FindingOwners<'_>;
}

/// For each item of a request its refusal, or nothing where the controller is asked.
#[derive(Debug)]
pub(super) enum Refusals {
    Deletions(Vec<Option<DeletedTopic>>),
    MorePartitions(Vec<Option<(TopicName, Result<(), TopicError>)>>),
    Configs(Vec<Option<(ConfigResource, Result<(), ConfigError>)>>),
    Reassignments(Vec<Option<(TopicPartition, Result<(), ReassignmentError>)>>),
}

/// Takes what an owner decides out of a request.
pub(super) async fn take_out(
    request: &mut Request,
    image: &ClusterImage,
    owners: &dyn Owners,
) -> Result<Option<Refusals>, ControllerError> {
    let topics = touched(request, image);
    if topics.is_empty() {
        return Ok(None);
    }
    let owned = owners.of(topics).await?;
    Ok(if owned.is_empty() { None } else { take_out_owned(request, image, &owned) })
}

/// Topics that a request would change where an owner may have a say.
fn touched(request: &Request, image: &ClusterImage) -> Vec<Arc<TopicImage>> {
    let found: BTreeMap<TopicId, &Arc<TopicImage>> = match request {
        Request::DeleteTopics(asked) => by_id(asked.topics.iter().filter_map(|topic| resolve(image, topic))),
        Request::CreatePartitions(asked) => by_id(asked.topics.iter().filter_map(|topic| image.topic(&topic.name))),
        Request::AlterConfigs(asked) => by_id(asked.resources.iter().filter_map(|item| match &item.resource {
            ConfigResource::Topic(name) => image.topic(name),
            ConfigResource::Broker(_) => None,
        })),
        Request::ReassignPartitions(asked) => {
            by_id(asked.partitions.iter().filter_map(|(partition, _)| image.topic(&partition.topic)))
        }
        _ => BTreeMap::new(),
    };
    found.into_values().cloned().collect()
}

fn by_id<'a>(topics: impl Iterator<Item = &'a Arc<TopicImage>>) -> BTreeMap<TopicId, &'a Arc<TopicImage>> {
    topics.map(|topic| (topic.id, topic)).collect()
}

fn resolve<'a>(image: &'a ClusterImage, topic: &TopicReference) -> Option<&'a Arc<TopicImage>> {
    match topic {
        TopicReference::Name(name) => image.topic(name),
        TopicReference::Id(id) => image.topic_by_id(*id),
    }
}

fn take_out_owned(request: &mut Request, image: &ClusterImage, owned: &BTreeMap<TopicId, Owned>) -> Option<Refusals> {
    let of = |name: &TopicName| owned.get(&image.topic(name)?.id);
    match request {
        Request::DeleteTopics(asked) => {
            let refuse = |reference: &TopicReference| {
                let topic = resolve(image, reference)?;
                let owner = &owned.get(&topic.id)?.owner;
                let reason = format!("topic {} is there because of {owner}: delete that", topic.name);
                Some(DeletedTopic {
                    name: Some(topic.name.clone()),
                    id: topic.id,
                    result: Err(TopicError::Owned(reason)),
                })
            };
            Some(Refusals::Deletions(take_out_items(&mut asked.topics, refuse)))
        }
        Request::CreatePartitions(asked) => {
            let refused = take_out_items(&mut asked.topics, |topic| {
                let owned = of(&topic.name).filter(|owned| owned.partitions)?;
                let reason = said_by(owned, "the number of partitions", &topic.name);
                Some((topic.name.clone(), Err(TopicError::Owned(reason))))
            });
            Some(Refusals::MorePartitions(refused))
        }
        Request::AlterConfigs(asked) => {
            let refused = take_out_items(&mut asked.resources, |item| {
                let ConfigResource::Topic(name) = &item.resource else { return None };
                let owned = of(name)?;
                let key = changed_key(item, &owned.configs)?;
                let reason = said_by(owned, key, name);
                Some((item.resource.clone(), Err(ConfigError::Owned(reason))))
            });
            Some(Refusals::Configs(refused))
        }
        Request::ReassignPartitions(asked) => {
            let refused = take_out_items(&mut asked.partitions, |(partition, target)| {
                let owned = of(&partition.topic)?;
                let current = image.partition(partition)?;
                if keeps_factor(current, target.as_deref(), owned.replicas?) {
                    return None;
                }
                let reason = said_by(owned, "the number of replicas", &partition.topic);
                Some((partition.clone(), Err(ReassignmentError::Owned(reason))))
            });
            Some(Refusals::Reassignments(refused))
        }
        _ => None,
    }
}

fn said_by(owned: &Owned, what: &str, topic: &TopicName) -> String {
    format!("{what} of topic {topic} is said by {}: change it there", owned.owner)
}

fn take_out_items<I, R>(items: &mut Vec<I>, refuse: impl Fn(&I) -> Option<R>) -> Vec<Option<R>> {
    let refused: Vec<_> = items.iter().map(refuse).collect();
    let mut of_item = refused.iter();
    items.retain(|_| of_item.next().is_none_or(Option::is_none));
    refused
}

/// The first key that would have another value than its owner says. Tools that write everything they read change nothing.
fn changed_key<'a>(item: &'a AlterConfigResource, owned: &'a ConfigMap) -> Option<&'a str> {
    match &item.operation {
        AlterOperation::Replace(configs) => {
            let stays =
                |key: &str, value: &str| configs.iter().any(|(name, new)| name == key && new.as_deref() == Some(value));
            owned.iter().find(|(key, value)| !stays(key, value)).map(|(key, _)| key.as_str())
        }
        AlterOperation::Incremental(changes) => {
            let differs = |change: &&IncrementalChange| {
                owned.get(&change.name).is_some_and(|value| {
                    change.kind != IncrementalKind::Set || change.value.as_deref() != Some(value.as_str())
                })
            };
            changes.iter().find(differs).map(|change| change.name.as_str())
        }
    }
}

/// Whether a partition has as many replicas as its owner says afterwards, or as many as before if nothing changes that yet.
fn keeps_factor(current: &PartitionImage, target: Option<&[BrokerId]>, wanted: usize) -> bool {
    let settled = current.replicas.len() - current.adding_replicas.len();
    let after = target.map_or(settled, <[BrokerId]>::len);
    after == wanted || (after == settled && !current.is_being_reassigned())
}

impl Refusals {
    /// The controller's answers to the rest, and the refusals, in the order in which was asked.
    pub(super) fn join(self, reply: Reply) -> Reply {
        match (self, reply) {
            (Self::Deletions(refused), Reply::TopicsDeleted(decided)) => Reply::TopicsDeleted(joined(refused, decided)),
            (Self::MorePartitions(refused), Reply::PartitionsCreated(decided)) => {
                Reply::PartitionsCreated(joined(refused, decided))
            }
            (Self::Configs(refused), Reply::ConfigsAltered(decided)) => Reply::ConfigsAltered(joined(refused, decided)),
            (Self::Reassignments(refused), Reply::PartitionsReassigned(decided)) => {
                Reply::PartitionsReassigned(joined(refused, decided))
            }
            // Nothing was decided at all.
            (_, reply) => reply,
        }
    }
}

/// What is named twice may have one answer.
fn joined<T>(refused: Vec<Option<T>>, decided: Vec<T>) -> Vec<T> {
    let mut decided = decided.into_iter();
    refused.into_iter().filter_map(|refusal| refusal.or_else(|| decided.next())).collect()
}

#[cfg(test)]
mod tests;
