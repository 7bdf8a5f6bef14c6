//! `kafka-console-consumer`

use super::{
    Deprecation,
    flags::{Flags, Given, Usage, plain, with},
    formatter::Formatter,
    log,
};
use crate::{
    client::{
        ClientError,
        admin::OffsetSpec,
        consumer::{Consumer, ConsumerOptions, Reset, Source, Start, options::parse_isolation},
    },
    output::{Format, Out, note},
    reading::{self, Ended, Limits},
    session::{self, Properties},
};
use model::{Offset, TopicName, TopicPartition};
use regex::Regex;
use std::{collections::BTreeMap, io, process::ExitCode, time::Duration};

const CLASS: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

pub(super) static FLAGS: Flags = Flags {
    about: "Reads records of topics and prints them to standard output.",
    flags: &[
        with("bootstrap-server", "String: server to connect to", "REQUIRED: brokers to connect to"),
        with("command-config", "String: config file", "A file of consumer properties"),
        with("command-property", "String: consumer_prop", "A consumer property name=value (may be repeated)"),
        with("consumer-property", "String: consumer_prop", "Older name of --command-property"),
        with("consumer.config", "String: config file", "Older name of --command-config"),
        plain("enable-systest-events", "Print a line when the consumer has shut down"),
        with(
            "formatter",
            "String: class",
            "DefaultMessageFormatter, LoggingMessageFormatter's and other classes are not there",
        ),
        with("formatter-config", "String: config file", "A file of formatter properties"),
        with(
            "formatter-property",
            "String: prop",
            "What is printed: print.timestamp, print.partition, print.offset, print.epoch, print.headers, print.key, \
             print.value, key.separator, line.separator, headers.separator, null.literal, key.deserializer, \
             value.deserializer, headers.deserializer (may be repeated)",
        ),
        plain("from-beginning", "Begin at the first record where there is no committed offset"),
        with("group", "String: consumer group id", "The group to be a member of"),
        plain("help", "Print this"),
        with("include", "String: regex", "Read all topics whose whole name matches"),
        with("isolation-level", "String", "read_uncommitted (default) or read_committed"),
        with("key-deserializer", "String: class", "A deserializer of Kafka's own for keys"),
        with("max-messages", "Integer: num_messages", "End after so many records"),
        with("offset", "String: consume offset", "With --partition: earliest, latest (default) or a number"),
        with("partition", "Integer: partition", "Read this partition only, outside any group"),
        with("property", "String: prop", "Older name of --formatter-property"),
        plain("skip-message-on-error", "Go on after a record that cannot be printed"),
        with("timeout-ms", "Long: timeout_ms", "End when no record came for so long"),
        with("topic", "String: topic", "The topic to read"),
        with("value-deserializer", "String: class", "A deserializer of Kafka's own for values"),
        plain("version", "Print the version"),
    ],
};

pub(super) async fn run(given: &Given) -> anyhow::Result<ExitCode> {
    check(given)?;
    let properties = consumer_properties(given)?;
    let formatter = formatter(given)?;
    let options = options(given, &properties)?;
    let source = source(given)?;
    let limits = Limits {
        count: given.number::<i64>("max-messages")?.and_then(|count| u64::try_from(count).ok()),
        idle: given.number::<i64>("timeout-ms")?.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        at_end: false,
    };
    let client = session::client_options(given.value("bootstrap-server"), "console-consumer", &properties)?;
    let cluster = session::connect(client).await?;
    let mut out = Out::new(Format::Table);
    let skip = given.has("skip-message-on-error");
    let consumer = Consumer::new(cluster, options, source);
    let reading = reading::read(consumer, limits, &mut out, |out, record| match formatter.write(record, out) {
        Err(error) if skip && error.kind() == io::ErrorKind::InvalidData => {
            log("ERROR", &format!("Error processing message, skipping this message: {error}"), CLASS);
            Ok(())
        }
        outcome => outcome,
    })
    .await;
    finish(given, &mut out, reading)
}

