use super::*;
use crate::{ConfigError, image::ConfigMap};

fn alter(cluster: &mut Cluster, resource: ConfigResource, operation: AlterOperation) -> Result<(), ConfigError> {
    alter_all(cluster, vec![AlterConfigResource { resource, operation }], false).remove(0)
}

fn alter_all(
    cluster: &mut Cluster,
    resources: Vec<AlterConfigResource>,
    validate_only: bool,
) -> Vec<Result<(), ConfigError>> {
    match cluster.ask(Request::AlterConfigs(AlterConfigs { resources, validate_only })) {
        Reply::ConfigsAltered(results) => results.into_iter().map(|(_, result)| result).collect(),
        other => panic!("{other:?}"),
    }
}

fn change(kind: IncrementalKind, name: &str, value: Option<&str>) -> AlterOperation {
    AlterOperation::Incremental(vec![IncrementalChange {
        name: name.to_owned(),
        kind,
        value: value.map(str::to_owned),
        list_default: None,
    }])
}

fn replace(configs: &[(&str, Option<&str>)]) -> AlterOperation {
    AlterOperation::Replace(configs.iter().map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned))).collect())
}

fn on_topic() -> ConfigResource {
    ConfigResource::Topic("a".into())
}

fn cluster() -> Cluster {
    let mut cluster = Cluster::of(1);
    cluster.create(vec![configured("a", &[("retention.ms", "5000")])]).remove(0).unwrap();
    cluster
}

