//! `kafka-topics`

use super::{
    connect, exception_text,
    flags::{Flags, Given, Usage, plain, with},
    log, topic_description,
};
use crate::{
    client::{
        ClientError,
        admin::{Admin, NewTopic},
    },
    output::{Format, Out, note},
    pattern,
};
use kafka_protocol::error::ResponseError;
use model::{BrokerId, TopicName};
use std::{collections::BTreeMap, process::ExitCode};

const CLASS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS_HINT: &str = " (To alter topic configurations, the kafka-configs tool can be used.)";

const ACTIONS: [&str; 5] = ["list", "describe", "create", "alter", "delete"];

/// Reports on replicas, of `--describe`.
pub(super) const REPORTS: [&str; 4] =
    ["under-replicated-partitions", "unavailable-partitions", "under-min-isr-partitions", "at-min-isr-partitions"];

pub(super) static FLAGS: Flags = Flags {
    about: "Creates, deletes, describes and changes topics.",
    flags: &[
        plain("alter", "Raise the number of partitions of a topic"),
        plain(
            "at-min-isr-partitions",
            "With --describe: only partitions with exactly the fewest in-sync replicas allowed",
        ),
        with("bootstrap-server", "String: server to connect to", "REQUIRED: brokers to connect to"),
        with("command-config", "String: config file", "A file of client properties"),
        with("config", "String: name=value", "With --create: configuration of the topic (may be repeated)"),
        plain("create", "Make a topic"),
        plain("delete", "Delete a topic"),
        with("delete-config", "String: name", "No longer supported since Kafka 4.0"),
        plain("describe", "Show partitions, replicas and configuration"),
        plain("exclude-internal", "With --list and --describe: leave out the cluster's own topics"),
        plain("help", "Print this"),
        plain("if-exists", "No error when the topic is not there"),
        plain("if-not-exists", "With --create: no error when the topic is there already"),
        plain("list", "List the topics"),
        with(
            "partition-size-limit-per-response",
            "Integer: partitions",
            "Partitions per answer of the broker (without effect here)",
        ),
        with(
            "partitions",
            "Integer: # of partitions",
            "How many partitions; the broker's default where it is left out",
        ),
        with("replica-assignment", "String: 0:1,1:2,…", "The brokers of each partition"),
        with(
            "replication-factor",
            "Integer: replication factor",
            "How many copies; the broker's default where it is left out",
        ),
        with("topic", "String: topic", "The topic; a regular expression except with --create"),
        with("topic-id", "String: topic-id", "With --describe: the id of the topic"),
        plain("topics-with-overrides", "With --describe: only topics with configuration of their own"),
        plain("unavailable-partitions", "With --describe: only partitions without leader"),
        plain("under-min-isr-partitions", "With --describe: only partitions with too few in-sync replicas"),
        plain("under-replicated-partitions", "With --describe: only partitions with replicas out of sync"),
        plain("version", "Print the version"),
    ],
};

pub(super) async fn run(given: &Given) -> anyhow::Result<ExitCode> {
    check(given)?;
    let mut out = Out::new(Format::Table);
    match act(given, &mut out).await {
        Ok(()) => {
            out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let Some(refused) = error.downcast_ref::<ClientError>() else { return Err(error) };
            out.line(&format!("Error while executing topic command : {}", refused.kafka_message()))?;
            out.flush()?;
            log("ERROR", &format!("{}\n", exception_text(refused)), CLASS);
            Ok(ExitCode::FAILURE)
        }
    }
}

fn check(given: &Given) -> anyhow::Result<()> {
    if ACTIONS.iter().filter(|action| given.has(action)).count() != 1 {
        let text = "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
        return Err(Usage(text.to_owned()).into());
    }
    if given.has("delete-config") {
        note(
            "delete-config option is no longer supported and deprecated since version 4.0. The config will be fully removed in future releases.",
        );
    }
    if !given.has("bootstrap-server") {
        return Err(Usage("--bootstrap-server must be specified".to_owned()).into());
    }
    if given.has("describe") && given.has("if-exists") && !given.has("topic") && !given.has("topic-id") {
        return Err(Usage("--topic or --topic-id is required to describe a topic".to_owned()).into());
    }
    if !given.has("list") && !given.has("describe") {
        given.require("topic")?;
    }
    if given.has("alter") {
        if given.has("config") {
            let text = "Option combination \"[[config], [bootstrap-server]]\" can't be used with option \"[alter]\"";
            return Err(Usage(format!("{text}{CONFIGS_HINT}")).into());
        }
        given.require("partitions")?;
    }
    check_combinations(given)?;
    Ok(())
}

