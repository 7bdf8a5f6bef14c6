use super::*;
use crate::config::value::Value;

fn read(keys: &[(&str, &str)]) -> Result<Listeners, ListenerProblem> {
    read_in_cluster(keys, false)
}

fn read_in_cluster(keys: &[(&str, &str)], in_cluster: bool) -> Result<Listeners, ListenerProblem> {
    let parse = |(key, text): &(&str, &str)| {
        let definition = crate::config::Definition::find(key).expect("is a key");
        (definition.name, definition.parse(text).expect("has its type"))
    };
    let set = keys.iter().map(parse).collect::<std::collections::BTreeMap<_, Value>>();
    let values = Values { set, ..Values::default() };
    Listeners::read(&values, "box", false, in_cluster)
}

const PLAIN: (&str, &str) = ("listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT,REPLICATION:PLAINTEXT");

fn bound(listeners: &Listeners) -> Vec<String> {
    listeners.listeners.iter().map(ToString::to_string).collect()
}

fn told(listeners: &Listeners) -> Vec<String> {
    listeners.advertised.iter().map(ToString::to_string).collect()
}

#[test]
fn clients_are_told_the_host_name_where_a_listener_has_no_host() {
    let listeners = read(&[("listeners", "PLAINTEXT://:9092")]).expect("is good");
    assert_eq!(told(&listeners), ["PLAINTEXT://box:9092"]);
    let listeners = read(&[("listeners", "PLAINTEXT://0.0.0.0:9092")]).expect("is good");
    assert_eq!(told(&listeners), ["PLAINTEXT://box:9092"]);
    let listeners = read(&[("listeners", "plaintext://[::1]:9092")]).expect("is good");
    assert_eq!(
        (bound(&listeners), told(&listeners)),
        (vec!["PLAINTEXT://[::1]:9092".to_owned()], vec!["PLAINTEXT://[::1]:9092".to_owned()])
    );
}

#[test]
fn each_listener_tells_its_own_address_in_whatever_order_they_are_given() {
    let listeners = read(&[
        ("listeners", "CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092"),
        ("advertised.listeners", "PLAINTEXT://broker:19092,PLAINTEXT_HOST://localhost:9092"),
        ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"),
        ("controller.listener.names", "CONTROLLER"),
        ("inter.broker.listener.name", "PLAINTEXT"),
    ])
    .expect("is good");
    assert_eq!(bound(&listeners), ["PLAINTEXT_HOST://:9092", "PLAINTEXT://:19092"]);
    assert_eq!(told(&listeners), ["PLAINTEXT_HOST://localhost:9092", "PLAINTEXT://broker:19092"]);
}

#[test]
fn the_listener_of_the_controller_is_not_opened_even_where_only_its_role_says_so() {
    let listeners =
        read(&[("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"), ("process.roles", "broker,controller")]);
    assert_eq!(bound(&listeners.expect("is good")), ["PLAINTEXT://:9092"]);
}

#[test]
fn what_does_not_fit_is_named_with_its_reason() {
    for (keys, key, reason) in [
        (&[("listeners", "localhost:9092")][..], "listeners", "\"localhost:9092\" is not of the form NAME://HOST:PORT"),
        (&[("listeners", "A://h")], "listeners", "\"A://h\" is not of the form NAME://HOST:PORT"),
        (&[("listeners", "PLAINTEXT://:99999")], "listeners", "\"PLAINTEXT://:99999\" needs a port from 0 to 65535"),
        (
            &[("listeners", "PLAINTEXT://a:1,PLAINTEXT://b:2")],
            "listeners",
            "each listener needs a name of its own, PLAINTEXT is there twice",
        ),
        (&[("listeners", "SSL://:9093")], "listeners", "listener SSL asks for SSL; only PLAINTEXT is served so far"),
        (
            &[("listeners", "DOCKER://:9093")],
            "listener.security.protocol.map",
            "listener DOCKER has no protocol, add DOCKER:PLAINTEXT",
        ),
        (
            &[("listeners", "CONTROLLER://:9093"), ("controller.listener.names", "CONTROLLER")],
            "listeners",
            "there must be a listener for clients, not only for the controller",
        ),
        (
            &[("advertised.listeners", "PLAINTEXT://0.0.0.0:9092")],
            "advertised.listeners",
            "clients cannot connect to 0.0.0.0, name a host they can reach",
        ),
        (&[("advertised.listeners", "DOCKER://a:9092")], "advertised.listeners", "DOCKER is not one of PLAINTEXT"),
        (&[("inter.broker.listener.name", "DOCKER")], "inter.broker.listener.name", "DOCKER is not one of PLAINTEXT"),
        (
            &[("max.connections.per.ip.overrides", "10.0.0.1")],
            "max.connections.per.ip.overrides",
            "allowed is ADDRESS:COUNT, comma separated",
        ),
    ] {
        let problem = read(keys).expect_err("is refused");
        assert_eq!((problem.key, problem.reason.as_str()), (key, reason), "{keys:?}");
    }
}

#[test]
fn two_listeners_need_two_addresses_unless_the_system_picks_the_port() {
    let map = ("listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT");
    assert!(read(&[("listeners", "A://h:1,B://h:1"), map]).is_err());
    assert!(read(&[("listeners", "A://h:0,B://h:0"), map]).is_ok());
    assert!(read(&[("listeners", "A://h:1,B://i:1"), map]).is_ok());
}

#[test]
fn brokers_of_a_cluster_reach_each_other_by_a_listener_of_their_own() {
    let alone = read(&[]).expect("is good");
    assert_eq!((bound(&alone).len(), alone.replication), (1, None));
    let own = read_in_cluster(&[("listeners", "A://:9092"), PLAIN, ("advertised.listeners", "A://a.example:1")], true);
    let own = own.expect("is good");
    assert_eq!(bound(&own), ["A://:9092", "REPLICATION://:0"]);
    assert_eq!(told(&own), ["A://a.example:1", "REPLICATION://a.example:0"]);
    assert_eq!(own.replication, Some(ListenerName::new("REPLICATION")));
}

#[test]
fn a_listener_for_brokers_that_is_configured_is_the_one_they_use() {
    let listeners = ("listeners", "A://h:1,B://h:2,REPLICATION://h:3");
    let by_its_name = read_in_cluster(&[listeners, PLAIN], true).expect("is good");
    assert_eq!((bound(&by_its_name).len(), by_its_name.replication), (3, Some(ListenerName::new("REPLICATION"))));
    let by_the_key = read_in_cluster(&[listeners, PLAIN, ("inter.broker.listener.name", "B")], true).expect("is good");
    assert_eq!((bound(&by_the_key).len(), by_the_key.replication), (3, Some(ListenerName::new("B"))));
}
