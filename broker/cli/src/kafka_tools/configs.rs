//! `kafka-configs`, for topics and brokers.

use super::{
    connect, exception_text,
    flags::{Flags, Given, Usage, plain, with},
};
use crate::{
    client::{
        ClientError,
        admin::{Admin, ConfigChange, ConfigEntry, ConfigSource, Resource},
    },
    output::{Format, Out, note},
    session::Properties,
};
use kafka_protocol::error::ResponseError;
use model::{BrokerId, TopicName};
use std::process::ExitCode;

pub(super) static FLAGS: Flags = Flags {
    about: "Shows and changes the configuration of topics and brokers.",
    flags: &[
        with("add-config", "String", "Values to set: k1=v1,k2=[v1,v2],k3=v3"),
        with("add-config-file", "String", "A file of values to set"),
        plain("all", "With --describe: also what is at its default"),
        plain("alter", "Change configuration"),
        with("bootstrap-server", "String: server to connect to", "REQUIRED: brokers to connect to"),
        with("broker", "String", "The id of a broker"),
        plain("broker-defaults", "What all brokers have in common"),
        with("command-config", "String: config file", "A file of client properties"),
        with("delete-config", "String", "Values to put back to their default: k1,k2"),
        plain("describe", "Show configuration"),
        plain("entity-default", "With --entity-type brokers: what all have in common"),
        with("entity-name", "String", "The name of the topic or the id of the broker"),
        with("entity-type", "String", "topics or brokers"),
        plain("help", "Print this"),
        with("topic", "String", "The name of a topic"),
        plain("version", "Print the version"),
    ],
};

/// What the flags name.
#[derive(Debug, PartialEq, Eq)]
enum Entity {
    One(Resource),
    AllTopics,
    EveryBroker,
}

pub(super) async fn run(given: &Given) -> anyhow::Result<ExitCode> {
    if given.has("describe") == given.has("alter") {
        return Err(Usage("Command must include exactly one action: --describe, --alter".to_owned()).into());
    }
    given.require("bootstrap-server")?;
    let entity = entity(given)?;
    let changes = changes(given)?;
    if given.has("alter") && changes.is_empty() {
        let text = "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter";
        return Err(Usage(text.to_owned()).into());
    }
    let admin = connect(given).await?;
    let mut out = Out::new(Format::Table);
    let outcome = if given.has("alter") {
        alter(&admin, &entity, &changes, &mut out).await
    } else {
        describe(&admin, &entity, given.has("all"), &mut out).await
    };
    out.flush()?;
    match outcome.map_err(|error| error.downcast::<ClientError>()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Ok(refused)) => {
            note(&format!("Error while executing config command: {}", exception_text(&refused)));
            Ok(ExitCode::FAILURE)
        }
        Err(Err(error)) => Err(error),
    }
}

fn entity(given: &Given) -> Result<Entity, Usage> {
    let broker = |id: &str| {
        let id = id.parse().map_err(|_| {
            Usage(format!("The entity name for brokers must be a valid integer broker id, but it is: {id}"))
        });
        id.map(|id| Entity::One(Resource::Broker(BrokerId(id))))
    };
    if let Some(topic) = given.value("topic") {
        return Ok(Entity::One(Resource::Topic(TopicName::from(topic))));
    }
    if let Some(id) = given.value("broker") {
        return broker(id);
    }
    if given.has("broker-defaults") {
        return Ok(Entity::One(Resource::AllBrokers));
    }
    match (given.value("entity-type"), given.value("entity-name")) {
        (None, _) => Err(Usage("At least one entity type must be specified".to_owned())),
        (Some("topics"), Some(topic)) => Ok(Entity::One(Resource::Topic(TopicName::from(topic)))),
        (Some("topics"), None) => Ok(Entity::AllTopics),
        (Some("brokers"), Some(id)) => broker(id),
        (Some("brokers"), None) if given.has("entity-default") => Ok(Entity::One(Resource::AllBrokers)),
        (Some("brokers"), None) => Ok(Entity::EveryBroker),
        (Some(other), _) => {
            Err(Usage(format!("--entity-type {other}: only topics and brokers can be configured here")))
        }
    }
}

fn changes(given: &Given) -> anyhow::Result<Vec<ConfigChange>> {
    let mut changes = Vec::new();
    if let Some(path) = given.value("add-config-file") {
        let file = Properties::from_file(path)?;
        let set = |name: &str| Some(ConfigChange::Set { name: name.to_owned(), value: file.get(name)?.to_owned() });
        changes.extend(file.names().filter_map(set));
    }
    if let Some(text) = given.value("add-config") {
        changes.extend(parse_added(text)?);
    }
    if let Some(names) = given.value("delete-config") {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        changes.extend(names.map(|name| ConfigChange::Delete { name: name.to_owned() }));
    }
    Ok(changes)
}

/// `k1=v1,k2=[v1,v2]`: commas within brackets belong to the value.
fn parse_added(text: &str) -> Result<Vec<ConfigChange>, Usage> {
    let bad =
        || Usage(format!("{text}: Invalid entity config: all configs to be added must be in the format \"key=val\"."));
    let mut changes = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').ok_or_else(bad)?;
        let (value, behind) = match value.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').ok_or_else(bad)?,
            None => value.find(',').map_or((value, ""), |at| value.split_at(at)),
        };
        rest = behind.trim_start().trim_start_matches(',').trim_start();
        if name.trim().is_empty() || name.contains(',') {
            return Err(bad());
        }
        changes.push(ConfigChange::Set { name: name.trim().to_owned(), value: value.trim().to_owned() });
    }
    Ok(changes)
}

