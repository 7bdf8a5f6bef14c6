//! The places that keys come from, merged by precedence.

use super::{environment, properties, yaml};
use anyhow::Context;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// What there is to read, before anything is checked.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `.properties`, or YAML by its ending.
    pub file: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
    pub flags: Vec<FlagValue>,
    /// `--set key=value`, in the order given.
    pub set: Vec<(String, String)>,
}

/// A flag that has a name of its own and stands for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagValue {
    pub flag: &'static str,
    pub key: &'static str,
    pub value: String,
}

/// A key that somebody set, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub value: String,
    pub origin: Origin,
}

/// Where a value came from; later variants win over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    File { path: PathBuf, line: Option<usize> },
    Environment { variable: String },
    Flag { flag: &'static str },
    Set,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{} line {line}", path.display()),
            Self::File { path, line: None } => path.display().fmt(f),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Flag { flag } => f.write_str(flag),
            Self::Set => f.write_str("--set"),
        }
    }
}

/// Every key with the value that wins. Fails only where a file cannot be read.
pub(super) fn merge(sources: Sources) -> anyhow::Result<BTreeMap<String, Setting>> {
    let mut settings = BTreeMap::new();
    if let Some(path) = &sources.file {
        for (key, value, line) in read_file(path).with_context(|| format!("read configuration {}", path.display()))? {
            settings.insert(key, Setting { value, origin: Origin::File { path: path.clone(), line } });
        }
    }
    for mapped in environment::map(sources.environment) {
        let origin = Origin::Environment { variable: mapped.variable };
        settings.insert(mapped.key, Setting { value: mapped.value, origin });
    }
    for FlagValue { flag, key, value } in sources.flags {
        settings.insert(key.to_owned(), Setting { value, origin: Origin::Flag { flag } });
    }
    for (key, value) in sources.set {
        settings.insert(key, Setting { value, origin: Origin::Set });
    }
    prefer_stronger(&mut settings);
    Ok(settings)
}

/// Of two names for one thing the one from the stronger source counts, so that `--data-dir` wins over a file's `log.dirs`
/// and a variable over a file. On a tie Kafka's newer name does.
fn prefer_stronger(settings: &mut BTreeMap<String, Setting>) {
    if is_stronger(settings, "log.dir", "log.dirs") {
        settings.remove("log.dirs");
    }
    let (node, broker) = (settings.get("node.id"), settings.get("broker.id"));
    // Kafka reports both where one is set.
    if let Some(id) = (if strength(broker) > strength(node) { broker } else { node }).cloned() {
        settings.insert("node.id".to_owned(), id.clone());
        settings.insert("broker.id".to_owned(), id);
    }
}

/// Whether the first key comes from a stronger source than the second.
pub(super) fn is_stronger(settings: &BTreeMap<String, Setting>, first: &str, second: &str) -> bool {
    strength(settings.get(first)) > strength(settings.get(second))
}

fn strength(setting: Option<&Setting>) -> u8 {
    match setting.map(|setting| &setting.origin) {
        None => 0,
        Some(Origin::File { .. }) => 1,
        Some(Origin::Environment { .. }) => 2,
        Some(Origin::Flag { .. }) => 3,
        Some(Origin::Set) => 4,
    }
}

type FileSetting = (String, String, Option<usize>);

fn read_file(path: &Path) -> anyhow::Result<Vec<FileSetting>> {
    let bytes = std::fs::read(path)?;
    let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    if is_yaml {
        return Ok(yaml::parse(&bytes)?.into_iter().map(|(key, value)| (key, value, None)).collect());
    }
    let properties = properties::parse(&bytes)?;
    Ok(properties.into_iter().map(|property| (property.key, property.value, Some(property.line))).collect())
}
