mod roles;

use super::*;
use controller::topic_config::ConfigSource;

fn set(keys: &[(&str, &str)]) -> Sources {
    let set = keys.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Sources { set, ..Sources::default() }
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let environment = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Sources { environment, ..Sources::default() }
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("server.properties");
    std::fs::write(&path, text).expect("write a file");
    (folder, path)
}

#[test]
fn without_any_source_a_broker_serves_this_machine_from_the_current_folder() {
    let config = load(Sources::default()).expect("is good").config;
    assert_eq!(config.data_dir, PathBuf::from("./data"));
    assert_eq!(config.network.listeners, [Listener::plaintext("127.0.0.1", 9092)]);
    assert_eq!(config.network.advertised, [AdvertisedListener::plaintext("127.0.0.1", 9092)]);
    assert_eq!(config.admin_listen.as_deref(), Some("127.0.0.1:9644"));
    assert_eq!((config.node_id, config.topics.num_partitions, config.topics.auto_create), (BrokerId(1), 1, true));
}

#[test]
fn set_wins_over_flags_over_the_environment_over_the_file() {
    let (_folder, path) = file("num.partitions=1\nlog.dirs=/file\nbroker.rack=file\ngroup.max.size=1\n");
    let sources = Sources {
        file: Some(path),
        environment: vec![
            ("KAFKA_NUM_PARTITIONS".into(), "2".into()),
            ("KAFKA_LOG_DIRS".into(), "/environment".into()),
            ("KAFKA_BROKER_RACK".into(), "environment".into()),
        ],
        flags: vec![
            FlagValue { flag: "--data-dir", key: "log.dirs", value: "/flag".into() },
            FlagValue { flag: "--listen", key: "listeners", value: "PLAINTEXT://127.0.0.1:1".into() },
        ],
        set: vec![
            ("listeners".into(), "PLAINTEXT://127.0.0.1:2".into()),
            ("num.partitions".into(), "9".into()),
            ("num.partitions".into(), "3".into()),
        ],
    };
    let config = load(sources).expect("is good").config;
    assert_eq!(config.topics.num_partitions, 3);
    assert_eq!(config.network.listeners[0].port, 2);
    assert_eq!(config.data_dir, PathBuf::from("/flag"));
    assert_eq!(config.rack.as_deref(), Some("environment"));
    assert_eq!(config.groups.max_size, 1);
}

#[test]
fn of_two_names_for_one_thing_the_stronger_source_counts() {
    let (_folder, path) = file("log.dirs=/a\nnode.id=1\n");
    let mut sources = set(&[("log.dir", "/b"), ("broker.id", "7")]);
    sources.file = Some(path);
    let config = load(sources).expect("is good").config;
    assert_eq!((config.data_dir, config.node_id), (PathBuf::from("/b"), BrokerId(7)));
    let config = load(set(&[("log.dirs", "/a"), ("log.dir", "/b")])).expect("is good").config;
    assert_eq!(config.data_dir, PathBuf::from("/a"));
}

#[test]
fn listeners_of_a_stronger_source_leave_names_of_a_weaker_one_behind() {
    let (_folder, path) = file("listeners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://localhost:9092\n");
    let mut sources = environment(&[
        ("KAFKA_LISTENERS", "INTERNAL://kafka:19092"),
        ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "INTERNAL:PLAINTEXT"),
    ]);
    sources.file = Some(path.clone());
    let config = load(sources).expect("is good").config;
    assert_eq!(config.network.advertised[0].to_string(), "INTERNAL://kafka:19092");

    let mut sources = environment(&[("KAFKA_LISTENERS", "PLAINTEXT://:9093")]);
    sources.file = Some(path);
    let config = load(sources).expect("is good").config;
    assert_eq!(config.network.advertised[0].to_string(), "PLAINTEXT://localhost:9092");
}

#[test]
fn every_wrong_value_is_named_with_its_range_and_where_it_came_from() {
    let (_folder, path) = file("# comment\nnum.partitions=0\n");
    let sources = Sources {
        file: Some(path.clone()),
        environment: vec![("KAFKA_FETCH_MAX_BYTES".into(), "many".into())],
        flags: vec![FlagValue { flag: "--listen", key: "listeners", value: "PLAINTEXT://host".into() }],
        set: vec![("log.cleanup.policy".into(), "shred".into()), ("socket.request.max.bytes".into(), "0".into())],
    };
    let error = load(sources).expect_err("is refused").to_string();
    let mut lines: Vec<_> = error.lines().collect();
    lines.sort_unstable();
    let in_file =
        format!("num.partitions=0 (from {} line 2): allowed is a whole number from 1 to 2147483647", path.display());
    assert_eq!(
        lines,
        [
            "fetch.max.bytes=many (from environment variable KAFKA_FETCH_MAX_BYTES): allowed is a whole number from 1024 to 2147483647",
            "listeners=PLAINTEXT://host (from --listen): \"PLAINTEXT://host\" is not of the form NAME://HOST:PORT",
            "log.cleanup.policy=shred (from --set): allowed is a comma-separated list of compact, delete",
            in_file.as_str(),
            "socket.request.max.bytes=0 (from --set): allowed is a whole number from 1 to 2147483647",
        ]
    );
}

