use super::*;
use kafka_protocol::messages::{
    alter_configs_request, describe_configs_request::DescribeConfigsResource,
    describe_configs_response::DescribeConfigsResult, incremental_alter_configs_request as incremental,
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

fn ask(kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(keys.map(|keys| keys.iter().map(|key| text(key)).collect()));
    DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true)
}

async fn describe(fixture: &Fixture, kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResult {
    describe_configs(fixture, 4, ask(kind, name, keys)).await.results.remove(0)
}

/// (value, source) of one key.
async fn value(fixture: &Fixture, kind: i8, name: &str, key: &str) -> (Option<String>, i8) {
    let result = describe(fixture, kind, name, Some(&[key])).await;
    let config = &result.configs[0];
    (config.value.as_ref().map(ToString::to_string), config.config_source)
}

async fn change(fixture: &Fixture, kind: i8, name: &str, operation: i8, key: &str, to: Option<&str>) -> i16 {
    let config = incremental::AlterableConfig::default()
        .with_name(text(key))
        .with_config_operation(operation)
        .with_value(to.map(text));
    let resource = incremental::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let codes: Vec<i16> = vec![
        incremental_alter_configs(fixture, 0, request.clone()).await.responses[0].error_code,
        incremental_alter_configs(fixture, 1, request).await.responses[0].error_code,
    ];
    assert_eq!(codes[0], codes[1], "both versions, and the same again, answer alike");
    codes[0]
}

fn own_name(fixture: &Fixture) -> String {
    fixture.broker().config.node_id.to_string()
}

#[tokio::test]
async fn every_version_describes_a_topic() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 1, &[("retention.ms", "5000")]).await;
    for version in 1..=4 {
        let request = ask(TOPIC, "a", None).with_include_documentation(version >= 3);
        let result = describe_configs(&fixture, version, request).await.results.remove(0);
        assert_eq!((result.error_code, result.configs.len()), (0, controller::topic_config::definitions().len()));
        let config = result.configs.iter().find(|config| config.name.as_str() == "retention.ms").unwrap();
        assert_eq!((config.value.as_deref(), config.config_source, config.read_only), (Some("5000"), 1, false));
        let synonyms: Vec<_> = config.synonyms.iter().map(|s| (s.name.to_string(), s.source)).collect();
        assert_eq!(synonyms, [("retention.ms".to_owned(), 1)]);
        let told = (config.config_type, config.documentation.as_ref().is_some_and(|doc| !doc.is_empty()));
        assert_eq!(told, if version >= 3 { (5, true) } else { (0, false) });
    }
}

#[tokio::test]
async fn an_empty_list_of_keys_means_all_and_others_are_picked_out() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 1, &[]).await;
    let all = describe(&fixture, TOPIC, "a", None).await.configs.len();
    assert_eq!(describe(&fixture, TOPIC, "a", Some(&[])).await.configs.len(), all, "kafkajs sends an empty list");
    let picked = describe(&fixture, TOPIC, "a", Some(&["segment.ms", "no.such.key"])).await.configs;
    assert_eq!(picked.iter().map(|config| config.name.to_string()).collect::<Vec<_>>(), ["segment.ms"]);
}

#[tokio::test]
async fn what_cannot_be_described_says_why() {
    let fixture = Fixture::start().await;
    let me = own_name(&fixture);
    for (kind, name, code) in [
        (TOPIC, "missing", 3),
        (TOPIC, "a b", 17),
        (BROKER, "77", 42),
        (BROKER, "x", 42),
        (8, me.as_str(), 42),
        (16, "subscription", 42),
        (0, "x", 42),
        (1, "x", 42),
    ] {
        let result = describe(&fixture, kind, name, None).await;
        assert_eq!((result.error_code, result.configs.len()), (code, 0), "{kind} {name}");
    }
}

#[tokio::test]
async fn a_broker_describes_itself_and_the_shared_defaults() {
    let fixture = Fixture::start_with(&[("num.partitions", "3")]).await;
    let me = own_name(&fixture);
    assert_eq!(value(&fixture, BROKER, &me, "num.partitions").await, (Some("3".to_owned()), 4));
    assert_eq!(value(&fixture, BROKER, &me, "log.segment.bytes").await, (Some("1073741824".to_owned()), 5));
    let all = describe(&fixture, BROKER, &me, None).await.configs;
    assert!(all.len() > 100 && all.iter().filter(|config| config.is_sensitive).all(|config| config.value.is_none()));
    assert!(describe(&fixture, BROKER, "", None).await.configs.is_empty());
    assert_eq!(change(&fixture, BROKER, "", SET, "log.retention.bytes", Some("1000")).await, 0);
    let shared = describe(&fixture, BROKER, "", None).await.configs;
    assert_eq!(shared.len(), 1);
    assert_eq!((shared[0].value.as_deref(), shared[0].config_source, shared[0].synonyms.len()), (Some("1000"), 3, 1));
}

