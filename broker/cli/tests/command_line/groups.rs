//! Groups: members, offsets, and their tables.

use crate::support::{Broker, Running, eventually, topic, unique, weir, weir_with};
use serde_json::{Value, json};

fn describe(broker: &Broker, group: &str) -> Option<Value> {
    let described = weir(&["group", "describe", group, "-o", "json", "-b", &broker.address]);
    (described.code == Some(0)).then(|| described.json())
}

fn produce(broker: &Broker, topic: &str, count: u32) {
    let input: Vec<String> = (0..count).map(|n| format!("k{n}:{n}")).collect();
    weir_with(&["produce", topic, "-K", ":", "-b", &broker.address], &input.join("\n")).ok();
}

#[test]
fn a_group_goes_on_where_it_stopped() {
    let broker = Broker::start();
    let (name, group) = (topic(&broker, 1), unique("group"));
    produce(&broker, &name, 10);
    let at = ["--bootstrap-server", &broker.address, "--topic", &name, "--group", &group];
    let consume = |count: &str| {
        weir(&[&["kafka-console-consumer", "--from-beginning", "--max-messages", count][..], &at].concat()).ok()
    };
    assert_eq!(consume("3"), "0\n1\n2\n");
    assert_eq!(consume("2"), "3\n4\n");

    let groups = ["kafka-consumer-groups", "--bootstrap-server", &broker.address];
    let described = weir(&[&groups[..], &["--describe", "--group", &group]].concat());
    assert!(described.stderr.contains(&format!("Consumer group '{group}' has no active members.")), "{described:?}");
    let text = described.ok();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].starts_with("GROUP ") && lines[1].ends_with("CONSUMER-ID     HOST            CLIENT-ID"),
        "{text}"
    );
    let cells: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(cells, [group.as_str(), &name, "0", "5", "10", "5", "-", "-", "-"]);
    assert!(weir(&[&groups[..], &["--list"]].concat()).ok().lines().any(|line| line == group));
}

#[test]
fn offsets_are_reset_only_when_told_to() {
    let broker = Broker::start();
    let (name, group) = (topic(&broker, 2), unique("group"));
    produce(&broker, &name, 20);
    weir(&["consume", &name, "--group", &group, "--from", "beginning", "-e", "-b", &broker.address]).ok();
    let lag = || describe(&broker, &group).map(|group| group["total_lag"].clone());
    assert_eq!(lag(), Some(json!(0)));

    let reset = |more: &[&str]| {
        let words =
            ["kafka-consumer-groups", "--bootstrap-server", &broker.address, "--reset-offsets", "--group", &group];
        weir(&[&words[..], more].concat())
    };
    let shown = reset(&["--topic", &name, "--to-earliest"]);
    assert!(
        shown.stderr.starts_with("WARN: No action will be performed as the --execute option is missing."),
        "{shown:?}"
    );
    let expected_rows: Vec<String> = (0..2).map(|p| format!("{:<15} {:<15} {p:<10} 0", group, name)).collect();
    assert!(expected_rows.iter().all(|row| shown.stdout.contains(row)), "{shown:?}");
    assert_eq!(lag(), Some(json!(0)), "nothing was moved");

    reset(&["--topic", &name, "--to-earliest", "--execute"]).ok();
    assert_eq!(lag(), Some(json!(20)));
    let csv = reset(&["--all-topics", "--to-latest", "--export", "--dry-run"]).ok();
    assert_eq!(csv.lines().filter(|line| line.starts_with(&format!("{name},"))).count(), 2, "{csv}");
    weir(&["group", "reset-offsets", &group, "--topic", &name, "--to", "latest", "--execute", "-b", &broker.address])
        .ok();
    assert_eq!(lag(), Some(json!(0)));
    let unknown = reset(&["--topic", &format!("{name}:9"), "--to-earliest", "--dry-run"]);
    assert!(unknown.stdout.contains(&format!("The partitions \"{name}-9\" do not exist")), "{unknown:?}");
}

#[test]
fn offsets_of_a_group_with_members_are_not_reset() {
    let broker = Broker::start();
    let (name, group) = (topic(&broker, 1), unique("group"));
    produce(&broker, &name, 5);
    let mut member =
        Running::start(&["consume", &name, "--group", &group, "--from", "beginning", "-b", &broker.address]);
    assert_eq!(member.lines(5).len(), 5);
    for how in [&[][..], &["--execute"]] {
        let reset = ["group", "reset-offsets", &group, "--topic", &name, "--to", "earliest", "-b", &broker.address];
        let refused = weir(&[&reset[..], how].concat());
        assert!(refused.code == Some(1) && refused.stdout.is_empty(), "{refused:?}");
        assert!(refused.stderr.contains("it is Stable") && refused.stderr.contains("NON_EMPTY_GROUP"), "{refused:?}");
        assert!(refused.stderr.contains("Stop the members of the group first"), "{refused:?}");
    }
    member.interrupt();
    assert_eq!(member.finish().code, Some(0));
}

#[test]
fn groups_and_offsets_are_deleted() {
    let broker = Broker::start();
    let (name, group) = (topic(&broker, 1), unique("group"));
    produce(&broker, &name, 3);
    weir(&["consume", &name, "--group", &group, "--from", "beginning", "-e", "-b", &broker.address]).ok();
    let run = |more: &[&str]| weir(&[&["kafka-consumer-groups", "--bootstrap-server", &broker.address], more].concat());

    let deleted = run(&["--delete-offsets", "--group", &group, "--topic", &name]).ok();
    assert!(
        deleted.starts_with(&format!("Request succeeded for deleting offsets from group {group}.\n\nTOPIC ")),
        "{deleted}"
    );
    weir(&["group", "reset-offsets", &group, "--topic", &name, "--to", "1", "--execute", "-b", &broker.address]).ok();
    let deleted = run(&["--delete", "--group", &group]).ok();
    assert_eq!(deleted, format!("Deletion of requested consumer groups ('{group}') was successful.\n"));
    let again = run(&["--delete", "--group", &group]).ok();
    assert!(again.contains("GroupIdNotFoundException: The group id does not exist."), "{again}");
}

#[test]
fn members_share_the_partitions_and_take_over_from_one_that_leaves() {
    let broker = Broker::start();
    let (name, group) = (topic(&broker, 4), unique("group"));
    let consume =
        ["consume", &name, "--group", &group, "--from", "beginning", "-s", "partition", "-b", &broker.address];
    let fast = ["-X", "heartbeat.interval.ms=100"];
    let first = Running::start(&[&consume[..], &fast].concat());
    let mut second = Running::start(&[&consume[..], &fast].concat());

    let shared = |members: usize| {
        describe(&broker, &group).filter(|described| {
            let found = described["members"].as_array().expect("a list");
            let each = 4 / members;
            described["state"] == "Stable"
                && found.len() == members
                && found.iter().all(|member| member["partitions"].as_array().is_some_and(|list| list.len() == each))
        })
    };
    eventually("two members with two partitions each", || shared(2));
    first.interrupt();
    assert_eq!(first.finish().code, Some(0));
    eventually("one member with all partitions", || shared(1));
    produce(&broker, &name, 100);
    let mut seen = second.lines(100);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100, "every record once, from all partitions");
    second.interrupt();
    assert_eq!(second.finish().code, Some(0));
}
