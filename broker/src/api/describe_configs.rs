//! DescribeConfigs: values in force, where they come from, and what they would be otherwise (KIP-226).

use super::{
    RequestContext,
    config_words::{self, Refusal, refusal},
    error_codes,
    topic_words::text,
};
use crate::config::Described;
use controller::{
    ClusterImage,
    requests::ConfigResource,
    topic_config::{self, BrokerLayers, TopicConfigDefinition},
    topic_name,
};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        DescribeConfigsRequest, DescribeConfigsResponse,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym},
    },
    protocol::StrBytes,
};

pub(crate) async fn handle(context: &RequestContext, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let image = context.broker.metadata.current();
    let wanted = Wanted {
        synonyms: request.include_synonyms,
        types: context.version >= 3,
        documentation: request.include_documentation && context.version >= 3,
    };
    let results = request.resources.into_iter().map(|resource| {
        let (code, message, configs) = match describe(context, &image, &resource, &wanted) {
            Ok(configs) => (0, StrBytes::default(), configs),
            Err((code, message)) => (code, message, Vec::new()),
        };
        DescribeConfigsResult::default()
            .with_error_code(code)
            .with_error_message(Some(message))
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
            .with_configs(configs)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// What the client asked for and its version can carry.
struct Wanted {
    synonyms: bool,
    types: bool,
    documentation: bool,
}

/// One key, from whichever kind of resource.
struct Row {
    name: &'static str,
    value: Option<String>,
    read_only: bool,
    sensitive: bool,
    source: i8,
    config_type: i8,
    documentation: &'static str,
    synonyms: Vec<(&'static str, Option<String>, i8)>,
}

fn describe(
    context: &RequestContext,
    image: &ClusterImage,
    asked: &DescribeConfigsResource,
    wanted: &Wanted,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let rows = match config_words::resource(context, asked.resource_type, &asked.resource_name)? {
        ConfigResource::Topic(name) => {
            topic_name::validate(&name).map_err(|error| (error_codes::topic(&error), text(error.to_string())))?;
            let topic = image.topic(&name).ok_or_else(|| refusal(Code::UnknownTopicOrPartition, ""))?;
            let config = &context.broker.config;
            let layers =
                BrokerLayers::new(&image.broker_configs, config.node_id, config.static_values(), config.defaults());
            topic_config::definitions().iter().map(|d| topic_row(d, &topic.configs, &layers)).collect()
        }
        ConfigResource::Broker(broker) => broker_rows(context, image, broker.is_some()),
    };
    // kafkajs sends an empty list where others send null.
    let keys = asked.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
    let asked_for = |row: &Row| keys.is_none_or(|keys| keys.iter().any(|key| key.as_str() == row.name));
    Ok(rows.into_iter().filter(asked_for).map(|row| on_the_wire(row, wanted)).collect())
}

fn topic_row(
    definition: &'static TopicConfigDefinition,
    configs: &controller::image::ConfigMap,
    layers: &BrokerLayers<'_>,
) -> Row {
    let in_force = topic_config::effective(definition, configs, layers);
    let synonyms = in_force.synonyms.into_iter();
    Row {
        name: definition.name,
        value: Some(in_force.value),
        read_only: false,
        sensitive: false,
        source: config_words::source(in_force.source),
        config_type: definition.kind as i8,
        documentation: definition.doc,
        synonyms: synonyms.map(|s| (s.name, Some(s.value), config_words::source(s.source))).collect(),
    }
}

/// Everything about this broker, or only what was set at run time for all brokers.
fn broker_rows(context: &RequestContext, image: &ClusterImage, own: bool) -> Vec<Row> {
    let config = &context.broker.config;
    let nothing = controller::image::ConfigMap::new();
    let dynamic = image.broker_configs.of(config.node_id).filter(|_| own).unwrap_or(&nothing);
    let rows = config.describe(dynamic, &image.broker_configs.cluster).into_iter();
    if own {
        return rows.map(broker_row).collect();
    }
    rows.filter(|row| image.broker_configs.cluster.contains_key(row.definition.name))
        .map(|mut row| {
            row.synonyms.retain(|synonym| synonym.source == topic_config::ConfigSource::DynamicDefaultBroker);
            broker_row(row)
        })
        .collect()
}

fn broker_row(row: Described) -> Row {
    let synonyms = row.synonyms.into_iter();
    Row {
        name: row.definition.name,
        value: row.value,
        read_only: row.definition.is_read_only(),
        sensitive: row.definition.is_sensitive(),
        source: config_words::source(row.source),
        config_type: config_words::broker_config_type(row.definition.config_type),
        documentation: row.definition.documentation,
        synonyms: synonyms.map(|s| (s.name, s.value, config_words::source(s.source))).collect(),
    }
}

fn on_the_wire(row: Row, wanted: &Wanted) -> DescribeConfigsResourceResult {
    let synonyms = row.synonyms.into_iter().filter(|_| wanted.synonyms).map(|(name, value, source)| {
        DescribeConfigsSynonym::default().with_name(text(name)).with_value(value.map(text)).with_source(source)
    });
    let result = DescribeConfigsResourceResult::default()
        .with_name(text(row.name))
        .with_value(row.value.map(text))
        .with_read_only(row.read_only)
        .with_is_sensitive(row.sensitive)
        .with_config_source(row.source)
        .with_synonyms(synonyms.collect());
    if !wanted.types {
        return result;
    }
    result
        .with_config_type(row.config_type)
        .with_documentation(wanted.documentation.then(|| StrBytes::from_static_str(row.documentation)))
}
