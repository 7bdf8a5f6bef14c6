//! Words that the APIs about configuration share: resources, sources and types as the wire numbers them, and which
//! broker keys may change while the broker runs.

use super::{ConnectionContext, error_codes, topic_words::text};
use crate::config::{ConfigType, Definition, UpdateMode};
use controller::{
    ConfigError, ControllerError,
    replication_throttle::{FOLLOWER_RATE, LEADER_RATE, REASSIGNMENT_RATE},
    requests::{AlterConfigResource, AlterConfigs, ConfigResource},
    topic_config::{self, ConfigSource},
};
use kafka_protocol::{ResponseError as Code, protocol::StrBytes};
use model::BrokerId;

/// Kafka's `ConfigResource.Type`, as far as there is something to configure here.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;

/// Between the folders of one broker, where nothing is moved: kafka-reassign-partitions clears it with the other two.
const FOLDER_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";

/// A Kafka code and what a person may read about it.
pub(super) type Refusal = (i16, StrBytes);

pub(super) fn refusal(code: Code, why: impl Into<String>) -> Refusal {
    (code.code(), text(why))
}

pub(super) fn source(source: ConfigSource) -> i8 {
    source as i8
}

/// Kafka's `ConfigType` numbers.
pub(super) fn broker_config_type(config_type: ConfigType) -> i8 {
    match config_type {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Short => 4,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
        ConfigType::Class => 8,
        ConfigType::Password => 9,
    }
}

/// What a request names, if it can be configured and is ours.
pub(super) fn resource(context: &ConnectionContext, kind: i8, name: &str) -> Result<ConfigResource, Refusal> {
    match kind {
        TOPIC => Ok(ConfigResource::Topic(name.into())),
        BROKER if name.is_empty() => Ok(ConfigResource::Broker(None)),
        BROKER => own_broker(context, name).map(|id| ConfigResource::Broker(Some(id))),
        BROKER_LOGGER => Err(refusal(Code::InvalidRequest, "log levels are fixed at the start of the broker")),
        _ => Err(refusal(Code::InvalidRequest, format!("resources of type {kind} cannot be configured here"))),
    }
}

/// Only the broker itself knows its static configuration, so clients must ask each broker for its own.
fn own_broker(context: &ConnectionContext, name: &str) -> Result<BrokerId, Refusal> {
    let me = context.broker.config.node_id;
    match name.parse::<i32>() {
        Ok(id) if id == me.0 => Ok(me),
        Ok(id) => Err(refusal(Code::InvalidRequest, format!("this is broker {me}, the request is about broker {id}"))),
        Err(_) => Err(refusal(Code::InvalidRequest, format!("a broker id is a number, not '{name}'"))),
    }
}

/// Whether a broker key may be set now: Kafka must allow it, and the change must take effect here. The defaults of
/// topics and the throttles of a reassignment do; everything else is read once at the start.
pub(super) fn check_dynamic(resource: &ConfigResource, name: &str, value: Option<&str>) -> Result<(), Refusal> {
    let ConfigResource::Broker(broker) = resource else {
        return Ok(());
    };
    let Some(definition) = Definition::find(name) else {
        return Err(refusal(Code::InvalidRequest, format!("unknown broker config name: {name}")));
    };
    let default_of_topics =
        topic_config::definitions().iter().any(|topic| topic.synonyms.iter().any(|synonym| synonym.name == name));
    let is_throttle = [LEADER_RATE, FOLLOWER_RATE, FOLDER_RATE, REASSIGNMENT_RATE].contains(&name);
    if definition.update_mode == UpdateMode::ReadOnly || !default_of_topics && !is_throttle {
        return Err(refusal(Code::InvalidRequest, format!("{name} cannot be changed while the broker runs")));
    }
    if broker.is_none() && definition.update_mode == UpdateMode::PerBroker {
        return Err(refusal(Code::InvalidRequest, format!("{name} can only be set for one broker")));
    }
    match value.map(|value| definition.parse(value)) {
        Some(Err(error)) => Err(refusal(Code::InvalidRequest, format!("invalid value for {name}: {error}"))),
        _ => Ok(()),
    }
}

/// Has the controller decide what passed the broker's own checks; answers are in the order of `items`.
pub(super) async fn alter(
    context: &ConnectionContext,
    items: Vec<Result<AlterConfigResource, Refusal>>,
    validate_only: bool,
) -> Vec<Result<(), Refusal>> {
    let resources: Vec<_> = items.iter().filter_map(|item| item.as_ref().ok()).cloned().collect();
    let asked = !resources.is_empty();
    let decided = match asked {
        true => context.broker.controller.alter_configs(AlterConfigs { resources, validate_only }).await,
        false => Ok(Vec::new()),
    };
    let mut decided = decided.map(|results| results.into_iter().map(|(_, result)| result));
    let mut next = || match &mut decided {
        Ok(results) => results.next().expect("one answer for each resource asked about").map_err(|e| of_config(&e)),
        Err(error) => Err(of_controller(error)),
    };
    items.into_iter().map(|item| item.and_then(|_| next())).collect()
}

fn of_config(error: &ConfigError) -> Refusal {
    (error_codes::config(error), text(error.to_string()))
}

fn of_controller(error: &ControllerError) -> Refusal {
    (error_codes::controller(error).code(), text(error.to_string()))
}
