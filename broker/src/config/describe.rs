//! What DescribeConfigs says about a broker.

use super::{
    BrokerConfig,
    definitions::{ConfigType, Definition},
    value::Value,
};
use controller::topic_config::{ConfigSource, Defaults};
use std::collections::BTreeMap;

/// One row of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    pub definition: &'static Definition,
    /// `None` where the value is null or sensitive.
    pub value: Option<String>,
    pub source: ConfigSource,
    /// Every place with a value for the key, and behind the first of them for keys that stand in for it, strongest first.
    pub synonyms: Vec<Synonym>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    pub name: &'static str,
    pub value: Option<String>,
    pub source: ConfigSource,
}

impl BrokerConfig {
    /// Every key that Kafka shows. `dynamic` is what was changed for this broker while it ran, `dynamic_default` for all.
    pub fn describe(
        &self,
        dynamic: &BTreeMap<String, String>,
        dynamic_default: &BTreeMap<String, String>,
    ) -> Vec<Described> {
        let layers = [
            (ConfigSource::DynamicBroker, dynamic),
            (ConfigSource::DynamicDefaultBroker, dynamic_default),
            (ConfigSource::StaticBroker, self.static_values()),
        ];
        let is_set = |name: &str| dynamic.contains_key(name) || dynamic_default.contains_key(name);
        let shown = Definition::all().iter().filter(|definition| definition.shown || is_set(definition.name));
        shown.map(|definition| describe_one(definition, &layers, self.defaults)).collect()
    }
}

type Layer<'a> = (ConfigSource, &'a BTreeMap<String, String>);

fn describe_one(definition: &'static Definition, layers: &[Layer<'_>], defaults: Defaults) -> Described {
    let default_of = |definition: &Definition| {
        let of_process = defaults.iter().find(|(key, _)| *key == definition.name);
        of_process.map(|(_, value)| *value).or(definition.default)
    };
    let shown = |value: &str| (!definition.is_sensitive()).then(|| value.to_owned());
    let names = definition.synonyms();
    let mut synonyms = Vec::new();
    for (source, values) in layers {
        for name in &names {
            if let Some(value) = values.get(*name) {
                synonyms.push(Synonym { name, value: shown(value), source: *source });
            }
        }
    }
    for name in &names {
        if let Some(default) = Definition::find(name).filter(|definition| definition.shown).and_then(default_of) {
            synonyms.push(Synonym { name, value: shown(default), source: ConfigSource::Default });
        }
    }
    // Kafka shows only what stands behind the key's own first entry, and nothing where it has none.
    let synonyms: Vec<_> = synonyms.into_iter().skip_while(|synonym| synonym.name != definition.name).collect();
    // Kafka shows a key's own value, even where a synonym that wins has another.
    let own = layers.iter().find_map(|(_, values)| values.get(definition.name));
    let value = own.map(|text| in_plain_form(definition, text)).or_else(|| default_of(definition).map(str::to_owned));
    Described {
        definition,
        value: value.filter(|_| !definition.is_sensitive()),
        source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
        synonyms,
    }
}

/// As Kafka prints what it parsed: `TRUE` is `true`, lists have no blanks. A number with a fraction stays as written.
fn in_plain_form(definition: &Definition, text: &str) -> String {
    match (definition.config_type, definition.parse(text)) {
        (ConfigType::Double, _) | (_, Err(_)) => text.to_owned(),
        (_, Ok(Value::Text(text))) => text,
        (_, Ok(value)) => value.to_string(),
    }
}
