//! `weir produce`

use super::{Session, counted, record_json};
use crate::{
    client::producer::{Acks, NewRecord, Producer, ProducerOptions, Report, parse_compression},
    input,
    output::{Format, note},
    writing::{self, Sent},
};
use anyhow::{Context, bail};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use model::TopicName;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// Each line is a value (or key and value, with --key-separator)
    Lines,
    /// Each line is a JSON object with key, value, headers, partition, timestamp, as `weir consume -o json` prints it
    Json,
}

const EXAMPLES: &str = "\
Examples:
  echo hello | weir produce orders
  weir produce orders hello world
  weir produce orders --key customer-1 --header source=shell hello
  printf 'k1:one\\nk2:two\\n' | weir produce orders --key-separator :
  weir topic create copy --partitions 3  # as many as orders has
  weir consume orders --from beginning --until-end -o json | weir produce copy --input json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Produce {
    /// The topic to send to
    topic: String,
    /// Values to send; without any, the lines of standard input
    values: Vec<String>,
    /// The key of every record
    #[arg(short, long, conflicts_with = "key_separator")]
    key: Option<String>,
    /// Lines are key, this separator, value
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// A header of every record (may be repeated)
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    headers: Vec<(String, String)>,
    /// The partition of every record [default: by key, or in turn]
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// A value or key that equals this text is sent as null
    #[arg(long, value_name = "TEXT")]
    null_marker: Option<String>,
    /// What input lines are
    #[arg(long, value_enum, default_value = "lines")]
    input: Input,
    /// Who must have a record before it counts as sent: all, 1 (the leader) or 0 (nobody)
    #[arg(long, value_parser = |text: &str| Acks::parse(text).map(|_| text.to_owned()))]
    acks: Option<String>,
    /// Codec of batches: none, gzip, snappy, lz4 or zstd
    #[arg(short, long, value_parser = |text: &str| parse_compression(text).map(|_| text.to_owned()))]
    compression: Option<String>,
}

#[derive(Serialize)]
struct Summary<'a> {
    topic: &'a str,
    records: u64,
    failed: u64,
    partitions: &'a std::collections::BTreeMap<i32, u64>,
}

pub(super) async fn run(mut session: Session, produce: Produce) -> anyhow::Result<ExitCode> {
    for unknown in ProducerOptions::unknown_properties(&session.properties) {
        note(&format!("warning: property {unknown} is not known here and has no effect"));
    }
    let mut properties = session.properties.clone();
    produce.acks.iter().for_each(|acks| properties.set("acks", acks));
    produce.compression.iter().for_each(|codec| properties.set("compression.type", codec));
    let options = ProducerOptions::default().with_properties(&properties)?;
    let cluster = session.connect().await?;
    let mut producer = Producer::new(cluster, options);
    let topic = TopicName::from(produce.topic.as_str());
    let sent = if produce.values.is_empty() {
        if input::stdin_is_terminal() {
            note("each line is a record; Ctrl-D ends");
        }
        let prompt = input::stdin_is_terminal().then_some("> ");
        let parse = |line: &Bytes| record_of(&produce, line);
        writing::write_lines(producer, &topic, input::stdin_lines(prompt), false, parse, report_failure).await?
    } else {
        for value in &produce.values {
            producer.send(&topic, record_of(&produce, &Bytes::from(value.clone()))?).await?;
        }
        producer.flush().await?;
        let mut sent = Sent::default();
        producer.take_reports().iter().for_each(|report| sent.count(report, &mut report_failure));
        sent
    };
    let summary =
        Summary { topic: &produce.topic, records: sent.records, failed: sent.failed, partitions: &sent.partitions };
    match session.out.format {
        Format::Json => session.out.show(&summary, |_| Ok(()))?,
        Format::Table => note(&format!(
            "{} sent to topic {}",
            counted(usize::try_from(sent.records).unwrap_or(usize::MAX), "record"),
            produce.topic
        )),
    }
    Ok(if sent.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn report_failure(report: &Report) {
    if let Err(error) = &report.outcome {
        note(&format!("error: {} not sent: {error}", counted(report.records.len(), "record")));
    }
}

fn record_of(produce: &Produce, line: &Bytes) -> anyhow::Result<NewRecord> {
    let mut record = match produce.input {
        Input::Json => record_json::parse(line, writing::now())?,
        Input::Lines => NewRecord { timestamp: writing::now(), value: Some(line.clone()), ..NewRecord::default() },
    };
    if let Some(separator) = &produce.key_separator {
        if produce.input == Input::Json || separator.is_empty() {
            bail!("--key-separator needs lines and a text that is not empty");
        }
        let at = find(line, separator.as_bytes())
            .with_context(|| format!("no {separator:?} in line {:?}", String::from_utf8_lossy(line)))?;
        record.key = Some(line.slice(..at));
        record.value = Some(line.slice(at + separator.len()..));
    }
    if let Some(key) = &produce.key {
        record.key = Some(Bytes::from(key.clone()));
    }
    if let Some(marker) = &produce.null_marker {
        record.key = record.key.filter(|key| key != marker.as_bytes());
        record.value = record.value.filter(|value| value != marker.as_bytes());
    }
    record.partition = produce.partition.or(record.partition);
    record.headers.extend(
        produce.headers.iter().map(|(name, value)| (Bytes::from(name.clone()), Some(Bytes::from(value.clone())))),
    );
    Ok(record)
}

/// Where `wanted` (not empty) first occurs.
fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        produce: Produce,
    }

    fn record(arguments: &[&str], line: &'static str) -> anyhow::Result<NewRecord> {
        let parsed = Line::try_parse_from([&["weir", "topic"], arguments].concat()).expect("good arguments");
        record_of(&parsed.produce, &Bytes::from_static(line.as_bytes()))
    }

    #[test]
    fn key_and_value_are_split_at_the_first_separator() {
        let record = record(&["-K", "::"], "k::v::w").expect("has a separator");
        assert_eq!((record.key, record.value), (Some(Bytes::from("k")), Some(Bytes::from("v::w"))));
    }

    #[test]
    fn a_line_without_separator_is_an_error_that_shows_it() {
        let error = record(&["-K", ":"], "no key").expect_err("no separator").to_string();
        assert!(error.contains("no key"), "{error}");
    }

    #[test]
    fn the_null_marker_makes_a_tombstone() {
        let record = record(&["--key", "k", "--null-marker", "NULL"], "NULL").expect("good line");
        assert_eq!((record.key, record.value), (Some(Bytes::from("k")), None));
    }

    #[test]
    fn headers_and_partition_are_those_of_the_command_line() {
        let record = record(&["-H", "a=1", "-p", "3"], "v").expect("good line");
        assert_eq!(record.headers, [(Bytes::from("a"), Some(Bytes::from("1")))]);
        assert_eq!(record.partition, Some(3));
    }
}