fn set_on_topic(cluster: &Cluster) -> Vec<(&str, &str)> {
    cluster.image().topic("a").unwrap().configs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

#[test]
fn single_keys_are_set_and_deleted() {
    use IncrementalKind::*;
    let mut cluster = cluster();
    assert_eq!(alter(&mut cluster, on_topic(), change(Set, "segment.ms", Some("6000"))), Ok(()));
    assert_eq!(set_on_topic(&cluster), [("retention.ms", "5000"), ("segment.ms", "6000")]);
    assert_eq!(alter(&mut cluster, on_topic(), change(Delete, "retention.ms", None)), Ok(()));
    assert_eq!(alter(&mut cluster, on_topic(), change(Delete, "no.such.key", None)), Ok(()));
    assert_eq!(set_on_topic(&cluster), [("segment.ms", "6000")]);
}

#[test]
fn lists_are_appended_to_and_subtracted_from() {
    use IncrementalKind::*;
    let mut cluster = cluster();
    for (kind, value, expected) in [
        (Append, "compact", "delete,compact"),
        (Append, "compact", "delete,compact"),
        (Subtract, "delete", "compact"),
        (Subtract, "compact", ""),
        (Append, "compact,compact", "compact"),
    ] {
        assert_eq!(alter(&mut cluster, on_topic(), change(kind, "cleanup.policy", Some(value))), Ok(()));
        assert_eq!(set_on_topic(&cluster)[0], ("cleanup.policy", expected));
    }
}

#[test]
fn a_set_that_changes_nothing_commits_nothing() {
    let mut cluster = cluster();
    let before = cluster.image().metadata_version;
    let same = change(IncrementalKind::Set, "retention.ms", Some("5000"));
    assert_eq!(alter(&mut cluster, on_topic(), same), Ok(()));
    assert_eq!(cluster.image().metadata_version, before);
}

#[test]
fn refusals_of_configuration_changes() {
    use IncrementalKind::*;
    let invalid: fn(&ConfigError) -> bool = |e| matches!(e, ConfigError::Invalid(_));
    let odd: fn(&ConfigError) -> bool = |e| matches!(e, ConfigError::InvalidRequest(_));
    let cases = [
        (change(Set, "no.such.key", Some("1")), invalid),
        (change(Set, "segment.ms", Some("x")), invalid),
        (change(Set, "segment.ms", None), odd),
        (change(Append, "segment.ms", Some("1")), invalid),
        (change(Append, "cleanup.policy", None), odd),
        (change(Append, "cleanup.policy", Some("shred")), invalid),
        (change(Append, "no.such.key", Some("1")), invalid),
        (replace(&[("segment.ms", None)]), odd),
        (replace(&[("segment.ms", Some("1")), ("segment.ms", Some("2"))]), odd),
        (replace(&[("no.such.key", Some("1"))]), invalid),
        (replace(&[("min.compaction.lag.ms", Some("10")), ("max.compaction.lag.ms", Some("5"))]), invalid),
    ];
    for (operation, expected) in cases {
        let mut cluster = cluster();
        let before = cluster.image().clone();
        let error = alter(&mut cluster, on_topic(), operation.clone()).unwrap_err();
        assert!(expected(&error), "{operation:?}: {error:?}");
        assert_eq!(cluster.image(), &before);
    }
    let on = |name: &str| ConfigResource::Topic(name.into());
    let set = || change(Set, "segment.ms", Some("1"));
    assert!(matches!(alter(&mut cluster(), on("missing"), set()), Err(ConfigError::UnknownTopic(_))));
    assert!(matches!(alter(&mut cluster(), on("a b"), set()), Err(ConfigError::InvalidTopicName(_))));
}

#[test]
fn a_full_replacement_resets_what_it_does_not_name() {
    let mut cluster = cluster();
    assert_eq!(alter(&mut cluster, on_topic(), replace(&[("flush.ms", Some("900"))])), Ok(()));
    assert_eq!(set_on_topic(&cluster), [("flush.ms", "900")]);
    assert_eq!(alter(&mut cluster, on_topic(), replace(&[])), Ok(()));
    assert!(set_on_topic(&cluster).is_empty());
}

#[test]
fn a_resource_named_twice_is_refused_each_time_and_others_go_on() {
    let item = |resource| AlterConfigResource { resource, operation: replace(&[]) };
    let mut cluster = cluster();
    let all_brokers = ConfigResource::Broker(None);
    let results = alter_all(&mut cluster, vec![item(on_topic()), item(all_brokers), item(on_topic())], false);
    assert!(matches!(&results[..], [Err(ConfigError::InvalidRequest(_)), Ok(()), Err(ConfigError::InvalidRequest(_))]));
    assert_eq!(set_on_topic(&cluster), [("retention.ms", "5000")]);
}

#[test]
fn validate_only_changes_nothing() {
    let mut cluster = cluster();
    let before = cluster.image().clone();
    let resources = vec![AlterConfigResource { resource: on_topic(), operation: replace(&[]) }];
    assert_eq!(alter_all(&mut cluster, resources, true), [Ok(())]);
    assert_eq!(cluster.image(), &before);
}

#[test]
fn broker_configuration_is_kept_per_broker_and_for_all() {
    use IncrementalKind::*;
    let mut cluster = cluster();
    let own = || ConfigResource::Broker(Some(BrokerId(1)));
    let all = || ConfigResource::Broker(None);
    alter(&mut cluster, own(), change(Set, "log.retention.ms", Some("1000"))).unwrap();
    alter(&mut cluster, all(), change(Set, "log.retention.ms", Some("2000"))).unwrap();
    let configs = cluster.image().broker_configs.clone();
    assert_eq!(configs.cluster, ConfigMap::from([("log.retention.ms".to_owned(), "2000".to_owned())]));
    assert_eq!(configs.of(BrokerId(1)).unwrap()["log.retention.ms"], "1000");
    alter(&mut cluster, own(), change(Delete, "log.retention.ms", None)).unwrap();
    assert_eq!(cluster.image().broker_configs.of(BrokerId(1)), None);
    let append = AlterOperation::Incremental(vec![IncrementalChange {
        name: "log.cleanup.policy".to_owned(),
        kind: Append,
        value: Some("compact".to_owned()),
        list_default: Some("delete".to_owned()),
    }]);
    alter(&mut cluster, own(), append).unwrap();
    assert_eq!(cluster.image().broker_configs.of(BrokerId(1)).unwrap()["log.cleanup.policy"], "delete,compact");
}

#[test]
fn configs_that_a_store_has_no_room_for_are_refused() {
    use IncrementalKind::{Delete, Set};
    let mut cluster = cluster();
    let (half, most) = ("x".repeat(130 << 10), "x".repeat(257 << 10));
    let (all, one) = (|| ConfigResource::Broker(None), || ConfigResource::Broker(Some(BrokerId(1))));
    let too_large = |result| matches!(&result, Err(ConfigError::Invalid(why)) if why.contains("at most"));
    assert!(too_large(alter(&mut cluster, all(), change(Set, "k", Some(&most)))));
    assert_eq!(alter(&mut cluster, all(), change(Set, "k", Some(&half))), Ok(()));
    assert!(too_large(alter(&mut cluster, one(), change(Set, "k", Some(&half)))), "they count together");
    assert_eq!(alter(&mut cluster, all(), change(Set, "k", Some(&half[1..]))), Ok(()), "its own are replaced");
    assert_eq!(alter(&mut cluster, all(), change(Delete, "k", None)), Ok(()));
    assert_eq!(alter(&mut cluster, one(), change(Set, "k", Some(&half))), Ok(()));
    let throttled = |bytes: usize| "0:1,".repeat(bytes / 4) + "0:1";
    let list = "leader.replication.throttled.replicas";
    assert!(too_large(alter(&mut cluster, on_topic(), change(Set, list, Some(&throttled(257 << 10))))));
    let many = (0..40_000).map(|partition| format!("{partition}:1")).collect::<Vec<_>>().join(",");
    let created = cluster.create(vec![configured("large", &[(list, &many)])]).remove(0);
    assert!(
        matches!(&created, Err(TopicError::Config(ConfigError::Invalid(why))) if why.contains("at most")),
        "{created:?}"
    );
    assert_eq!(alter(&mut cluster, on_topic(), change(Set, list, Some(&throttled(200 << 10)))), Ok(()));
}
