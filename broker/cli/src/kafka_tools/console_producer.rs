//! `kafka-console-producer`

use super::{
    Deprecation,
    flags::{Flags, Given, Usage, maybe_with, plain, with},
    line_reader::LineReader,
    log,
};
use crate::{
    client::producer::{NewRecord, Producer, ProducerOptions, Report},
    input,
    output::note,
    session::{self, Properties},
    writing,
};
use model::TopicName;
use std::process::ExitCode;

const DEFAULT_READER: &str = "org.apache.kafka.tools.LineMessageReader";

pub(super) static FLAGS: Flags = Flags {
    about: "Reads lines from standard input and sends each as a record.",
    flags: &[
        with("batch-size", "Integer: size", "Bytes of a batch (batch.size)"),
        with("bootstrap-server", "String: server to connect to", "REQUIRED: brokers to connect to"),
        with("command-config", "String: config file", "A file of producer properties"),
        with("command-property", "String: producer_prop", "A producer property name=value (may be repeated)"),
        maybe_with(
            "compression-codec",
            "String: compression-codec",
            "none, gzip, snappy, lz4 or zstd; gzip without value",
        ),
        plain("help", "Print this"),
        with("line-reader", "String: reader_class", "Only org.apache.kafka.tools.LineMessageReader here"),
        with("max-block-ms", "Long: max block on send", "How long to wait for a topic (max.block.ms)"),
        with("max-memory-bytes", "Long: total memory in bytes", "Bytes waiting to be sent (buffer.memory)"),
        with("max-partition-memory-bytes", "Integer: memory in bytes", "Older name of --batch-size"),
        with("message-send-max-retries", "Integer", "How often a batch is tried again (retries)"),
        with("metadata-expiry-ms", "Long", "Without effect here: metadata is renewed when it turns out to be old"),
        with("producer-property", "String: producer_prop", "Older name of --command-property"),
        with("producer.config", "String: config file", "Older name of --command-config"),
        with("property", "String: prop", "Older name of --reader-property"),
        with("reader-config", "String: config file", "A file of reader properties"),
        with(
            "reader-property",
            "String: prop",
            "How lines are read: parse.key, key.separator, parse.headers, headers.delimiter, headers.separator, \
             headers.key.separator, ignore.error, null.marker (may be repeated)",
        ),
        with("request-required-acks", "String: acks", "0, 1 or all (-1)"),
        with("request-timeout-ms", "Integer: request timeout ms", "How long a request may take (request.timeout.ms)"),
        with("retry-backoff-ms", "Long", "Pause before trying again (retry.backoff.ms)"),
        with("socket-buffer-size", "Integer: size", "Without effect here: the operating system chooses"),
        plain("sync", "Wait for each record to be confirmed before the next"),
        with("timeout", "Long: timeout_ms", "How long a batch waits for more records (linger.ms)"),
        with("topic", "String: topic", "REQUIRED: the topic to send to"),
        plain("version", "Print the version"),
    ],
};

/// Flags that set a producer property.
const PROPERTY_FLAGS: &[(&str, &str)] = &[
    ("max-partition-memory-bytes", "batch.size"),
    ("batch-size", "batch.size"),
    ("max-block-ms", "max.block.ms"),
    ("max-memory-bytes", "buffer.memory"),
    ("message-send-max-retries", "retries"),
    ("request-required-acks", "acks"),
    ("request-timeout-ms", "request.timeout.ms"),
    ("retry-backoff-ms", "retry.backoff.ms"),
    ("timeout", "linger.ms"),
];

pub(super) async fn run(given: &Given) -> anyhow::Result<ExitCode> {
    let topic = TopicName::from(given.require("topic")?);
    given.require("bootstrap-server")?;
    if let Some(reader) = given.value("line-reader").filter(|reader| *reader != DEFAULT_READER) {
        return Err(Usage(format!(
            "--line-reader {reader}: Java classes cannot be used here; only {DEFAULT_READER} is there"
        ))
        .into());
    }
    let mut reader = LineReader::new(&reader_properties(given)?)?;
    let properties = producer_properties(given)?;
    let options = ProducerOptions::default().with_properties(&properties)?;
    let client = session::client_options(given.value("bootstrap-server"), "console-producer", &properties)?;
    let producer = Producer::new(session::connect(client).await?, options);
    let prompt = input::stdin_is_terminal().then_some(">");
    let lines = input::stdin_lines(prompt);
    writing::write_lines(
        producer,
        &topic,
        lines,
        given.has("sync"),
        |line| read_line(&mut reader, line),
        report_failure,
    )
    .await?;
    // Records that failed were reported one by one; the tool itself has done its work.
    Ok(ExitCode::SUCCESS)
}

static DEPRECATION: Deprecation = Deprecation {
    warning: |older, newer| {
        format!("Warning: --{older} is deprecated and will be removed in a future version. Use --{newer} instead.")
    },
    names_newer_first: true,
};

/// A line that cannot be taken apart ends the tool, with the exception that Kafka's ends with.
fn read_line(reader: &mut LineReader, line: &bytes::Bytes) -> anyhow::Result<NewRecord> {
    reader.read(line, writing::now()).map_err(|error| error.context("org.apache.kafka.common.KafkaException"))
}

fn reader_properties(given: &Given) -> anyhow::Result<Properties> {
    let flag = DEPRECATION.used(given, "reader-property", "property")?;
    let mut properties = given.value("reader-config").map(Properties::from_file).transpose()?.unwrap_or_default();
    properties.extend(Properties::from_arguments(given.values(flag))?);
    Ok(properties)
}

fn producer_properties(given: &Given) -> anyhow::Result<Properties> {
    let names = [("command-config", "producer.config"), ("command-property", "producer-property")];
    let mut properties = DEPRECATION.properties(given, names)?;
    for unknown in ProducerOptions::unknown_properties(&properties) {
        note(&format!("warning: property {unknown} is not known here and has no effect"));
    }
    if given.has("compression-codec") {
        let codec = given.value("compression-codec").filter(|codec| !codec.is_empty()).unwrap_or("gzip");
        properties.set("compression.type", codec);
    }
    for (flag, property) in PROPERTY_FLAGS {
        if let Some(value) = given.value(flag) {
            properties.set(property, value);
        }
    }
    Ok(properties)
}

fn report_failure(report: &Report) {
    let Some(exception) = report.exception() else { return };
    let bytes = |data: &Option<bytes::Bytes>| {
        data.as_ref().map_or_else(|| "null".to_owned(), |data| format!("{} bytes", data.len()))
    };
    for record in &report.records {
        let text = format!(
            "Error when sending message to topic {} with key: {}, value: {} with error:",
            report.partition.topic,
            bytes(&record.key),
            bytes(&record.value)
        );
        log("ERROR", &text, "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback");
        note(&exception);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> Given {
        FLAGS.parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).expect("known flags")
    }

    #[test]
    fn flags_win_over_properties() {
        let words = ["--command-property", "acks=all", "--request-required-acks", "1", "--compression-codec", "--sync"];
        let properties = producer_properties(&given(&words)).expect("good flags");
        assert_eq!((properties.get("acks"), properties.get("compression.type")), (Some("1"), Some("gzip")));
    }

    #[test]
    fn the_reader_takes_both_spellings_but_not_at_once() {
        let old = reader_properties(&given(&["--property", "key.separator=:"])).expect("older spelling");
        assert_eq!(old.get("key.separator"), Some(":"));
        assert!(reader_properties(&given(&["--property", "a=b", "--reader-property", "a=b"])).is_err());
    }
}