#[test]
fn keys_that_do_not_fit_together_are_refused() {
    for (keys, start) in [
        (&[("log.dirs", "/a,/b")][..], "log.dirs=/a,/b (from --set): exactly one folder"),
        (&[("log.dirs", "")], "log.dirs= (from --set): allowed is a comma-separated list that is not empty"),
        (
            &[("group.min.session.timeout.ms", "2000000")],
            "group.min.session.timeout.ms=2000000 (from --set): allowed is",
        ),
        (&[("weir.log.level", "info,loud")], "weir.log.level=info,loud (from --set): allowed is error, warn"),
        (&[("weir.log.level", "broker::server=loud")], "weir.log.level=broker::server=loud (from --set): allowed is"),
        (&[("weir.admin.listen", "9644")], "weir.admin.listen=9644 (from --set): allowed is HOST:PORT, or none"),
        (&[("queued.max.request.bytes", "1000")], "queued.max.request.bytes=1000 (from --set): allowed is -1, or more"),
        (&[("node.id", "-1")], "node.id=-1 (from --set): allowed is a whole number from 0"),
    ] {
        let error = load(set(keys)).expect_err("is refused").to_string();
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn a_secret_is_never_in_what_people_see() {
    let (_folder, path) = file("sasl.jaas.config=my-secret\nssl.keystore.password=my-secret\nnum.partitions=0\n");
    let error = load(Sources { file: Some(path), ..Sources::default() }).expect_err("is refused").to_string();
    assert!(!error.contains("my-secret"), "{error}");
    let keys = [
        ("sasl.jaas.config", "my-secret"),
        ("listener.name.a.sasl.jaas.config", "my-secret"),
        ("ssl.keypassword", "my-secret"),
    ];
    let loaded = load(set(&keys)).expect("is good");
    assert!(!format!("{:?}", loaded.notices).contains("my-secret"));
    let none = BTreeMap::new();
    let described = loaded.config.describe(&none, &none);
    assert!(!format!("{described:?}").contains("my-secret"));
    assert!(!format!("{:?}", loaded.config).contains("my-secret"));
}

#[test]
fn an_unknown_key_starts_all_the_same_and_the_nearest_name_is_given() {
    let loaded = load(set(&[("num.partition", "3"), ("my.own.plugin.key", "x")])).expect("is good");
    assert_eq!(
        loaded.notices,
        [
            Notice::Unknown { key: "my.own.plugin.key".into(), origin: Origin::Set, nearest: None },
            Notice::Unknown { key: "num.partition".into(), origin: Origin::Set, nearest: Some("num.partitions") },
        ]
    );
}

#[test]
fn asking_for_access_control_is_a_notice_of_its_own() {
    let loaded = load(set(&[("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")]));
    assert_eq!(loaded.expect("is good").notices, [Notice::NoAccessControl { key: "authorizer.class.name".into() }]);
}

/// The single-node compose file that Apache ships with its image.
#[test]
fn a_compose_file_for_kafkas_image_starts_unchanged() {
    let loaded = load(environment(&[
        ("PATH", "/usr/bin"),
        ("KAFKA_NODE_ID", "1"),
        ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092"),
        ("KAFKA_PROCESS_ROLES", "broker,controller"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@broker:29093"),
        ("KAFKA_LISTENERS", "CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092"),
        ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
        ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
        ("CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw"),
        ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
        ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
        ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
        ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"),
        ("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR", "1"),
        ("KAFKA_LOG_DIRS", "/tmp/kraft-combined-logs"),
        ("KAFKA_HEAP_OPTS", "-Xmx512m"),
    ]))
    .expect("is good");
    let config = loaded.config;
    assert_eq!(config.cluster_id, Some("4L6g3nShT-eMCtK--X86sw".into()));
    assert_eq!(config.data_dir, PathBuf::from("/tmp/kraft-combined-logs"));
    assert_eq!(config.network.listeners.len(), 2);
    let docker = config.network.advertised_for(&ListenerName::new("PLAINTEXT")).expect("is there");
    assert_eq!((docker.host.as_str(), docker.port), ("broker", 19092));
    let kraft = vec!["controller.quorum.voters".to_owned()];
    assert_eq!(loaded.notices[0], Notice::KraftOnly { keys: kraft });
    assert!(
        matches!(&loaded.notices[1..], [Notice::WithoutEffect { keys }] if keys.iter().all(|key| !key.starts_with("heap")))
    );
}

#[test]
fn one_of_three_combined_nodes_starts_alone_and_says_so() {
    let loaded = load(environment(&[
        ("KAFKA_NODE_ID", "2"),
        ("KAFKA_PROCESS_ROLES", "broker,controller"),
        ("KAFKA_LISTENERS", "PLAINTEXT://:19092,CONTROLLER://:9093,PLAINTEXT_HOST://:9092"),
        ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka-2:19092,PLAINTEXT_HOST://localhost:39092"),
        ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093"),
    ]))
    .expect("is good");
    assert!(loaded.notices.contains(&Notice::Alone { voters: 3 }), "{:?}", loaded.notices);
}

#[test]
fn a_listener_with_tls_does_not_start() {
    let tls = environment(&[
        ("KAFKA_LISTENERS", "SSL-INTERNAL://:9093"),
        ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "SSL-INTERNAL:SSL"),
    ]);
    assert!(load(tls).expect_err("is refused").to_string().contains("only PLAINTEXT is served so far"));
}

#[test]
fn zookeeper_era_keys_do_not_stop_the_start() {
    let loaded = load(environment(&[
        ("KAFKA_BROKER_ID", "5"),
        ("KAFKA_ZOOKEEPER_CONNECT", "zookeeper:2181"),
        ("KAFKA_INTER_BROKER_PROTOCOL_VERSION", "3.5"),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://localhost:9092"),
    ]))
    .expect("is good");
    assert_eq!(loaded.config.node_id, BrokerId(5));
    let keys = vec!["inter.broker.protocol.version".to_owned(), "zookeeper.connect".to_owned()];
    assert_eq!(loaded.notices, [Notice::WithoutEffect { keys }]);
}

#[test]
fn describe_reports_values_sources_and_synonyms_as_kafka_does() {
    let config =
        load(set(&[("log.retention.hours", " 24"), ("auto.create.topics.enable", "FALSE")])).expect("is good").config;
    let dynamic = BTreeMap::from([("log.retention.ms".to_owned(), "5000".to_owned())]);
    let described = config.describe(&dynamic, &BTreeMap::new());
    let find = |name: &str| described.iter().find(|row| row.definition.name == name).expect("is shown");

    let retention = find("log.retention.ms");
    assert_eq!((retention.value.as_deref(), retention.source), (Some("5000"), ConfigSource::DynamicBroker));
    let synonyms: Vec<_> =
        retention.synonyms.iter().map(|synonym| (synonym.name, synonym.value.as_deref(), synonym.source)).collect();
    assert_eq!(
        synonyms,
        [
            ("log.retention.ms", Some("5000"), ConfigSource::DynamicBroker),
            ("log.retention.hours", Some("24"), ConfigSource::StaticBroker),
            ("log.retention.hours", Some("168"), ConfigSource::Default),
        ]
    );
    let hours = find("log.retention.hours");
    assert_eq!(
        (hours.value.as_deref(), hours.source, hours.synonyms.len()),
        (Some("24"), ConfigSource::StaticBroker, 2)
    );
    let minutes = find("log.retention.minutes");
    assert_eq!((minutes.value.as_deref(), minutes.source, minutes.synonyms.len()), (None, ConfigSource::Default, 0));
    let create = find("auto.create.topics.enable");
    assert_eq!((create.value.as_deref(), create.source), (Some("false"), ConfigSource::StaticBroker));
    let rack = find("broker.rack");
    assert_eq!((rack.value.as_deref(), rack.source, rack.synonyms.len()), (None, ConfigSource::Default, 0));
    assert!(!described.iter().any(|row| row.definition.name == "super.users"));
}

/// An operator that tells running brokers the defaults of topics goes by the order of the names.
#[test]
fn of_the_names_of_a_default_of_topics_the_first_can_change_at_any_time_and_only_that() {
    for topic in controller::topic_config::definitions() {
        let mode = |key: &str| Definition::find(key).unwrap().update_mode;
        if let Some((first, others)) = topic.synonyms.split_first() {
            assert_eq!(mode(first.name), UpdateMode::ClusterWide, "{}", first.name);
            for other in others {
                assert_eq!(mode(other.name), UpdateMode::ReadOnly, "{}", other.name);
            }
        }
    }
}

#[test]
fn what_the_data_folder_decides_is_what_tools_see() {
    let mut config = load(Sources::default()).expect("is good").config;
    config.adopt(Path::new("/var/data"), BrokerId(7), "cluster".into());
    let none = BTreeMap::new();
    let described = config.describe(&none, &none);
    for (name, value) in [("node.id", "7"), ("broker.id", "7"), ("log.dirs", "/var/data")] {
        let row = described.iter().find(|row| row.definition.name == name).expect("is shown");
        assert_eq!((row.value.as_deref(), row.source), (Some(value), ConfigSource::StaticBroker));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = Sources { file: Some("/nowhere/server.properties".into()), ..Sources::default() };
    let error = load(missing).expect_err("is refused").to_string();
    assert!(error.starts_with("read configuration /nowhere/server.properties: "), "{error}");
    let (_folder, path) = file("a=\\u12\n");
    let error = load(Sources { file: Some(path), ..Sources::default() }).expect_err("is refused").to_string();
    assert!(error.ends_with("line 1: \\u must be followed by four hexadecimal digits"), "{error}");
}