fn check_combinations(given: &Given) -> Result<(), Usage> {
    let all_but = |allowed: &[&str]| ACTIONS.into_iter().filter(|action| !allowed.contains(action)).collect::<Vec<_>>();
    for (flag, allowed) in [
        ("config", &["alter", "create"][..]),
        ("partitions", &["alter", "create"]),
        ("replication-factor", &["create"]),
        ("replica-assignment", &["alter", "create"]),
        ("topics-with-overrides", &["describe"]),
        ("if-exists", &["alter", "delete", "describe"]),
        ("if-not-exists", &["create"]),
        ("exclude-internal", &["list", "describe"]),
    ] {
        given.refuse_together(flag, &all_but(allowed))?;
    }
    if given.has("create") {
        given.refuse_together("replica-assignment", &["partitions", "replication-factor"])?;
    }
    for report in REPORTS {
        given.refuse_together(report, &all_but(&["describe"]))?;
        given.refuse_together(report, &["topics-with-overrides"])?;
    }
    Ok(())
}

async fn act(given: &Given, out: &mut Out) -> anyhow::Result<()> {
    if given.has("create") {
        return create(given, out).await;
    }
    let admin = connect(given).await?;
    if given.has("list") {
        let names = matching(&admin, given).await?;
        out.line(&names.iter().map(TopicName::as_str).collect::<Vec<_>>().join("\n"))?;
        return Ok(());
    }
    if given.has("describe") {
        return topic_description::describe(&admin, given, out).await;
    }
    let names = matching(&admin, given).await?;
    expect_some(given, &names)?;
    if given.has("delete") {
        for (_, outcome) in admin.delete_topics(&names).await? {
            outcome?;
        }
        return Ok(());
    }
    let count = given.number("partitions")?.unwrap_or(0);
    let assignment = given.value("replica-assignment").map(parse_assignment).transpose()?.unwrap_or_default();
    for topic in admin.describe_topics(&names).await? {
        // The list begins with the partitions that are there already.
        let added = assignment.get(topic.partitions.len()..).unwrap_or_default();
        admin.create_partitions(&topic.name, count, added).await?;
    }
    Ok(())
}

/// Topics that `--topic` matches, all without it.
pub(super) async fn matching(admin: &Admin, given: &Given) -> anyhow::Result<Vec<TopicName>> {
    let wanted = given.value("topic").map(pattern::whole).transpose()?;
    let names = admin.topics().await?.into_iter().filter(|(name, topic)| {
        !(topic.is_internal && given.has("exclude-internal"))
            && wanted.as_ref().is_none_or(|wanted| wanted.is_match(name))
    });
    Ok(names.map(|(name, _)| name).collect())
}

pub(super) fn expect_some(given: &Given, names: &[TopicName]) -> Result<(), ClientError> {
    match given.value("topic") {
        Some(topic) if !topic.is_empty() && names.is_empty() && !given.has("if-exists") => {
            Err(ClientError::Invalid(format!("Topic '{topic}' does not exist as expected")))
        }
        _ => Ok(()),
    }
}

async fn create(given: &Given, out: &mut Out) -> anyhow::Result<()> {
    let name = given.require("topic")?;
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: given.number("partitions")?,
        replication_factor: given.number::<i32>("replication-factor")?.map(replication_factor).transpose()?,
        assignment: given.value("replica-assignment").map(parse_assignment).transpose()?.unwrap_or_default(),
        configs: configs(given.values("config"))?,
    };
    if name.contains(['.', '_']) {
        out.line(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. \
             To avoid issues it is best to use either, but not both.",
        )?;
    }
    if topic.partitions.is_some_and(|count| count < 1) {
        return Err(ClientError::Invalid("The partitions must be greater than 0".to_owned()).into());
    }
    let admin = connect(given).await?;
    match admin.create_topic(&topic, false).await {
        Err(error) if error.code() == Some(ResponseError::TopicAlreadyExists) && given.has("if-not-exists") => {}
        outcome => {
            outcome?;
            out.line(&format!("Created topic {name}."))?;
        }
    }
    Ok(())
}

