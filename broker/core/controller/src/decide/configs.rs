//! Changing the configuration of topics and brokers.

use super::Draft;
use crate::{
    errors::ConfigError,
    image::{ClusterImage, ConfigMap},
    record::{ConfigChange, MetadataRecord},
    replication_throttle,
    requests::{
        AlterConfigResource, AlterConfigs, AlterOperation, ConfigResource, IncrementalChange, IncrementalKind, Reply,
    },
    topic_config::{self, ConfigKind, parse_list},
    topic_name,
};
use std::collections::{BTreeMap, BTreeSet};

/// Names and values of one topic: a list of throttled replicas has eight bytes for each. Kafka bounds only what one commit
/// holds, at 8 MiB; a place of small objects keeps a topic in one of 1 MiB.
const TOPIC_BYTES_LIMIT: usize = 256 << 10;
/// Of all brokers together, which are in one such object with all that is not of topics. Without room in it nobody could be
/// fenced any more.
const BROKERS_BYTES_LIMIT: usize = 256 << 10;

pub(super) fn decide(draft: &mut Draft, request: &AlterConfigs) -> Reply {
    let mut times_named = BTreeMap::<&ConfigResource, usize>::new();
    for item in &request.resources {
        *times_named.entry(&item.resource).or_default() += 1;
    }
    Reply::ConfigsAltered(draft.attempt(request.validate_only, |draft| {
        let decide_one = |item: &AlterConfigResource| {
            let result = if times_named.get(&item.resource).is_some_and(|times| *times > 1) {
                Err(ConfigError::InvalidRequest("the resource is named more than once".to_owned()))
            } else {
                alter(draft, item)
            };
            (item.resource.clone(), result)
        };
        request.resources.iter().map(decide_one).collect()
    }))
}

fn alter(draft: &mut Draft, item: &AlterConfigResource) -> Result<(), ConfigError> {
    if let ConfigResource::Topic(name) = &item.resource {
        topic_name::validate(name).map_err(|error| ConfigError::InvalidTopicName(error.to_string()))?;
    }
    let before = current(draft.image(), &item.resource)?;
    let after = match &item.operation {
        AlterOperation::Replace(configs) => replaced(configs)?,
        AlterOperation::Incremental(changes) => changed(&item.resource, before, changes)?,
    };
    let is_topic = matches!(item.resource, ConfigResource::Topic(_));
    if is_topic {
        topic_config::validate_together(&after)?;
    } else {
        replication_throttle::validate(&after)?;
    }
    check_size(draft.image(), &item.resource, before, &after)?;
    let mut changes = Vec::new();
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        changes.push(ConfigChange { name: name.clone(), value: None });
    }
    for (name, value) in after {
        let value = if is_topic { topic_config::to_store(&name, &value) } else { value };
        if before.get(&name) != Some(&value) {
            changes.push(ConfigChange { name, value: Some(value) });
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    let record = match &item.resource {
        ConfigResource::Broker(broker) => MetadataRecord::BrokerConfigChanged { broker: *broker, changes },
        ConfigResource::Topic(name) => {
            let id = draft.image().topic(name).ok_or_else(|| ConfigError::UnknownTopic(name.to_string()))?.id;
            MetadataRecord::TopicConfigChanged { id, changes }
        }
    };
    draft.add(record);
    Ok(())
}

fn check_size(
    image: &ClusterImage,
    resource: &ConfigResource,
    before: &ConfigMap,
    after: &ConfigMap,
) -> Result<(), ConfigError> {
    match resource {
        ConfigResource::Topic(_) => check_topic_size(before, after),
        ConfigResource::Broker(_) => {
            let all = &image.broker_configs;
            let all = bytes(&all.cluster) + all.per_broker.values().map(bytes).sum::<usize>();
            at_most(BROKERS_BYTES_LIMIT, "all brokers together", all - bytes(before), before, after)
        }
    }
}

pub(super) fn check_topic_size(before: &ConfigMap, after: &ConfigMap) -> Result<(), ConfigError> {
    at_most(TOPIC_BYTES_LIMIT, "a topic", 0, before, after)
}

/// What makes it smaller is always taken.
fn at_most(limit: usize, of: &str, others: usize, before: &ConfigMap, after: &ConfigMap) -> Result<(), ConfigError> {
    let (before, after) = (bytes(before), bytes(after));
    if after > before && others + after > limit {
        let bytes = others + after;
        return Err(ConfigError::Invalid(format!(
            "the configs would have {bytes} bytes, those of {of} at most {limit}"
        )));
    }
    Ok(())
}

fn bytes(configs: &ConfigMap) -> usize {
    configs.iter().map(|(name, value)| name.len() + value.len()).sum()
}

fn current<'a>(image: &'a ClusterImage, resource: &ConfigResource) -> Result<&'a ConfigMap, ConfigError> {
    static NOTHING_SET: ConfigMap = ConfigMap::new();
    match resource {
        ConfigResource::Topic(name) => {
            image.topic(name).map(|topic| &topic.configs).ok_or_else(|| ConfigError::UnknownTopic(name.to_string()))
        }
        ConfigResource::Broker(None) => Ok(&image.broker_configs.cluster),
        ConfigResource::Broker(Some(id)) => Ok(image.broker_configs.of(*id).unwrap_or(&NOTHING_SET)),
    }
}

