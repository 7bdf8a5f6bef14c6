use super::*;

#[test]
fn names_are_unique_and_every_default_is_allowed() {
    for pair in Definition::all().windows(2) {
        assert!(pair[0].name < pair[1].name, "{} is there twice", pair[1].name);
    }
    for definition in Definition::all() {
        if let Some(default) = definition.default {
            definition.parse(default).unwrap_or_else(|refusal| panic!("{}: {refusal}", definition.name));
        }
        assert!(!definition.documentation.is_empty(), "{}", definition.name);
    }
}

/// Kafka 4.3.0 answers 340 keys to DescribeConfigs of a broker; ours come on top.
#[test]
fn a_tool_sees_every_key_that_kafka_shows() {
    let shown = Definition::all().iter().filter(|definition| definition.shown && !definition.name.starts_with("weir."));
    assert_eq!(shown.count(), 340);
}

#[test]
fn a_key_is_found_by_its_exact_name() {
    assert_eq!(Definition::find("num.partitions").map(|definition| definition.default), Some(Some("1")));
    assert_eq!(Definition::find("num.partition"), Option::None);
}

#[test]
fn finer_units_stand_before_coarser_ones() {
    let hours = Definition::find("log.retention.hours").expect("is a key");
    assert_eq!(hours.synonyms(), ["log.retention.ms", "log.retention.minutes", "log.retention.hours"]);
    let scheduler = Definition::find("log.flush.scheduler.interval.ms").expect("is a key");
    assert_eq!(scheduler.synonyms(), ["log.flush.scheduler.interval.ms"]);
}

#[test]
fn secrets_are_sensitive() {
    for name in ["ssl.keystore.password", "sasl.jaas.config", "ssl.key.password", "delegation.token.secret.key"] {
        assert!(Definition::find(name).expect("is a key").is_sensitive(), "{name}");
    }
}
