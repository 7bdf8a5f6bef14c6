//! Configurations of topics and of the broker.

use super::{make_topic, text};
use crate::{
    answer::Node,
    session::{CLOSED, Session},
};
use anyhow::{Context, Result};
use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    alter_configs_request::{AlterConfigsResource, AlterableConfig as ReplacedConfig},
    describe_configs_request::DescribeConfigsResource,
    describe_configs_response::DescribeConfigsResourceResult,
    incremental_alter_configs_request::{AlterConfigsResource as IncrementalResource, AlterableConfig},
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(super) fn describing(kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsRequest {
    let keys = keys.map(|keys| keys.iter().map(|key| text(key)).collect());
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(keys);
    DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true)
}

/// Every entry by its name: the order of entries is nobody's promise.
fn entries(response: &DescribeConfigsResponse) -> Node {
    let value = |value: &dyn std::fmt::Debug| Node::read(&format!("{value:?}"));
    let mut fields = Vec::new();
    for result in &response.results {
        let said = [("error_code", value(&result.error_code)), ("error_message", value(&result.error_message))];
        fields.extend(said.map(|(name, node)| (name.to_owned(), node)));
        for entry in &result.configs {
            let mut shown = vec![
                ("value", value(&entry.value)),
                ("source", value(&entry.config_source)),
                ("read_only", value(&entry.read_only)),
                ("sensitive", value(&entry.is_sensitive)),
                ("type", value(&entry.config_type)),
                ("documented", value(&entry.documentation.as_ref().is_some_and(|text| !text.is_empty()))),
            ];
            let synonyms = entry.synonyms.iter().map(|one| {
                let text = one.value.as_ref().map_or("null", |text| text.as_str());
                Node::Value(format!("{}={text} of {}", one.name.as_str(), one.source))
            });
            shown.push(("synonyms", Node::Items(synonyms.collect())));
            let shown = shown.into_iter().map(|(name, node)| (name.to_owned(), node)).collect();
            fields.push((entry.name.as_str().to_owned(), Node::Fields(shown)));
        }
    }
    Node::Fields(fields)
}

pub(super) fn ask(session: &mut Session, label: &str, version: i16, request: &DescribeConfigsRequest) -> Result<()> {
    let answer = session.call(version, request)?.map_or(Node::Value(CLOSED.into()), |response| entries(&response));
    session.record(&format!("{label} v{version}"), answer);
    Ok(())
}

pub(super) fn topic_configs(session: &mut Session) -> Result<()> {
    make_topic(session, "configs-plain", 1, &[])?;
    make_topic(
        session,
        "configs-set",
        1,
        &[("retention.ms", "1000"), ("cleanup.policy", "compact,delete"), ("compression.type", "zstd")],
    )?;
    for version in 1..=4 {
        ask(session, "DescribeConfigs of a plain topic", version, &describing(TOPIC, "configs-plain", None))?;
        ask(session, "DescribeConfigs of a set topic", version, &describing(TOPIC, "configs-set", None))?;
        ask(
            session,
            "DescribeConfigs of some keys",
            version,
            &describing(TOPIC, "configs-set", Some(&["retention.ms", "no.such.key"])),
        )?;
        ask(session, "DescribeConfigs of an empty list", version, &describing(TOPIC, "configs-set", Some(&[])))?;
        ask(session, "DescribeConfigs of an unknown topic", version, &describing(TOPIC, "configs-unknown", None))?;
    }
    let plain = || describing(TOPIC, "configs-plain", None);
    for version in 3..=4 {
        ask(session, "DescribeConfigs documented", version, &plain().with_include_documentation(true))?;
    }
    ask(session, "DescribeConfigs without synonyms", 4, &plain().with_include_synonyms(false))?;
    let keys: &[&str] = &[
        "num.partitions",
        "log.retention.ms",
        "log.retention.hours",
        "log.segment.bytes",
        "message.max.bytes",
        "auto.create.topics.enable",
        "compression.type",
    ];
    ask(session, "DescribeConfigs of the broker", 4, &describing(BROKER, "1", Some(keys)))?;
    ask(session, "DescribeConfigs of brokers by default", 4, &describing(BROKER, "", None))?;
    ask(session, "DescribeConfigs of another broker", 4, &describing(BROKER, "99", Some(keys)))?;
    ask(session, "DescribeConfigs of no broker", 4, &describing(BROKER, "first", Some(keys)))?;
    ask(session, "DescribeConfigs of an unknown kind", 4, &describing(77, "x", None))
}