fn replaced(configs: &[(String, Option<String>)]) -> Result<ConfigMap, ConfigError> {
    let mut after = ConfigMap::new();
    for (name, value) in configs {
        let value = value.clone().ok_or_else(|| null_value(name))?;
        if after.insert(name.clone(), value).is_some() {
            return Err(ConfigError::InvalidRequest(format!("the key {name} is there more than once")));
        }
    }
    Ok(after)
}

fn null_value(name: &str) -> ConfigError {
    ConfigError::InvalidRequest(format!("null value not supported for {name}"))
}

fn changed(
    resource: &ConfigResource,
    before: &ConfigMap,
    changes: &[IncrementalChange],
) -> Result<ConfigMap, ConfigError> {
    let mut after = before.clone();
    let mut seen = BTreeSet::new();
    for change in changes {
        if !seen.insert(&change.name) {
            return Err(ConfigError::InvalidRequest(format!("the key {} is there more than once", change.name)));
        }
        let value = || change.value.as_deref().ok_or_else(|| null_value(&change.name));
        match change.kind {
            IncrementalKind::Delete => {
                after.remove(&change.name);
            }
            IncrementalKind::Set => {
                after.insert(change.name.clone(), value()?.to_owned());
            }
            IncrementalKind::Append | IncrementalKind::Subtract => {
                let present = list_in_force(resource, before, change)?;
                let named: Vec<&str> = parse_list(value()?).collect();
                let mut items: Vec<&str> = parse_list(&present).collect();
                if change.kind == IncrementalKind::Append {
                    items.extend(named.iter().filter(|item| !parse_list(&present).any(|there| there == **item)));
                } else {
                    items.retain(|item| !named.contains(item));
                }
                after.insert(change.name.clone(), items.join(","));
            }
        }
    }
    Ok(after)
}

/// What append and subtract start from: the value set here, or the default of the key.
fn list_in_force(
    resource: &ConfigResource,
    before: &ConfigMap,
    change: &IncrementalChange,
) -> Result<String, ConfigError> {
    let name = change.name.as_str();
    let ConfigResource::Topic(_) = resource else {
        return Ok(before.get(name).or(change.list_default.as_ref()).cloned().unwrap_or_default());
    };
    let definition = topic_config::definition(name)
        .ok_or_else(|| ConfigError::Invalid(format!("unknown topic config name: {name}")))?;
    if definition.kind != ConfigKind::List {
        return Err(ConfigError::Invalid(format!("{name} is not a list: append and subtract do not apply")));
    }
    Ok(before.get(name).cloned().unwrap_or_else(|| definition.default.to_owned()))
}
