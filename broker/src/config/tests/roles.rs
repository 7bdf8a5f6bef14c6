//! Which process is what, and which combinations make no sense.

use super::*;
use controller::topic_config::ConfigSource;
use std::collections::BTreeMap;

const BROKER: &[(&str, &str)] = &[("process.roles", "broker"), ("node.id", "3"), ("weir.controller", "c:9090")];
const CONTROLLER: &[(&str, &str)] = &[("process.roles", "controller"), ("weir.control.plane.listen", ":9090")];

fn with(keys: &[(&str, &str)], more: &[(&str, &str)]) -> Sources {
    set(&[keys, more].concat())
}

#[test]
fn a_process_without_roles_is_alone_until_others_may_come() {
    for keys in [&[][..], &[("process.roles", "broker,controller")]] {
        let config = load(set(keys)).expect("is good").config;
        assert_eq!((config.role, config.network.replication_listener), (Role::Alone, None));
    }
    let config = load(set(&[("weir.control.plane.listen", "127.0.0.1:9090")])).expect("is good").config;
    assert_eq!(config.role, Role::BrokerAndController { listen: "127.0.0.1:9090".into() });
    assert_eq!(config.network.replication_listener, Some(ListenerName::new("REPLICATION")));
}

#[test]
fn a_broker_of_a_cluster_does_not_tell_clients_where_other_brokers_reach_it() {
    let network = load(set(BROKER)).expect("is good").config.network;
    let told: Vec<_> = network.advertised_to_clients().map(ToString::to_string).collect();
    assert_eq!(told, ["PLAINTEXT://127.0.0.1:9092"]);
    assert_eq!(network.listeners[1].to_string(), "REPLICATION://127.0.0.1:0");
}

#[test]
fn a_controller_alone_opens_no_listener_of_kafkas_protocol() {
    let in_kafkas_words = [("listeners", "CONTROLLER://:9093"), ("controller.listener.names", "CONTROLLER")];
    for more in [&[][..], &in_kafkas_words] {
        let config = load(with(CONTROLLER, more)).expect("is good").config;
        assert_eq!(config.role, Role::Controller { listen: ":9090".into() });
        assert_eq!(config.network.listeners, []);
    }
    let (_folder, path) = file("listeners=PLAINTEXT://:9092\n");
    let of_all_processes = Sources { file: Some(path), ..set(CONTROLLER) };
    assert_eq!(load(of_all_processes).expect("is good").config.network.listeners, []);
    let error = load(with(CONTROLLER, &[("listeners", "PLAINTEXT://:9092")])).expect_err("is refused").to_string();
    assert!(error.contains("(from --set): a controller alone serves no clients: leave --listen out"), "{error}");
}

#[test]
fn nonsense_is_refused_with_what_to_do() {
    for (keys, start) in [
        (
            &[("process.roles", "broker")][..],
            "process.roles=broker (from --set): a broker alone in its process needs a controller: add --controller",
        ),
        (&[("process.roles", "broker"), ("weir.controller", "c:1")], "node.id (not set): each broker of a cluster"),
        (
            &[("process.roles", "controller")],
            "process.roles=controller (from --set): brokers must be able to come to this controller: add --control-plane",
        ),
        (&[("process.roles", "")], "process.roles= (from --set): allowed is broker, controller, or both"),
        (
            &[("process.roles", "brokr")],
            "process.roles=brokr (from --set): allowed is a comma-separated list of broker",
        ),
        (&[("weir.controller", "c:1")], "weir.controller=c:1 (from --set): without roles a process is its own"),
        (&[("weir.controller", "9090")], "weir.controller=9090 (from --set): allowed is HOST:PORT"),
        (&[("weir.controller", ":9090")], "weir.controller=:9090 (from --set): allowed is HOST:PORT"),
        (&[("weir.control.plane.listen", "c")], "weir.control.plane.listen=c (from --set): allowed is HOST:PORT"),
    ] {
        let error = load(set(keys)).expect_err("is refused").to_string();
        assert!(error.starts_with(start), "{error}");
    }
    let both = load(with(BROKER, &[("weir.control.plane.listen", ":1")])).expect_err("is refused").to_string();
    assert!(both.starts_with("weir.control.plane.listen=:1 (from --set): brokers come to controllers only"), "{both}");
    let own = load(with(CONTROLLER, &[("weir.controller", "c:1")])).expect_err("is refused").to_string();
    assert!(own.starts_with("weir.controller=c:1 (from --set): this process is the controller"), "{own}");
}

#[test]
fn sessions_follow_kafkas_keys() {
    let cluster = load(set(&[])).expect("is good").config.cluster;
    assert_eq!(cluster.session_timeout.as_millis(), 4500, "a silent broker is fenced within five seconds");
    assert_eq!(cluster.hand_back_interval.map(|interval| interval.as_secs()), Some(300));
    let keys = [("broker.session.timeout.ms", "9000"), ("auto.leader.rebalance.enable", "false")];
    let cluster = load(set(&keys)).expect("is good").config.cluster;
    assert_eq!((cluster.session_timeout.as_secs(), cluster.hand_back_interval), (9, None));
}

#[test]
fn in_a_cluster_topics_have_three_replicas_unless_somebody_says_otherwise() {
    let in_force = |keys: &[(&str, &str)]| {
        let config = load(with(keys, &[])).unwrap().config;
        let described = config.describe(&BTreeMap::new(), &BTreeMap::new());
        let shown = |name: &str| {
            let row = described.iter().find(|row| row.definition.name == name).unwrap();
            assert_eq!(row.synonyms.last().map(|synonym| &synonym.value), Some(&row.value), "no other value behind it");
            (row.value.clone().unwrap(), row.source)
        };
        let topics = config.topics;
        let (replicas, in_sync) = (topics.default_replication_factor, topics.min_insync_replicas);
        let (factor, source) = shown("default.replication.factor");
        assert_eq!((factor, shown("min.insync.replicas").0), (replicas.to_string(), in_sync.to_string()));
        (replicas, topics.is_default_replication_set, source, in_sync)
    };
    let broker = [("process.roles", "broker"), ("node.id", "1"), ("weir.controller", "c:9090")];
    let controller = [("process.roles", "controller"), ("weir.control.plane.listen", "c:9090")];
    let both = [("weir.control.plane.listen", "c:9090")];
    for keys in [&broker[..], &controller, &both] {
        assert_eq!(in_force(keys), (3, false, ConfigSource::Default, 2), "{keys:?}");
    }
    assert_eq!(in_force(&[]), (1, false, ConfigSource::Default, 1));
    let set = [&both[..], &[("default.replication.factor", "2")]].concat();
    let config = load(with(&set, &[])).unwrap().config;
    assert!(config.topics.is_default_replication_set && config.topics.default_replication_factor == 2);
}