fn replacing(name: &str, configs: &[(&str, Option<&str>)]) -> AlterConfigsRequest {
    let configs =
        configs.iter().map(|(key, value)| ReplacedConfig::default().with_name(text(key)).with_value(value.map(text)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(name))
        .with_configs(configs.collect());
    AlterConfigsRequest::default().with_resources(vec![resource])
}

pub(super) fn changing(kind: i8, name: &str, changes: &[(i8, &str, Option<&str>)]) -> IncrementalAlterConfigsRequest {
    let configs = changes.iter().map(|(operation, key, value)| {
        AlterableConfig::default().with_config_operation(*operation).with_name(text(key)).with_value(value.map(text))
    });
    let resource = IncrementalResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect());
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

pub(super) fn altered_configs(session: &mut Session) -> Result<()> {
    make_topic(session, "altered", 1, &[("retention.ms", "1000")])?;
    let keys: &[&str] = &["retention.ms", "max.message.bytes", "cleanup.policy", "segment.bytes"];
    let asked = describing(TOPIC, "altered", Some(keys));
    let state = |session: &mut Session, label: &str, key: &str, value: &str| {
        ask_until(session, &asked, key, value)?;
        ask(session, label, 4, &asked)
    };
    for version in 0..=2 {
        session.ask("AlterConfigs", version, &replacing("altered", &[("max.message.bytes", Some("2000"))]))?;
        state(session, "after AlterConfigs", "max.message.bytes", "2000")?;
    }
    session.ask("AlterConfigs validated", 2, &replacing("altered", &[]).with_validate_only(true))?;
    state(session, "after validation", "max.message.bytes", "2000")?;
    for version in 0..=1 {
        session.ask(
            "IncrementalAlterConfigs",
            version,
            &changing(
                TOPIC,
                "altered",
                &[(SET, "segment.bytes", Some("2097152")), (APPEND, "cleanup.policy", Some("compact"))],
            ),
        )?;
        state(session, "after set and append", "segment.bytes", "2097152")?;
        session.ask(
            "IncrementalAlterConfigs back",
            version,
            &changing(
                TOPIC,
                "altered",
                &[(DELETE, "segment.bytes", None), (SUBTRACT, "cleanup.policy", Some("delete"))],
            ),
        )?;
        state(session, "after delete and subtract", "segment.bytes", "1073741824")?;
    }
    Ok(())
}

/// Defaults of topics, set for all brokers while they run.
pub(super) fn altered_defaults(session: &mut Session) -> Result<()> {
    make_topic(session, "defaulted", 1, &[])?;
    let key = Some(&["retention.ms", "max.message.bytes"][..]);
    let broker_key = Some(&["log.retention.ms", "message.max.bytes", "log.retention.hours"][..]);
    let steps = [("set", SET, Some("86400001")), ("deleted", DELETE, None)];
    for (what, operation, value) in steps {
        for (of, broker) in [("all brokers", ""), ("the broker", "1")] {
            let change = changing(BROKER, broker, &[(operation, "log.retention.ms", value)]);
            session.ask(&format!("{what} for {of}"), 1, &change)?;
            settle(session, &describing(TOPIC, "defaulted", key), value.is_some(), broker)?;
            ask(session, &format!("topic, {what} for {of}"), 4, &describing(TOPIC, "defaulted", key))?;
            ask(session, &format!("broker, {what} for {of}"), 4, &describing(BROKER, "1", broker_key))?;
            ask(session, &format!("default, {what} for {of}"), 4, &describing(BROKER, "", None))?;
        }
    }
    Ok(())
}

/// Kafka answers a change before its broker knows of it.
fn ask_until(session: &mut Session, request: &DescribeConfigsRequest, key: &str, value: &str) -> Result<()> {
    wait_for(session, request, key, |entry| entry.value.as_ref().is_some_and(|text| text.as_str() == value))
}

/// Until `retention.ms` has as many sources as it must after this step: all brokers' and the broker's come and go.
fn settle(session: &mut Session, request: &DescribeConfigsRequest, set: bool, broker: &str) -> Result<()> {
    let expected = match (set, broker.is_empty()) {
        (true, false) => 2,
        (true, true) | (false, true) => 1,
        (false, false) => 0,
    };
    wait_for(session, request, "retention.ms", |entry| {
        entry.synonyms.iter().filter(|synonym| matches!(synonym.source, 2 | 3)).count() == expected
    })
}

fn wait_for(
    session: &mut Session,
    request: &DescribeConfigsRequest,
    key: &str,
    is_there: impl Fn(&DescribeConfigsResourceResult) -> bool,
) -> Result<()> {
    for _ in 0..20_000 {
        let answer = session.call(4, request)?.context("describe configurations")?;
        let entry = answer.results.iter().flat_map(|result| &result.configs).find(|entry| entry.name.as_str() == key);
        if entry.is_some_and(&is_there) {
            return Ok(());
        }
    }
    anyhow::bail!("{key} does not become what was asked for")
}

/// Why, kind and name of the resource, changes.
type RefusedChange = (&'static str, i8, &'static str, &'static [(i8, &'static str, Option<&'static str>)]);

pub(super) fn refused_configs(session: &mut Session) -> Result<()> {
    make_topic(session, "unaltered", 1, &[])?;
    let cases: &[RefusedChange] = &[
        ("unknown key", TOPIC, "unaltered", &[(SET, "no.such.key", Some("1"))]),
        ("wrong type", TOPIC, "unaltered", &[(SET, "retention.ms", Some("soon"))]),
        ("out of range", TOPIC, "unaltered", &[(SET, "max.message.bytes", Some("-5"))]),
        ("null", TOPIC, "unaltered", &[(SET, "retention.ms", None)]),
        ("append to a number", TOPIC, "unaltered", &[(APPEND, "retention.ms", Some("1"))]),
        ("a key twice", TOPIC, "unaltered", &[(SET, "retention.ms", Some("1")), (SET, "retention.ms", Some("2"))]),
        ("unknown operation", TOPIC, "unaltered", &[(9, "retention.ms", Some("1"))]),
        ("unknown topic", TOPIC, "unaltered-unknown", &[(SET, "retention.ms", Some("1"))]),
        ("bad topic name", TOPIC, "bad name", &[(SET, "retention.ms", Some("1"))]),
        ("read-only broker key", BROKER, "1", &[(SET, "log.dirs", Some("/tmp"))]),
        ("another broker", BROKER, "99", &[(SET, "log.cleaner.backoff.ms", Some("1000"))]),
        ("unknown kind", 77, "x", &[(SET, "a", Some("1"))]),
    ];
    for (why, kind, name, changes) in cases {
        session.ask(&format!("IncrementalAlterConfigs refused: {why}"), 1, &changing(*kind, name, changes))?;
    }
    session.ask("AlterConfigs of an unknown topic", 2, &replacing("unaltered-unknown", &[]))?;
    session.ask("AlterConfigs of an unknown key", 2, &replacing("unaltered", &[("no.such.key", Some("1"))]))?;
    session.ask("AlterConfigs with a null", 2, &replacing("unaltered", &[("retention.ms", None)]))?;
    Ok(())
}
