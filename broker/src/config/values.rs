//! The values in force of a process, each of its type.

use super::{definitions::Definition, value::Value};
use controller::topic_config::Defaults;
use std::collections::BTreeMap;

/// What was set, checked; everything else has its default.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    pub(super) set: BTreeMap<&'static str, Value>,
    /// Before those of the table.
    pub(super) defaults: Defaults,
}

impl Values {
    /// The value set, or the default; `None` where that is null.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.set.get(name) {
            return Some(value.clone());
        }
        let definition = Definition::find(name).expect("only keys of the table are read");
        let default = self.defaults.iter().find(|(key, _)| *key == name).map(|(_, text)| *text);
        default
            .or(definition.default)
            .map(|text| definition.parse(text).expect("a test parses every default of the table"))
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.set.contains_key(name)
    }

    /// A number whose range in the table lies within `T`; a test reads every key, so a range that does not is found.
    pub(super) fn number<T: TryFrom<i64> + Default>(&self, name: &str) -> T {
        match self.get(name) {
            Some(Value::Int(number)) => T::try_from(number).unwrap_or_else(|_| panic!("range of {name} is too wide")),
            _ => panic!("{name} is not a number with a default"),
        }
    }

    pub(super) fn number_unless_negative<T: TryFrom<i64> + Default>(&self, name: &str) -> Option<T> {
        let number: i64 = self.number(name);
        T::try_from(number).ok().filter(|_| number >= 0)
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Boolean(true)))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }
}