fn replication_factor(factor: i32) -> Result<i16, ClientError> {
    let valid = i16::try_from(factor).ok().filter(|factor| *factor >= 1);
    valid.ok_or_else(|| ClientError::Invalid("The replication factor must be between 1 and 32767 inclusive".to_owned()))
}

fn configs(arguments: &[String]) -> Result<BTreeMap<String, String>, ClientError> {
    let bad = || {
        ClientError::Invalid(
            "requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\"."
                .to_owned(),
        )
    };
    arguments
        .iter()
        .map(|argument| {
            let (name, value) =
                argument.split_once('=').filter(|(_, value)| !value.trim().is_empty()).ok_or_else(bad)?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

/// `0:1,1:2`: partition 0 on brokers 0 and 1, partition 1 on brokers 1 and 2.
fn parse_assignment(text: &str) -> Result<Vec<Vec<BrokerId>>, ClientError> {
    let mut partitions: Vec<Vec<BrokerId>> = Vec::new();
    for (index, replicas) in text.split(',').enumerate() {
        let mut brokers = Vec::new();
        for id in replicas.split(':') {
            let id =
                id.trim().parse().map_err(|_| ClientError::Invalid(format!("For input string: \"{}\"", id.trim())))?;
            if brokers.contains(&BrokerId(id)) {
                return Err(ClientError::Invalid(format!(
                    "Partition replica lists may not contain duplicate entries: {id}"
                )));
            }
            brokers.push(BrokerId(id));
        }
        if partitions.first().is_some_and(|first| first.len() != brokers.len()) {
            let shown = brokers.iter().map(BrokerId::to_string).collect::<Vec<_>>().join(", ");
            return Err(ClientError::Invalid(format!("Partition {index} has different replication factor: [{shown}]")));
        }
        partitions.push(brokers);
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(words: &str) -> Result<(), String> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        check(&FLAGS.parse(&words).expect("known flags")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_of_tutorials_are_taken() {
        for words in [
            "--bootstrap-server b --create --topic my_topic --partitions 1 --replication-factor 1",
            "--bootstrap-server b --list",
            "--bootstrap-server b --describe --topic t --exclude-internal",
            "--bootstrap-server b --alter --topic t --partitions 3",
            "--bootstrap-server b --delete --topic t --if-exists",
        ] {
            assert_eq!(checked(words), Ok(()), "{words}");
        }
    }

    #[test]
    fn wrong_combinations_are_refused_in_kafkas_words() {
        for (words, message) in [
            (
                "--bootstrap-server b --list --describe",
                "Command must include exactly one action: --list, --describe, --create, --alter or --delete",
            ),
            ("--list", "--bootstrap-server must be specified"),
            ("--bootstrap-server b --create", "Missing required argument \"[topic]\""),
            ("--bootstrap-server b --alter --topic t", "Missing required argument \"[partitions]\""),
            (
                "--bootstrap-server b --list --partitions 2",
                "Option \"[partitions]\" can't be used with option \"[list]\"",
            ),
            (
                "--bootstrap-server b --create --topic t --partitions 2 --replica-assignment 0",
                "Option \"[replica-assignment]\" can't be used with option \"[partitions]\"",
            ),
        ] {
            assert_eq!(checked(words), Err(message.to_owned()), "{words}");
        }
    }

    #[test]
    fn an_assignment_lists_the_brokers_of_each_partition() {
        let parsed = parse_assignment("0:1,1:2").expect("good assignment");
        assert_eq!(parsed, [vec![BrokerId(0), BrokerId(1)], vec![BrokerId(1), BrokerId(2)]]);
        for (text, word) in [("0:0", "duplicate"), ("0:1,2", "different replication factor: [2]"), ("a", "\"a\"")] {
            let error = parse_assignment(text).expect_err(text).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
