//! Topics, by both sets of words.

use crate::support::{Broker, finish, linked_as, topic, unique, weir};
use serde_json::json;
use std::process::Command;

#[test]
fn a_topic_is_created_described_altered_and_deleted() {
    let broker = Broker::start();
    let at = ["-b", &broker.address, "-o", "json"];
    let name = unique("topic");
    let run = |words: &[&str]| weir(&[words, &at].concat());

    let created = run(&["topic", "create", &name, "--partitions", "3", "--config", "retention.ms=100000"]).json();
    assert_eq!((&created["created"], &created["partitions"]), (&json!(true), &json!(3)));
    let again = run(&["topic", "create", &name]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("TOPIC_ALREADY_EXISTS") && again.stderr.contains("--if-not-exists"), "{again:?}");
    assert_eq!(run(&["topic", "create", &name, "--if-not-exists"]).json()["created"], json!(false));

    run(&[
        "topic",
        "alter",
        &name,
        "--partitions",
        "4",
        "--config",
        "retention.ms=200000",
        "--delete-config",
        "segment.ms",
    ])
    .ok();
    let described = run(&["topic", "describe", &name]).json();
    assert_eq!(described[0]["partitions"].as_array().map(Vec::len), Some(4));
    assert_eq!(described[0]["configs"]["retention.ms"], json!({"value": "200000", "source": "topic"}));

    let listed = run(&["topic", "list", &name]).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(run(&["topic", "delete", &name]).json()[0]["deleted"], json!(true));
    assert_eq!(run(&["topic", "list", &name]).json(), json!([]));
    let gone = run(&["topic", "describe", &name]);
    assert!(gone.code == Some(1) && gone.stderr.contains("weir topic list"), "{gone:?}");
}

#[test]
fn kafka_topics_prints_what_kafka_prints() {
    let broker = Broker::start();
    let name = unique("my_topic");
    let run = |words: &[&str]| weir(&[&["kafka-topics", "--bootstrap-server", &broker.address], words].concat());

    let created = run(&["--create", "--topic", &name, "--partitions", "1", "--replication-factor", "1"]).ok();
    let warning = "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. \
                   To avoid issues it is best to use either, but not both.";
    assert_eq!(created, format!("{warning}\nCreated topic {name}.\n"));
    let again = run(&["--create", "--topic", &name]);
    assert_eq!(again.code, Some(1));
    assert!(again.stdout.contains("Error while executing topic command : "), "{again:?}");
    run(&["--create", "--topic", &name, "--if-not-exists"]).ok();

    assert_eq!(run(&["--list", "--topic", &name]).ok(), format!("{name}\n"));
    run(&["--alter", "--topic", &name, "--partitions", "2"]).ok();
    let described = run(&["--describe", "--topic", &name]).ok();
    let lines: Vec<&str> = described.lines().collect();
    assert_eq!(lines.len(), 3, "{described}");
    assert!(lines[0].starts_with(&format!("Topic: {name}\tTopicId: ")), "{described}");
    assert!(lines[0].contains("\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: "), "{described}");
    assert!(lines[2].starts_with(&format!("\tTopic: {name}\tPartition: 1\tLeader: ")), "{described}");

    assert_eq!(run(&["--delete", "--topic", &name]).ok(), "");
    let missing = run(&["--describe", "--topic", &name]);
    assert_eq!(missing.code, Some(1));
    assert_eq!(
        missing.stdout,
        format!("Error while executing topic command : Topic '{name}' does not exist as expected\n")
    );
}

#[test]
fn a_link_with_a_kafka_name_is_that_tool() {
    let broker = Broker::start();
    let name = topic(&broker, 1);
    for tool in ["kafka-topics", "kafka-topics.sh"] {
        let (_folder, link) = linked_as(tool);
        let mut command = Command::new(link);
        command.args(["--bootstrap-server", &broker.address, "--list", "--topic", &name]);
        assert_eq!(finish(command, "").ok(), format!("{name}\n"), "{tool}");
    }
}

#[test]
fn the_cluster_shows_its_brokers() {
    let broker = Broker::start();
    let shown = weir(&["cluster", "-o", "json", "-b", &broker.address]).json();
    let brokers = shown["brokers"].as_array().expect("a list");
    assert!(!brokers.is_empty());
    assert_eq!(format!("{}:{}", brokers[0]["host"].as_str().expect("text"), brokers[0]["port"]), broker.address);
}

#[test]
fn kafka_configs_and_get_offsets_print_what_kafka_prints() {
    let broker = Broker::start();
    let name = topic(&broker, 2);
    let configs = |words: &[&str]| {
        let at = ["kafka-configs", "--bootstrap-server", &broker.address, "--topic", &name];
        weir(&[&at[..], words].concat())
    };
    assert_eq!(configs(&["--describe"]).ok(), format!("Dynamic configs for topic {name} are:\n"));
    let added = configs(&["--alter", "--add-config", "retention.ms=5000,cleanup.policy=[compact,delete]"]).ok();
    assert_eq!(added, format!("Completed updating config for topic {name}.\n"));
    configs(&["--alter", "--delete-config", "retention.ms"]).ok();
    let expected = format!(
        "Dynamic configs for topic {name} are:\n  cleanup.policy=compact,delete sensitive=false \
         synonyms={{DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}}\n"
    );
    assert_eq!(configs(&["--describe"]).ok(), expected);
    assert_eq!(configs(&["--alter", "--add-config", "nope=1"]).code, Some(1));

    weir(&["produce", &name, "-p", "1", "-k", "k", "one", "two", "three", "-b", &broker.address]).ok();
    let offsets = |words: &[&str]| {
        let at = ["kafka-get-offsets", "--bootstrap-server", &broker.address];
        weir(&[&at[..], words].concat()).ok()
    };
    assert_eq!(offsets(&["--topic", &name]), format!("{name}:0:0\n{name}:1:3\n"));
    assert_eq!(offsets(&["--topic-partitions", &format!("{name}:1"), "--time", "earliest"]), format!("{name}:1:0\n"));
}

#[test]
fn the_broker_lists_its_apis() {
    let broker = Broker::start();
    let listed = weir(&["kafka-broker-api-versions", "--bootstrap-server", &broker.address]).ok();
    assert!(listed.starts_with(&format!("{} (id: ", broker.address)), "{listed}");
    assert!(listed.contains("\tProduce(0): 0 to 1") && listed.ends_with("\n)\n"), "{listed}");
}
