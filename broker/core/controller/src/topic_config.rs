//! Topic configuration: which keys exist, which values they take, and which value is in force.
//!
//! A topic's key is answered by the first that has a value: the topic itself, then for each broker synonym in turn the
//! dynamic configuration of the broker, the dynamic default of all brokers, the static file; at last Kafka's default.
//! Reported sources keep that order (KIP-226).

mod definitions;
mod effective;
#[cfg(test)]
mod tests;
mod typed;
mod values;

pub use definitions::{BrokerSynonym, TopicConfigDefinition, Unit, definition, definitions};
pub use effective::{BrokerLayers, ConfigSource, Defaults, EffectiveConfig, Synonym, effective};
pub use typed::{CleanupPolicy, CompressionType, TimestampType, TopicConfig};
pub use values::{Check, ConfigKind, parse_list};

use crate::{errors::ConfigError, image::ConfigMap};

/// Checks one key and value as a request gives them.
pub fn validate(name: &str, value: &str) -> Result<(), ConfigError> {
    let definition =
        definition(name).ok_or_else(|| ConfigError::Invalid(format!("unknown topic config name: {name}")))?;
    values::check(definition.name, definition.kind, &definition.check, value)
}

/// The value to keep for a valid one: as given, but lists without repetition.
pub(crate) fn to_store(name: &str, value: &str) -> String {
    match definition(name) {
        Some(definition) if definition.kind == ConfigKind::List => values::without_repetition(value),
        _ => value.to_owned(),
    }
}

/// Checks every value, and what only the whole set can show.
pub fn validate_together(configs: &ConfigMap) -> Result<(), ConfigError> {
    for (name, value) in configs {
        validate(name, value)?;
    }
    let number = |name: &str| configs.get(name).and_then(|value| value.trim().parse::<i64>().ok());
    if let (Some(min), Some(max)) = (number("min.compaction.lag.ms"), number("max.compaction.lag.ms"))
        && min > max
    {
        return Err(ConfigError::Invalid(format!(
            "min.compaction.lag.ms ({min}) may not be above max.compaction.lag.ms ({max})"
        )));
    }
    let enabled = |name: &str| configs.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
    if enabled("remote.storage.enable") {
        return Err(ConfigError::Invalid(
            "remote.storage.enable needs tiered storage, which this cluster does not have".to_owned(),
        ));
    }
    Ok(())
}
