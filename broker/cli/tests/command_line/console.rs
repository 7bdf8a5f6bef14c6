//! Records in and out.

use crate::support::{Broker, topic, weir, weir_with};
use std::collections::BTreeSet;

#[test]
fn the_console_tools_pass_keys_and_values() {
    let broker = Broker::start();
    let name = topic(&broker, 1);
    let at = ["--bootstrap-server", &broker.address, "--topic", &name];
    let produce = ["kafka-console-producer", "--property", "parse.key=true", "--property", "key.separator=:"];
    let produced = weir_with(&[&produce[..], &at].concat(), "k1:v1\nk2:v2\n").ok();
    assert_eq!(
        produced,
        "Warning: --property is deprecated and will be removed in a future version. Use --reader-property instead.\n"
    );

    let consume = ["kafka-console-consumer", "--from-beginning", "--max-messages", "2"];
    let show = ["--formatter-property", "print.key=true", "--formatter-property", "key.separator= : "];
    let consumed = weir(&[&consume[..], &show, &at].concat());
    assert_eq!(consumed.stderr, "Processed a total of 2 messages\n");
    assert_eq!(consumed.ok(), "k1 : v1\nk2 : v2\n");
}

#[test]
fn headers_nulls_partitions_and_offsets_are_printed_as_by_kafka() {
    let broker = Broker::start();
    let name = topic(&broker, 1);
    let at = ["--bootstrap-server", &broker.address, "--topic", &name];
    let produce =
        ["kafka-console-producer", "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"];
    let null = ["--reader-property", "null.marker=NULL"];
    weir_with(&[&produce[..], &null, &at].concat(), "h1:v1,h2:NULL\tkey\tvalue\nNULL\tgone\tNULL\n").ok();

    let mut consume = vec!["kafka-console-consumer", "--partition", "0", "--offset", "0", "--max-messages", "2"];
    for part in ["partition", "offset", "headers", "key"] {
        consume.extend([
            "--formatter-property",
            match part {
                "partition" => "print.partition=true",
                "offset" => "print.offset=true",
                "headers" => "print.headers=true",
                _ => "print.key=true",
            },
        ]);
    }
    let consumed = weir(&[&consume[..], &at].concat()).ok();
    assert_eq!(
        consumed,
        "Partition:0\tOffset:0\th1:v1,h2:null\tkey\tvalue\nPartition:0\tOffset:1\tNO_HEADERS\tgone\tnull\n"
    );
}

#[test]
fn every_codec_comes_back_as_it_went_in() {
    let broker = Broker::start();
    let values: Vec<String> = (0..2000).map(|n| format!("record number {n} of many")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let name = topic(&broker, 1);
        let input = values.join("\n");
        weir_with(&["produce", &name, "-c", codec, "-b", &broker.address], &input).ok();
        let read = weir(&["consume", &name, "--from", "beginning", "--until-end", "-b", &broker.address]).ok();
        assert!(read.lines().eq(values.iter().map(String::as_str)), "{codec}");
    }
}

#[test]
fn equal_keys_meet_in_one_partition_and_order_holds() {
    let broker = Broker::start();
    let name = topic(&broker, 5);
    let input: Vec<String> = (0..500).map(|n| format!("key-{}:{n}", n % 10)).collect();
    weir_with(&["produce", &name, "-K", ":", "-b", &broker.address], &input.join("\n")).ok();
    let read =
        weir(&["consume", &name, "--from", "beginning", "-e", "-s", "key,partition", "-b", &broker.address]).ok();
    let mut partitions = BTreeSet::new();
    for key in 0..10 {
        let of_key: Vec<Vec<&str>> = read
            .lines()
            .map(|line| line.split('\t').collect())
            .filter(|l: &Vec<&str>| l[0] == format!("key-{key}"))
            .collect();
        assert!(of_key.iter().all(|line| line[1] == of_key[0][1]), "key-{key} is in one partition");
        let numbers: Vec<u32> = of_key.iter().map(|line| line[2].parse().expect("a number")).collect();
        assert!(numbers.len() == 50 && numbers.is_sorted(), "key-{key}: {numbers:?}");
        partitions.insert(of_key[0][1].to_owned());
    }
    assert!(partitions.len() > 1, "keys spread over partitions");
}

#[test]
fn json_output_is_json_input() {
    let broker = Broker::start();
    let (source, copy) = (topic(&broker, 1), topic(&broker, 1));
    let at = ["-b", &broker.address];
    weir(&[&["produce", &source, "--key", "k", "-H", "a=1", "one", "two"][..], &at].concat()).ok();
    let read =
        |topic: &str| weir(&[&["consume", topic, "--from-beginning", "-e", "-o", "json"][..], &at].concat()).ok();
    let original = read(&source);
    weir_with(&[&["produce", &copy, "--input", "json"][..], &at].concat(), &original).ok();
    assert_eq!(read(&copy), original.replace(&source, &copy));
    assert_eq!(original.lines().count(), 2);
}

