//! What is known about each key: the table that parsing, `--help`, warnings and DescribeConfigs are built from.
//!
//! Names, types, defaults and ranges are those of Kafka 4.3, but for `broker.session.timeout.ms`; a key that a tool may send or ask for is here even when it
//! changes nothing. The rows are in one file per field; [`Definition::find`] looks over all of them.

mod cluster;
mod groups;
mod hidden;
mod network;
mod security;
mod storage;
mod tiered;
mod weir;

use super::value::{Allowed, Allowed::*, Refusal, Value, describe};
use std::sync::LazyLock;

/// Kafka's `ConfigDef.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

/// Whether Kafka lets the key change while the broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateMode {
    ReadOnly,
    /// One value per broker.
    PerBroker,
    /// Per broker or as the default of the cluster.
    ClusterWide,
}

/// What the key does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Used,
    /// Accepted, shown by tools, and changes nothing.
    None,
    /// Belongs to KRaft or its quorum; named once at start when set.
    KraftOnly,
    /// No longer a key of Kafka 4; files and compose files still carry it.
    Removed,
}

/// One key.
#[derive(Debug, PartialEq)]
pub struct Definition {
    pub name: &'static str,
    pub config_type: ConfigType,
    /// `None` is Kafka's null.
    pub default: Option<&'static str>,
    pub allowed: Allowed,
    pub update_mode: UpdateMode,
    pub effect: Effect,
    /// Whether DescribeConfigs shows the key. Kafka hides what it calls internal.
    pub shown: bool,
    pub documentation: &'static str,
}

/// Keys that stand in for one another, highest precedence first, as Kafka reports them for the first of them.
const SYNONYMS: &[&[&str]] = &[
    &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    &["log.roll.ms", "log.roll.hours"],
    &["log.roll.jitter.ms", "log.roll.jitter.hours"],
    &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
];

static ALL: LazyLock<Vec<&'static Definition>> = LazyLock::new(|| {
    let tables = [
        storage::ROWS,
        network::ROWS,
        groups::ROWS,
        cluster::ROWS,
        security::ROWS,
        tiered::ROWS,
        weir::ROWS,
        hidden::ROWS,
    ];
    let mut all: Vec<_> = tables.into_iter().flatten().collect();
    all.sort_by_key(|definition| definition.name);
    all
});

impl Definition {
    /// Every key, in order of name.
    pub fn all() -> &'static [&'static Definition] {
        &ALL
    }

    pub fn find(name: &str) -> Option<&'static Definition> {
        let index = ALL.binary_search_by_key(&name, |definition| definition.name).ok()?;
        Some(ALL[index])
    }

    /// The value as this key's type, if it is one that the key may have.
    pub fn parse(&self, text: &str) -> Result<Value, Refusal> {
        Value::parse(self.config_type, &self.allowed, text)
    }

    /// What the key may be set to, for people: "a whole number from 1 to 2147483647".
    pub fn allowed_text(&self) -> String {
        describe(self.config_type, &self.allowed)
    }

    /// Never shown, logged, or answered.
    pub fn is_sensitive(&self) -> bool {
        self.config_type == ConfigType::Password
    }

    /// Whether Kafka refuses to change the key while the broker runs.
    pub fn is_read_only(&self) -> bool {
        self.update_mode == UpdateMode::ReadOnly
    }

    /// This key and those whose value counts where it is not set. Coarser units include the finer ones that win.
    pub fn synonyms(&self) -> Vec<&'static str> {
        match SYNONYMS.iter().find(|family| family.contains(&self.name)) {
            // Nothing finer stands in for the scheduler's interval: it is a key of its own.
            Some(_) if self.name == "log.flush.scheduler.interval.ms" => vec![self.name],
            Some(family) => family.to_vec(),
            None => vec![self.name],
        }
    }
}

macro_rules! default_value {
    (null) => {
        Option::None
    };
    ($text:literal) => {
        Some($text)
    };
}

macro_rules! is_shown {
    (shown) => {
        true
    };
    (hidden) => {
        false
    };
}

/// `Type "name" = default, allowed, update mode, effect: "documentation";`
macro_rules! definitions {
    ($shown:ident; $($kind:ident $name:literal = $default:tt, $allowed:expr, $mode:ident, $effect:ident: $doc:literal;)*) => {
        pub(super) const ROWS: &[Definition] = &[$(Definition {
            name: $name,
            config_type: ConfigType::$kind,
            default: default_value!($default),
            allowed: $allowed,
            update_mode: UpdateMode::$mode,
            effect: Effect::$effect,
            shown: is_shown!($shown),
            documentation: $doc,
        }),*];
    };
}
use {default_value, definitions, is_shown};

#[cfg(test)]
mod tests;
