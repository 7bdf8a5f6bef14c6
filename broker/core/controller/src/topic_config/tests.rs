use super::*;
use crate::image::BrokerConfigs;
use model::BrokerId;

fn map(values: &[(&str, &str)]) -> ConfigMap {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// (topic, dynamic broker, dynamic default, static) → the value of `name` with its source and synonyms.
fn in_force(
    name: &str,
    layers: [&[(&str, &str)]; 4],
) -> (String, ConfigSource, Vec<(&'static str, String, ConfigSource)>) {
    let [topic, dynamic, dynamic_default, static_values] = layers.map(map);
    let mut configs = BrokerConfigs { cluster: dynamic_default, ..BrokerConfigs::default() };
    configs.per_broker.insert(BrokerId(1), dynamic);
    let layers = BrokerLayers::new(&configs, BrokerId(1), &static_values, &[]);
    let found = effective(definition(name).unwrap(), &topic, &layers);
    (found.value, found.source, found.synonyms.into_iter().map(|s| (s.name, s.value, s.source)).collect())
}

#[test]
fn the_nearest_layer_wins_and_all_are_listed() {
    use ConfigSource::*;
    let all: [&[(&str, &str)]; 4] = [
        &[("retention.bytes", "1")],
        &[("log.retention.bytes", "2")],
        &[("log.retention.bytes", "3")],
        &[("log.retention.bytes", "4")],
    ];
    let sources = [Topic, DynamicBroker, DynamicDefaultBroker, StaticBroker, Default];
    for first in 0..5 {
        let mut layers = all;
        layers[..first.min(4)].fill(&[]);
        let (value, source, synonyms) = in_force("retention.bytes", layers);
        let expected = ["1", "2", "3", "4", "-1"][first];
        assert_eq!((value.as_str(), source), (expected, sources[first]));
        assert_eq!(synonyms.iter().map(|(_, _, source)| *source).collect::<Vec<_>>(), sources[first..]);
    }
}

#[test]
fn finer_units_win_over_nearer_layers_and_everything_is_milliseconds() {
    let value = |layers| in_force("retention.ms", layers).0;
    assert_eq!(value([&[], &[], &[], &[("log.retention.hours", "2")]]), "7200000");
    assert_eq!(value([&[], &[], &[], &[("log.retention.hours", "2"), ("log.retention.minutes", "3")]]), "180000");
    assert_eq!(value([&[], &[("log.retention.hours", "2")], &[], &[("log.retention.ms", "5")]]), "5");
    assert_eq!(value([&[], &[], &[], &[("log.retention.hours", "-1")]]), "-1");
    assert_eq!(value([&[], &[], &[], &[]]), "604800000");
}

#[test]
fn synonyms_start_with_the_leading_name_as_kafka_lists_them() {
    use ConfigSource::*;
    // Seen from Kafka 4.3: hours alone are in force and not listed; with milliseconds set they follow.
    let (value, source, synonyms) = in_force("retention.ms", [&[], &[], &[], &[("log.retention.hours", "24")]]);
    assert_eq!((value.as_str(), source, synonyms.len()), ("86400000", Default, 0));
    let (_, source, synonyms) = in_force("retention.ms", [&[], &[("log.retention.ms", "100000")], &[], &[]]);
    assert_eq!(source, DynamicBroker);
    let expected =
        [("log.retention.ms", "100000".to_owned(), DynamicBroker), ("log.retention.hours", "168".to_owned(), Default)];
    assert_eq!(synonyms, expected);
}

#[test]
fn values_are_shown_in_their_plain_form() {
    let shown = |name: &str, value: &str| in_force(name, [&[(name, value)], &[], &[], &[]]).0;
    assert_eq!(shown("retention.ms", " 5000 "), "5000");
    assert_eq!(shown("preallocate", "TRUE"), "true");
    assert_eq!(shown("cleanup.policy", "compact, delete"), "compact,delete");
    assert_eq!(shown("min.cleanable.dirty.ratio", "1"), "1.0");
}

#[test]
fn values_kafka_takes_and_refuses() {
    let taken = [
        ("cleanup.policy", "compact,delete"),
        ("cleanup.policy", ""),
        ("cleanup.policy", "compact,compact"),
        ("retention.ms", " +5000 "),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("compression.gzip.level", "-1"),
        ("compression.zstd.level", "-131072"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1,1:0"),
        ("segment.bytes", "1048576"),
    ];
    for (name, value) in taken {
        assert_eq!(validate(name, value), Ok(()), "{name}={value}");
    }
    let refused = [
        ("cleanup.policy", "compact,shred"),
        ("retention.ms", ""),
        ("retention.ms", "-2"),
        ("retention.ms", "99999999999999999999"),
        ("max.message.bytes", "-1"),
        ("max.message.bytes", "2147483648"),
        ("segment.bytes", "1048575"),
        ("preallocate", "yes"),
        ("compression.type", "zip"),
        ("compression.gzip.level", "0"),
        ("compression.gzip.level", "10"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("min.cleanable.dirty.ratio", "NaN"),
        ("message.timestamp.type", "createtime"),
        ("leader.replication.throttled.replicas", "abc"),
        ("message.format.version", "3.0"),
    ];
    for (name, value) in refused {
        assert!(matches!(validate(name, value), Err(ConfigError::Invalid(_))), "{name}={value}");
    }
    assert!(validate_together(&map(&[("remote.storage.enable", "true")])).is_err());
}

#[test]
fn typed_values_follow_the_layers() {
    let configs = BrokerConfigs::default();
    let static_values =
        map(&[("log.segment.bytes", "2000000"), ("compression.type", "lz4"), ("log.retention.hours", "-1")]);
    let layers = BrokerLayers::new(&configs, BrokerId(1), &static_values, &[]);
    let config = TopicConfig::resolve(&map(&[("cleanup.policy", "compact"), ("retention.bytes", "7")]), &layers);
    assert_eq!(config.cleanup_policy, CleanupPolicy { compact: true, delete: false });
    assert_eq!((config.segment_bytes, config.compression_type), (2_000_000, CompressionType::Lz4));
    assert_eq!((config.retention_bytes, config.retention_ms), (Some(7), None));
    assert_eq!((config.max_message_bytes, config.min_insync_replicas), (1_048_588, 1));
}

#[test]
fn another_default_of_a_broker_is_a_default() {
    let definition = definition("min.insync.replicas").unwrap();
    let (configs, nothing, set) = (BrokerConfigs::default(), map(&[]), map(&[("min.insync.replicas", "3")]));
    let in_force = |static_values| {
        let layers = BrokerLayers::new(&configs, BrokerId(1), static_values, &[("min.insync.replicas", "2")]);
        let typed = TopicConfig::resolve(&map(&[]), &layers).min_insync_replicas;
        let config = effective(definition, &map(&[]), &layers);
        assert_eq!(typed.to_string(), config.value);
        (config.value, config.source, config.synonyms.len(), config.synonyms.last().unwrap().value.clone())
    };
    assert_eq!(in_force(&nothing), ("2".to_owned(), ConfigSource::Default, 1, "2".to_owned()));
    assert_eq!(in_force(&set), ("3".to_owned(), ConfigSource::StaticBroker, 2, "2".to_owned()));
}