async fn alter(admin: &Admin, entity: &Entity, changes: &[ConfigChange], out: &mut Out) -> anyhow::Result<()> {
    let Entity::One(resource) = entity else {
        return Err(Usage("An entity name must be specified with --alter".to_owned()).into());
    };
    admin.alter_configs(resource, changes).await?;
    out.line(&format!(
        "Completed updating {} for {}.",
        if matches!(resource, Resource::AllBrokers) { "default config" } else { "config" },
        shown(resource)
    ))?;
    Ok(())
}

fn shown(resource: &Resource) -> String {
    match resource {
        Resource::Topic(name) => format!("topic {name}"),
        Resource::Broker(id) => format!("broker {id}"),
        Resource::AllBrokers => "brokers in the cluster".to_owned(),
    }
}

async fn describe(admin: &Admin, entity: &Entity, all: bool, out: &mut Out) -> anyhow::Result<()> {
    let resources: Vec<Resource> = match entity {
        Entity::One(resource) => vec![resource.clone()],
        Entity::AllTopics => admin.topics().await?.into_keys().map(Resource::Topic).collect(),
        Entity::EveryBroker => {
            let brokers = admin.cluster.brokers().into_keys().map(Resource::Broker);
            brokers.chain([Resource::AllBrokers]).collect()
        }
    };
    for resource in &resources {
        let entries = match admin.configs(resource).await {
            Err(error) if error.code() == Some(ResponseError::UnknownTopicOrPartition) => {
                let Resource::Topic(name) = resource else { return Err(error.into()) };
                out.line(&format!("The topic '{name}' doesn't exist and doesn't have dynamic config."))?;
                continue;
            }
            entries => entries?,
        };
        let which = if all { "All" } else { "Dynamic" };
        let heading = match resource {
            Resource::AllBrokers => "Default configs for brokers in the cluster are:".to_owned(),
            one => format!("{which} configs for {} are:", shown(one)),
        };
        out.line(&heading)?;
        let mut entries: Vec<&ConfigEntry> = entries.iter().filter(|entry| all || is_own(resource, entry)).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.iter().try_for_each(|entry| out.line(&entry_line(entry)))?;
    }
    Ok(())
}

/// Set for this very resource, and not inherited.
fn is_own(resource: &Resource, entry: &ConfigEntry) -> bool {
    let own = match resource {
        Resource::Topic(_) => ConfigSource::Topic,
        Resource::Broker(_) => ConfigSource::DynamicBroker,
        Resource::AllBrokers => ConfigSource::DynamicDefaultBroker,
    };
    entry.source == own
}

fn entry_line(entry: &ConfigEntry) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms =
        entry.synonyms.iter().map(|(source, name, value)| format!("{}:{name}={}", source.kafka_name(), text(value)));
    let synonyms = synonyms.collect::<Vec<_>>().join(", ");
    format!("  {}={} sensitive={} synonyms={{{synonyms}}}", entry.name, text(&entry.value), entry.is_sensitive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> ConfigChange {
        ConfigChange::Set { name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn commas_in_brackets_belong_to_the_value() {
        let parsed = parse_added("retention.ms=5, cleanup.policy=[compact,delete],x=").expect("good list");
        assert_eq!(parsed, [set("retention.ms", "5"), set("cleanup.policy", "compact,delete"), set("x", "")]);
        for text in ["retention.ms", "a=[b", "=1", "a=1,b"] {
            assert!(parse_added(text).is_err(), "{text}");
        }
    }

    #[test]
    fn entities_have_a_long_and_a_short_name() {
        let named = |words: &str| {
            entity(&FLAGS.parse(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()).expect("known flags"))
        };
        let topic = Entity::One(Resource::Topic("t".into()));
        assert_eq!(named("--topic t"), Ok(topic));
        assert_eq!(named("--entity-type topics --entity-name t"), Ok(Entity::One(Resource::Topic("t".into()))));
        assert_eq!(named("--entity-type brokers --entity-default"), Ok(Entity::One(Resource::AllBrokers)));
        assert_eq!(named("--broker 1"), Ok(Entity::One(Resource::Broker(BrokerId(1)))));
        assert!(named("--entity-type users").is_err() && named("--describe").is_err());
    }

    #[test]
    fn a_value_is_printed_with_its_synonyms_as_by_kafka() {
        let entry = ConfigEntry {
            name: "cleanup.policy".to_owned(),
            value: Some("compact".to_owned()),
            source: ConfigSource::Topic,
            is_sensitive: false,
            synonyms: vec![
                (ConfigSource::Topic, "cleanup.policy".to_owned(), Some("compact".to_owned())),
                (ConfigSource::Default, "log.cleanup.policy".to_owned(), Some("delete".to_owned())),
            ],
        };
        let expected = "  cleanup.policy=compact sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact, \
                        DEFAULT_CONFIG:log.cleanup.policy=delete}";
        assert_eq!(entry_line(&entry), expected);
    }
}
