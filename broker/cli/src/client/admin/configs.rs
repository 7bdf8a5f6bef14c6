//! Configuration of topics and brokers.

use super::Admin;
use crate::client::{ClientError, Purpose, Result, wire};
use kafka_protocol::{
    messages::{
        DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::DescribeConfigsResourceResult,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
    },
    protocol::StrBytes,
};
use model::{BrokerId, TopicName};
use std::{collections::BTreeMap, fmt};

/// Whose configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    Topic(TopicName),
    Broker(BrokerId),
    /// What all brokers have in common.
    AllBrokers,
}

/// Where a value comes from, as Kafka names and numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigSource {
    Topic,
    DynamicBroker,
    DynamicDefaultBroker,
    StaticBroker,
    Default,
    Other,
}

#[derive(Debug, Clone)]
pub(crate) struct ConfigEntry {
    pub(crate) name: String,
    /// None for secrets.
    pub(crate) value: Option<String>,
    pub(crate) source: ConfigSource,
    pub(crate) is_sensitive: bool,
    /// The values that would count, the first one does: source, name, value.
    pub(crate) synonyms: Vec<(ConfigSource, String, Option<String>)>,
}

/// One change to a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConfigChange {
    Set {
        name: String,
        value: String,
    },
    /// Back to the default.
    Delete {
        name: String,
    },
}

impl Resource {
    /// `ConfigResource.Type` of Kafka.
    fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) | Self::AllBrokers => 4,
        }
    }

    fn name(&self) -> StrBytes {
        match self {
            Self::Topic(name) => wire::text(name),
            Self::Broker(id) => wire::text(&id.to_string()),
            Self::AllBrokers => StrBytes::new(),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::AllBrokers => f.write_str("the brokers' common configuration"),
        }
    }
}

impl ConfigSource {
    fn from_wire(source: i8) -> Self {
        match source {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            _ => Self::Other,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::DynamicBroker => "broker (dynamic)",
            Self::DynamicDefaultBroker => "cluster (dynamic)",
            Self::StaticBroker => "broker",
            Self::Default => "default",
            Self::Other => "other",
        }
    }

    /// As Kafka's tools print it.
    pub(crate) fn kafka_name(self) -> &'static str {
        match self {
            Self::Topic => "DYNAMIC_TOPIC_CONFIG",
            Self::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
            Self::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Self::StaticBroker => "STATIC_BROKER_CONFIG",
            Self::Default => "DEFAULT_CONFIG",
            Self::Other => "UNKNOWN",
        }
    }
}

impl Admin {
    /// All configuration of the topics, in the order the broker gives it.
    pub(crate) async fn topic_configs(&self, topics: &[TopicName]) -> Result<BTreeMap<TopicName, Vec<ConfigEntry>>> {
        if topics.is_empty() {
            return Ok(BTreeMap::new());
        }
        let resources: Vec<Resource> = topics.iter().cloned().map(Resource::Topic).collect();
        let answer = self.cluster.call_any(&describe_request(&resources)).await?;
        Ok(topics.iter().cloned().zip(entries(&resources, answer)?).collect())
    }

    /// All configuration of one resource. A broker is asked for its own.
    pub(crate) async fn configs(&self, resource: &Resource) -> Result<Vec<ConfigEntry>> {
        let resources = std::slice::from_ref(resource);
        let request = describe_request(resources);
        let answer = match resource {
            Resource::Broker(id) => {
                let connection = self.cluster.broker(*id, Purpose::Requests).await?;
                connection.call(&request, self.cluster.options().request_timeout).await?
            }
            Resource::Topic(_) | Resource::AllBrokers => self.cluster.call_any(&request).await?,
        };
        Ok(entries(resources, answer)?.into_iter().next().unwrap_or_default())
    }

    pub(crate) async fn alter_configs(&self, resource: &Resource, changes: &[ConfigChange]) -> Result<()> {
        const SET: i8 = 0;
        const DELETE: i8 = 1;
        let configs = changes.iter().map(|change| match change {
            ConfigChange::Set { name, value } => AlterableConfig::default()
                .with_name(wire::text(name))
                .with_config_operation(SET)
                .with_value(Some(wire::text(value))),
            ConfigChange::Delete { name } => {
                AlterableConfig::default().with_name(wire::text(name)).with_config_operation(DELETE).with_value(None)
            }
        });
        let altered = AlterConfigsResource::default()
            .with_resource_type(resource.kind())
            .with_resource_name(resource.name())
            .with_configs(configs.collect());
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![altered]);
        let answer = match resource {
            Resource::Broker(id) => {
                let connection = self.cluster.broker(*id, Purpose::Requests).await?;
                connection.call(&request, self.cluster.options().request_timeout).await?
            }
            Resource::Topic(_) | Resource::AllBrokers => {
                let refusal = |code| ClientError::from_code(code, None, "");
                self.cluster
                    .call_controller(&request, |answer| answer.responses.first().and_then(|r| refusal(r.error_code)))
                    .await?
            }
        };
        answer.responses.iter().try_for_each(|result| {
            ClientError::check(result.error_code, result.error_message.as_deref(), resource.to_string())
        })
    }
}

fn describe_request(resources: &[Resource]) -> DescribeConfigsRequest {
    let resources = resources.iter().map(|resource| {
        DescribeConfigsResource::default()
            .with_resource_type(resource.kind())
            .with_resource_name(resource.name())
            .with_configuration_keys(None)
    });
    DescribeConfigsRequest::default().with_resources(resources.collect()).with_include_synonyms(true)
}

/// The entries of each resource, in the order asked.
fn entries(resources: &[Resource], answer: DescribeConfigsResponse) -> Result<Vec<Vec<ConfigEntry>>> {
    let mut results = answer.results;
    let mut found = Vec::with_capacity(resources.len());
    for resource in resources {
        let name = resource.name();
        let position = results.iter().position(|result| result.resource_name == name);
        let position =
            position.ok_or_else(|| ClientError::Invalid(format!("the broker's answer does not mention {resource}")))?;
        let result = results.swap_remove(position);
        ClientError::check(result.error_code, result.error_message.as_deref(), resource.to_string())?;
        found.push(result.configs.into_iter().map(entry).collect());
    }
    Ok(found)
}

fn entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    let text = |text: Option<StrBytes>| text.map(|text| text.to_string());
    let synonyms = config
        .synonyms
        .into_iter()
        .map(|synonym| (ConfigSource::from_wire(synonym.source), synonym.name.to_string(), text(synonym.value)));
    ConfigEntry {
        name: config.name.to_string(),
        value: text(config.value),
        source: ConfigSource::from_wire(config.config_source),
        is_sensitive: config.is_sensitive,
        synonyms: synonyms.collect(),
    }
}