#[test]
fn reading_starts_at_an_offset_or_a_time() {
    let broker = Broker::start();
    let name = topic(&broker, 1);
    let at = ["-b", &broker.address];
    let records: Vec<String> = (1..=5).map(|n| format!(r#"{{"value":"v{n}","timestamp":{}}}"#, n * 1000)).collect();
    weir_with(&[&["produce", &name, "--input", "json"][..], &at].concat(), &records.join("\n")).ok();
    let read = |from: &str| weir(&[&["consume", &name, "--from", from, "-e"][..], &at].concat()).ok();
    assert_eq!(read("3"), "v4\nv5\n");
    assert_eq!(read("1970-01-01T00:00:02Z"), "v2\nv3\nv4\nv5\n");
    assert_eq!(read("2100-01-01"), "");
}

#[test]
fn a_consumer_that_waits_in_vain_ends_after_its_timeout() {
    let broker = Broker::start();
    let name = topic(&broker, 1);
    let waited = weir(&[
        "kafka-console-consumer",
        "--bootstrap-server",
        &broker.address,
        "--topic",
        &name,
        "--timeout-ms",
        "200",
    ]);
    assert!(waited.stderr.contains("org.apache.kafka.common.errors.TimeoutException"), "{waited:?}");
    assert!(waited.stderr.ends_with("Processed a total of 0 messages\n"), "{waited:?}");
    assert_eq!(waited.code, Some(0));
}

#[test]
fn a_keyless_record_for_a_compacted_topic_is_reported_as_by_kafka() {
    let broker = Broker::start();
    let name = crate::support::unique("compacted");
    weir(&["topic", "create", &name, "-p", "1", "-c", "cleanup.policy=compact", "-b", &broker.address]).ok();
    let at = ["--bootstrap-server", &broker.address, "--topic", &name];
    let sent = weir_with(&[&["kafka-console-producer"][..], &at].concat(), "plain\n");
    let expected = format!("Error when sending message to topic {name} with key: null, value: 5 bytes with error:");
    assert!(sent.stderr.contains(&expected), "{sent:?}");
    assert!(sent.stderr.contains("org.apache.kafka.common.InvalidRecordException: "), "{sent:?}");
    let own = weir(&["produce", &name, "plain", "-b", &broker.address]);
    assert!(own.code == Some(1) && own.stderr.contains("INVALID_RECORD"), "{own:?}");
}

#[test]
fn batches_larger_than_the_topic_allows_are_sent_in_parts() {
    let broker = Broker::start();
    let name = crate::support::unique("small");
    weir(&["topic", "create", &name, "-p", "1", "-c", "max.message.bytes=2000", "-b", &broker.address]).ok();
    let values: Vec<String> = (0..500).map(|n| format!("a record of some length, number {n}")).collect();
    weir_with(&["produce", &name, "-b", &broker.address], &values.join("\n")).ok();
    let read = weir(&["consume", &name, "--from", "beginning", "--until-end", "-b", &broker.address]).ok();
    assert!(read.lines().eq(values.iter().map(String::as_str)), "all records once and in order");

    let too_large = weir_with(&["produce", &name, "-b", &broker.address], &"x".repeat(5000));
    assert!(too_large.code == Some(1) && too_large.stderr.contains("max.message.bytes"), "{too_large:?}");
}

#[test]
fn fewer_acks_still_deliver() {
    let broker = Broker::start();
    for acks in ["0", "1", "all"] {
        let name = topic(&broker, 1);
        weir_with(&["produce", &name, "--acks", acks, "-b", &broker.address], "one\ntwo\n").ok();
        let read = weir(&["consume", &name, "--from", "beginning", "-n", "2", "-b", &broker.address]).ok();
        assert_eq!(read, "one\ntwo\n", "acks={acks}");
    }
}

#[test]
fn a_record_that_no_request_can_hold_does_not_stop_the_others() {
    let broker = Broker::start();
    let name = topic(&broker, 1);
    let input = format!("before\n{}\nafter\n", "x".repeat(2 * 1024 * 1024));
    let sent = weir_with(&["produce", &name, "-b", &broker.address], &input);
    assert!(sent.code == Some(1) && sent.stderr.contains("-X max.request.size=N"), "{}", sent.stderr);
    assert!(sent.stderr.contains("2 records sent"), "{}", sent.stderr);
    let read = weir(&["consume", &name, "--from", "beginning", "-e", "-b", &broker.address]).ok();
    assert_eq!(read, "before\nafter\n");
}
