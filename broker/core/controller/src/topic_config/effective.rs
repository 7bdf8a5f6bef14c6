//! Which value of a topic's configuration is in force, and where it comes from.

use super::{
    definitions::{BrokerSynonym, TopicConfigDefinition, Unit},
    values::canonical,
};
use crate::image::{BrokerConfigs, ConfigMap};
use model::BrokerId;

/// Where a value comes from, numbered as in DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigSource {
    Topic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
}

/// The broker configuration below a topic's own, strongest first.
#[derive(Debug, Clone, Copy)]
pub struct BrokerLayers<'a> {
    pub dynamic: Option<&'a ConfigMap>,
    pub dynamic_default: &'a ConfigMap,
    /// What the operator of the broker set: file, environment, command line. Without defaults.
    pub static_values: &'a ConfigMap,
    /// Of broker keys whose default is another one than usual.
    pub defaults: Defaults,
}

/// Broker keys and their defaults.
pub type Defaults = &'static [(&'static str, &'static str)];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveConfig {
    /// In its plain form, in the topic's unit.
    pub value: String,
    pub source: ConfigSource,
    /// Every place that has a value, strongest first, as written there.
    pub synonyms: Vec<Synonym>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    pub name: &'static str,
    pub value: String,
    pub source: ConfigSource,
}

impl<'a> BrokerLayers<'a> {
    pub fn new(configs: &'a BrokerConfigs, broker: BrokerId, static_values: &'a ConfigMap, defaults: Defaults) -> Self {
        Self { dynamic: configs.of(broker), dynamic_default: &configs.cluster, static_values, defaults }
    }

    fn layers(&self) -> impl Iterator<Item = (ConfigSource, &'a ConfigMap)> {
        [
            self.dynamic.map(|values| (ConfigSource::DynamicBroker, values)),
            Some((ConfigSource::DynamicDefaultBroker, self.dynamic_default)),
            Some((ConfigSource::StaticBroker, self.static_values)),
        ]
        .into_iter()
        .flatten()
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.layers().find_map(|(_, values)| values.get(name)).map(String::as_str).or_else(|| self.default(name))
    }

    fn default(&self, name: &str) -> Option<&'a str> {
        self.defaults.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// Layer by layer, as Kafka lists them, and like Kafka nothing before the first that has the key's leading name:
    /// a `log.retention.hours` alone is in force for `retention.ms` but not among its synonyms.
    fn synonyms(&self, family: &[BrokerSynonym]) -> Vec<Synonym> {
        let set = self.layers().flat_map(|(source, values)| {
            let value_of = move |synonym: &BrokerSynonym| {
                values.get(synonym.name).map(|value| Synonym { name: synonym.name, value: value.clone(), source })
            };
            family.iter().filter_map(value_of)
        });
        let defaults = family.iter().filter_map(|synonym| {
            let value = self.default(synonym.name).or(synonym.default)?.to_owned();
            Some(Synonym { name: synonym.name, value, source: ConfigSource::Default })
        });
        let leading = family.first().map(|synonym| synonym.name);
        set.chain(defaults).skip_while(|synonym| Some(synonym.name) != leading).collect()
    }
}

/// The value in force alone, in the topic's unit: what a running log needs.
pub(super) fn value_in_force(
    definition: &TopicConfigDefinition,
    topic: &ConfigMap,
    layers: &BrokerLayers<'_>,
) -> String {
    if let Some(value) = topic.get(definition.name) {
        return canonical(definition.kind, value);
    }
    let broker = definition
        .synonyms
        .iter()
        .find_map(|synonym| layers.value(synonym.name).map(|value| in_topic_unit(synonym, value)));
    canonical(definition.kind, &broker.unwrap_or_else(|| definition.default.to_owned()))
}

pub fn effective(
    definition: &'static TopicConfigDefinition,
    topic: &ConfigMap,
    layers: &BrokerLayers<'_>,
) -> EffectiveConfig {
    let mut synonyms = layers.synonyms(definition.synonyms);
    if let Some(value) = topic.get(definition.name) {
        synonyms.insert(0, Synonym { name: definition.name, value: value.clone(), source: ConfigSource::Topic });
    }
    EffectiveConfig {
        value: value_in_force(definition, topic, layers),
        source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
        synonyms,
    }
}

fn in_topic_unit(synonym: &BrokerSynonym, value: &str) -> String {
    let factor = match synonym.unit {
        Unit::Same => return value.to_owned(),
        Unit::Minutes => 60_000,
        Unit::Hours => 3_600_000,
    };
    match value.trim().parse::<i64>() {
        // Every negative retention means "no limit".
        Ok(number) if number < 0 => "-1".to_owned(),
        Ok(number) => number.saturating_mul(factor).to_string(),
        Err(_) => value.to_owned(),
    }
}