fn finish(given: &Given, out: &mut Out, reading: reading::Reading) -> anyhow::Result<ExitCode> {
    if matches!(reading.outcome, Ok(Ended::Idle)) {
        log("ERROR", "Error processing message, terminating consumer process: ", CLASS);
        note("org.apache.kafka.common.errors.TimeoutException");
    }
    if matches!(&reading.outcome, Err(error) if crate::output::is_broken_pipe(error)) {
        note("Unable to write to standard out, closing consumer.");
    }
    note(&format!("Processed a total of {} messages", reading.records));
    reading.outcome?;
    if given.has("enable-systest-events") {
        out.line("shutdown_complete")?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(given: &Given) -> Result<(), Usage> {
    let wrong = |text: &str| Err(Usage(text.to_owned()));
    if given.has("topic") == given.has("include") {
        return wrong("Exactly one of the following arguments is required: [topic], [include]");
    }
    if given.has("partition") {
        if !given.has("topic") {
            return wrong("The topic is required when partition is specified.");
        }
        if given.has("from-beginning") && given.has("offset") {
            return wrong("Options from-beginning and offset cannot be specified together.");
        }
    } else if given.has("offset") {
        return wrong("The partition is required when offset is specified.");
    }
    given.require("bootstrap-server")?;
    if let Some(class) = given.value("formatter")
        && !["org.apache.kafka.tools.consumer.DefaultMessageFormatter", "kafka.tools.DefaultMessageFormatter"]
            .contains(&class)
    {
        return Err(Usage(format!(
            "--formatter {class}: Java classes cannot be used here; the default formatter is there"
        )));
    }
    Ok(())
}

pub(super) static DEPRECATION: Deprecation = Deprecation {
    warning: |older, newer| {
        format!("Option --{older} is deprecated and will be removed in a future version. Use --{newer} instead.")
    },
    names_newer_first: false,
};

fn consumer_properties(given: &Given) -> anyhow::Result<Properties> {
    let names = [("command-config", "consumer.config"), ("command-property", "consumer-property")];
    let properties = DEPRECATION.properties(given, names)?;
    for unknown in ConsumerOptions::unknown_properties(&properties) {
        note(&format!("warning: property {unknown} is not known here and has no effect"));
    }
    Ok(properties)
}

fn formatter(given: &Given) -> anyhow::Result<Formatter> {
    let flag = DEPRECATION.used(given, "formatter-property", "property")?;
    let mut properties = given.value("formatter-config").map(Properties::from_file).transpose()?.unwrap_or_default();
    for (flag, property) in [("key-deserializer", "key.deserializer"), ("value-deserializer", "value.deserializer")] {
        if let Some(class) = given.value(flag).filter(|class| !class.is_empty()) {
            properties.set(property, class);
        }
    }
    properties.extend(Properties::from_arguments(given.values(flag))?);
    Formatter::new(&properties).map_err(|error| Usage(error.to_string()).into())
}

fn options(given: &Given, properties: &Properties) -> anyhow::Result<ConsumerOptions> {
    let mut options = ConsumerOptions {
        reset: if given.has("from-beginning") { Reset::Earliest } else { Reset::Latest },
        create_topics: true,
        ..ConsumerOptions::default()
    }
    .with_properties(properties)?;
    if let Some(other) =
        properties.get("auto.offset.reset").filter(|other| given.has("from-beginning") && *other != "earliest")
    {
        let text = format!(
            "Can't simultaneously specify --from-beginning and 'auto.offset.reset={other}', please remove one option"
        );
        return Err(ClientError::Invalid(text).into());
    }
    if let Some(level) = given.value("isolation-level") {
        options.read_committed = parse_isolation(level)?;
    }
    if let Some(group) = given.value("group") {
        if options.group.as_ref().is_some_and(|other| other.as_str() != group) {
            let text = "The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match.";
            return Err(Usage(text.to_owned()).into());
        }
        options.group = Some(group.into());
    }
    if options.group.is_some() && given.has("partition") {
        return Err(Usage("Options group and partition cannot be specified together.".to_owned()).into());
    }
    Ok(options)
}

fn source(given: &Given) -> anyhow::Result<Source> {
    if let Some(include) = given.value("include") {
        let pattern =
            Regex::new(&format!("^(?:{include})$")).map_err(|error| Usage(format!("--include {include}: {error}")))?;
        return Ok(Source::Pattern(pattern));
    }
    let topic = TopicName::from(given.require("topic")?);
    match given.number::<i32>("partition")? {
        None => Ok(Source::Topics(vec![topic])),
        Some(partition) => {
            Ok(Source::Partitions(BTreeMap::from([(TopicPartition::new(topic, partition), start(given)?)])))
        }
    }
}

fn start(given: &Given) -> Result<Start, Usage> {
    let Some(offset) = given.value("offset") else {
        return Ok(Start::At(if given.has("from-beginning") { OffsetSpec::Earliest } else { OffsetSpec::Latest }));
    };
    match offset.to_ascii_lowercase().as_str() {
        "earliest" => Ok(Start::At(OffsetSpec::Earliest)),
        "latest" => Ok(Start::At(OffsetSpec::Latest)),
        number => {
            let valid = number.parse().ok().filter(|number| *number >= 0).map(|number| Start::Offset(Offset(number)));
            valid.ok_or_else(|| {
                Usage(format!("The provided offset value '{offset}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long."))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &str) -> Given {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        FLAGS.parse(&words).expect("known flags")
    }

    #[test]
    fn wrong_combinations_are_refused_in_kafkas_words() {
        for (words, message) in [
            ("--from-beginning", "Exactly one of the following arguments is required: [topic], [include]"),
            ("--topic t --offset 3", "The partition is required when offset is specified."),
            (
                "--topic t --partition 0 --offset 3 --from-beginning",
                "Options from-beginning and offset cannot be specified together.",
            ),
            ("--topic t", "Missing required argument \"[bootstrap-server]\""),
        ] {
            assert_eq!(check(&given(words)).expect_err(words).to_string(), message);
        }
    }

    #[test]
    fn a_group_and_a_partition_exclude_each_other() {
        let error =
            options(&given("--topic t --partition 0 --group g"), &Properties::default()).expect_err("both").to_string();
        assert_eq!(error, "Options group and partition cannot be specified together.");
    }

    #[test]
    fn an_offset_is_a_word_or_a_number() {
        assert_eq!(start(&given("--offset 5")).expect("a number"), Start::Offset(Offset(5)));
        assert_eq!(start(&given("--offset Earliest")).expect("a word"), Start::At(OffsetSpec::Earliest));
        assert_eq!(start(&given("")).expect("nothing"), Start::At(OffsetSpec::Latest));
        assert!(start(&given("--offset -5")).expect_err("negative").to_string().contains("'-5' is incorrect"));
    }
}
