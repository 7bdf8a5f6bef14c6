//! How programs end: well, badly, and in between.

use crate::support::{Broker, Running, topic, unique, weir, weir_with};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn ctrl_c_commits_and_leaves_the_group() {
    let broker = Broker::start();
    let (name, group) = (topic(&broker, 1), unique("group"));
    weir_with(&["produce", &name, "-b", &broker.address], "one\ntwo\n").ok();
    let mut consumer = Running::start(&[
        "kafka-console-consumer",
        "--bootstrap-server",
        &broker.address,
        "--topic",
        &name,
        "--group",
        &group,
        "--from-beginning",
    ]);
    assert_eq!(consumer.lines(2), ["one", "two"]);
    consumer.interrupt();
    let ended = consumer.finish();
    assert_eq!(ended.stderr, "Processed a total of 2 messages\n");
    assert_eq!(ended.code, Some(0));
    let described = weir(&["group", "describe", &group, "-o", "json", "-b", &broker.address]).json();
    assert_eq!((&described["state"], &described["total_lag"]), (&json!("Empty"), &json!(0)));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let broker = Broker::start();
    let name = topic(&broker, 1);
    let input: String = (0..50_000).map(|n| format!("record {n}\n")).collect();
    weir_with(&["produce", &name, "-b", &broker.address], &input).ok();
    let mut consumer = Running::start(&["consume", &name, "--from", "beginning", "-b", &broker.address]);
    assert_eq!(consumer.line(), "record 0");
    let ended = consumer.stop_listening();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

#[test]
fn a_broker_that_cannot_be_reached_is_named_at_once() {
    let start = Instant::now();
    let listed = weir(&["topic", "list", "-b", "127.0.0.1:1"]);
    assert_eq!(listed.code, Some(1));
    assert!(listed.stderr.contains("127.0.0.1:1") && listed.stderr.contains("WEIR_BOOTSTRAP_SERVER"), "{listed:?}");
    let consumed = weir(&["kafka-console-consumer", "--bootstrap-server", "127.0.0.1:1", "--topic", "t"]);
    assert!(consumed.code == Some(1) && consumed.stderr.contains("127.0.0.1:1"), "{consumed:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn something_else_than_a_broker_is_no_broker() {
    // A listener that hangs up on everybody.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let listed = weir(&["topic", "list", "-b", &address]);
    assert!(listed.code == Some(1) && listed.stderr.contains(&address), "{listed:?}");
}

#[test]
fn wrong_words_are_usage_errors() {
    assert_eq!(weir(&["topic", "frobnicate"]).code, Some(2));
    assert_eq!(weir(&["consume"]).code, Some(2));
    let tool = weir(&["kafka-topics", "--list", "--frobnicate"]);
    assert!(tool.code == Some(1) && tool.stderr.starts_with("frobnicate is not a recognized option\n"), "{tool:?}");
    for words in [
        &["--help"][..],
        &["topic", "create", "--help"],
        &["kafka-topics", "--help"],
        &["--version"],
        &["kafka-console-producer", "--version"],
    ] {
        assert_eq!(weir(words).code, Some(0), "{words:?}");
    }
}

#[test]
fn a_topic_that_is_not_there_is_an_error_that_says_what_to_do() {
    let broker = Broker::start();
    let name = unique("missing");
    let consumed = weir(&["consume", &name, "-b", &broker.address]);
    assert!(consumed.code == Some(1) && consumed.stderr.contains("weir topic create"), "{consumed:?}");
}

#[test]
fn a_producer_outlives_a_crash_of_the_broker_and_sends_everything_once() {
    let mut broker = Broker::start_own();
    let name = topic(&broker, 2);
    let mut producer = Running::start(&["produce", &name, "-b", &broker.address]);
    let mut consumer = Running::start(&["consume", &name, "--from", "beginning", "-b", &broker.address]);
    let records = |from: u32| (from..from + 1000).map(|n| format!("{n}\n")).collect::<String>();
    let mut seen = Vec::new();
    for round in 0..3 {
        producer.type_in(&records(round * 1000));
        seen.extend(consumer.lines(1000));
        broker.kill_and_restart();
    }
    producer.type_in(&records(3000));
    seen.extend(consumer.lines(1000));
    let ended = producer.finish();
    assert!(ended.code == Some(0) && ended.stderr.contains("4000 records sent"), "{ended:?}");
    consumer.interrupt();
    assert_eq!(consumer.finish().code, Some(0));
    let mut numbers: Vec<u32> = seen.iter().map(|line| line.parse().expect("a number")).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..4000), "every record once");
}

#[test]
fn ctrl_c_ends_a_consumer_whose_broker_is_gone() {
    let broker = Broker::start_own();
    let (name, group) = (topic(&broker, 1), unique("group"));
    weir(&["produce", &name, "one", "-b", &broker.address]).ok();
    let mut consumer =
        Running::start(&["consume", &name, "--group", &group, "--from", "beginning", "-b", &broker.address]);
    assert_eq!(consumer.line(), "one");
    drop(broker);
    let start = Instant::now();
    consumer.interrupt();
    consumer.interrupt();
    let ended = consumer.finish();
    assert!(ended.code.is_some() && start.elapsed() < Duration::from_secs(30), "{ended:?} after {:?}", start.elapsed());
}