#[tokio::test]
async fn broker_changes_reach_topics_and_outlive_a_restart() {
    let mut fixture = Fixture::start_with(&[("log.retention.bytes", "1")]).await;
    fixture.topic("a", 1, &[]).await;
    let me = own_name(&fixture);
    let retention = |value: &str, source| (Some(value.to_owned()), source);
    assert_eq!(value(&fixture, TOPIC, "a", "retention.bytes").await, retention("1", 4));
    assert_eq!(change(&fixture, BROKER, "", SET, "log.retention.bytes", Some("2000")).await, 0);
    assert_eq!(value(&fixture, TOPIC, "a", "retention.bytes").await, retention("2000", 3));
    assert_eq!(change(&fixture, BROKER, &me, SET, "log.retention.bytes", Some("3000")).await, 0);
    assert_eq!(value(&fixture, TOPIC, "a", "retention.bytes").await, retention("3000", 2));
    assert_eq!(change(&fixture, TOPIC, "a", SET, "retention.bytes", Some("4000")).await, 0);
    fixture.restart().await;
    assert_eq!(value(&fixture, TOPIC, "a", "retention.bytes").await, retention("4000", 1));
    assert_eq!(change(&fixture, TOPIC, "a", DELETE, "retention.bytes", None).await, 0);
    assert_eq!(change(&fixture, BROKER, &me, DELETE, "log.retention.bytes", None).await, 0);
    assert_eq!(value(&fixture, TOPIC, "a", "retention.bytes").await, retention("2000", 3));
    assert_eq!(change(&fixture, BROKER, &me, APPEND, "log.cleanup.policy", Some("compact")).await, 0);
    assert_eq!(value(&fixture, TOPIC, "a", "cleanup.policy").await, retention("delete,compact", 2));
}

#[tokio::test]
async fn a_throttle_is_shown_once_it_is_set() {
    let fixture = Fixture::start().await;
    let own = own_name(&fixture);
    let key = "leader.replication.throttled.rate";
    assert_eq!(describe(&fixture, BROKER, &own, Some(&[key])).await.configs, []);
    assert_eq!(change(&fixture, BROKER, &own, SET, key, Some("1000000")).await, 0);
    let shown = describe(&fixture, BROKER, &own, Some(&[key])).await.configs.remove(0);
    assert_eq!((shown.value.as_deref(), shown.config_source, shown.synonyms.len()), (Some("1000000"), 2, 1));
    assert_eq!(change(&fixture, BROKER, &own, DELETE, key, None).await, 0);
    assert_eq!(describe(&fixture, BROKER, &own, Some(&[key])).await.configs, []);
}

#[tokio::test]
async fn changes_that_are_refused() {
    let fixture = Fixture::start().await;
    fixture.topic("a", 1, &[]).await;
    let me = own_name(&fixture);
    for (kind, name, operation, key, to, code) in [
        (TOPIC, "a", SET, "no.such.key", Some("1"), 40),
        (TOPIC, "a", SET, "segment.ms", Some("x"), 40),
        (TOPIC, "a", SET, "segment.ms", None, 42),
        (TOPIC, "a", APPEND, "segment.ms", Some("1"), 40),
        (TOPIC, "a", 9, "segment.ms", Some("1"), 42),
        (TOPIC, "missing", SET, "segment.ms", Some("1"), 3),
        (TOPIC, "a b", SET, "segment.ms", Some("1"), 17),
        (BROKER, &me, SET, "num.partitions", Some("3"), 42),
        (BROKER, &me, SET, "no.such.key", Some("3"), 42),
        (BROKER, &me, SET, "log.retention.ms", Some("x"), 42),
        (BROKER, &me, APPEND, "log.retention.ms", Some("1"), 40),
        (BROKER, "77", SET, "log.retention.ms", Some("1"), 42),
        (8, &me, SET, "root", Some("DEBUG"), 42),
        (0, "x", SET, "a", Some("1"), 42),
    ] {
        assert_eq!(change(&fixture, kind, name, operation, key, to).await, code, "{kind} {name} {key}");
    }
}

#[tokio::test]
async fn a_full_replacement_resets_the_rest_at_every_version() {
    let fixture = Fixture::start().await;
    for version in 0..=2 {
        let topic = format!("t{version}");
        fixture.topic(&topic, 1, &[("retention.ms", "5000")]).await;
        let config =
            alter_configs_request::AlterableConfig::default().with_name(text("flush.ms")).with_value(Some(text("900")));
        let resource = |name: &str| {
            alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(text(name))
                .with_configs(vec![config.clone()])
        };
        let request = |validate_only| {
            AlterConfigsRequest::default()
                .with_resources(vec![resource("missing"), resource(&topic)])
                .with_validate_only(validate_only)
        };
        for validate_only in [true, false] {
            let responses = alter_configs(&fixture, version, request(validate_only)).await.responses;
            assert_eq!(responses.iter().map(|r| r.error_code).collect::<Vec<_>>(), [3, 0]);
            let flush = value(&fixture, TOPIC, &topic, "flush.ms").await;
            assert_eq!(flush.1, if validate_only { 5 } else { 1 });
        }
        assert_eq!(value(&fixture, TOPIC, &topic, "retention.ms").await, (Some("604800000".to_owned()), 5));
    }
}
