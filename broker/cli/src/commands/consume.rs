//! `weir consume`

use super::{Session, counted, record_json};
use crate::{
    client::{
        admin::OffsetSpec,
        consumer::{ConsumedRecord, Consumer, ConsumerOptions, Reset, Source, Start},
    },
    output::{Format, Out, note},
    pattern,
    reading::{self, Limits},
    time_text,
};
use clap::{Args, ValueEnum};
use model::{Offset, TopicName, TopicPartition};
use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Beginning,
    End,
    Offset(i64),
    Time(model::WallTime),
}

/// What to print of a record besides its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Show {
    Time,
    Partition,
    Offset,
    Headers,
    Key,
}

/// Who looks for the end need not wait at it for more.
const END_MAX_WAIT: Duration = Duration::from_millis(10);

const EXAMPLES: &str = "\
Examples:
  weir consume orders                                   new records, until Ctrl-C
  weir consume orders --from beginning --until-end      everything there is
  weir consume orders --from 2026-11-21T10:00 -n 10     ten records from a time on
  weir consume orders -p 0 --from 1500 -s key,offset    one partition from an offset on
  weir consume orders --group billing                   as a member of a group, committing
  weir consume --include 'orders.*' -o json | jq .value";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Consume {
    /// Topics to read
    #[arg(required_unless_present = "include", conflicts_with = "include")]
    topics: Vec<String>,
    /// Read all topics whose whole name matches this regular expression, also those made later
    #[arg(long, value_name = "REGEX")]
    include: Option<String>,
    /// Partitions to read [default: all]
    #[arg(short, long = "partition", value_name = "N,…", value_delimiter = ',', conflicts_with_all = ["include", "group"])]
    partitions: Vec<i32>,
    /// Where to begin: beginning, end, an offset, or a time such as 2026-11-21T10:00Z. In a group: where it has no
    /// offset yet
    #[arg(short, long, value_parser = parse_from, default_value = "end")]
    from: From,
    /// The same as --from beginning
    #[arg(long, conflicts_with = "from")]
    from_beginning: bool,
    /// Read as a member of this group, and commit offsets
    #[arg(short, long)]
    group: Option<String>,
    /// End after so many records
    #[arg(short = 'n', long, alias = "max-messages", value_name = "N")]
    count: Option<u64>,
    /// End when everything there is has been read
    #[arg(short = 'e', long)]
    until_end: bool,
    /// End when no record came for so many milliseconds
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Leave out records of transactions that are open or aborted
    #[arg(long)]
    read_committed: bool,
    /// What to print before the value
    #[arg(short, long, value_enum, value_delimiter = ',')]
    show: Vec<Show>,
    /// Between what is printed
    #[arg(long, default_value = "\t", hide_default_value = true)]
    separator: String,
}

fn parse_from(text: &str) -> Result<From, String> {
    match text {
        "beginning" | "earliest" => Ok(From::Beginning),
        "end" | "latest" => Ok(From::End),
        _ => {
            let offset = text.parse().ok().filter(|offset| *offset >= 0).map(From::Offset);
            let time = || time_text::parse_time(text).map(From::Time);
            offset
                .or_else(time)
                .ok_or_else(|| "write beginning, end, an offset, or a time such as 2026-11-21T10:00Z".to_owned())
        }
    }
}

pub(super) async fn run(mut session: Session, mut consume: Consume) -> anyhow::Result<ExitCode> {
    if consume.from_beginning {
        consume.from = From::Beginning;
    }
    for unknown in ConsumerOptions::unknown_properties(&session.properties) {
        note(&format!("warning: property {unknown} is not known here and has no effect"));
    }
    let options = ConsumerOptions {
        reset: if consume.from == From::Beginning { Reset::Earliest } else { Reset::Latest },
        read_committed: consume.read_committed,
        group: consume.group.as_deref().map(Into::into),
        fetch_max_wait: if consume.until_end { END_MAX_WAIT } else { ConsumerOptions::default().fetch_max_wait },
        ..ConsumerOptions::default()
    };
    let options = options.with_properties(&session.properties)?;
    if options.group.is_some() && matches!(consume.from, From::Offset(_) | From::Time(_)) {
        anyhow::bail!(
            "a group goes on where it stands: move it with `weir group reset-offsets`, then consume without --from"
        );
    }
    let cluster = session.connect().await?;
    let source = source(&cluster, &consume).await?;
    let consumer = Consumer::new(cluster, options, source);
    let limits =
        Limits { count: consume.count, idle: consume.timeout_ms.map(Duration::from_millis), at_end: consume.until_end };
    let reading = reading::read(consumer, limits, &mut session.out, |out, record| print(out, &consume, record)).await;
    reading.outcome?;
    if session.out.format == Format::Table {
        note(&format!("{} read", counted(usize::try_from(reading.records).unwrap_or(usize::MAX), "record")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Named partitions and starts other than the ends of a topic need every partition by name.
async fn source(cluster: &crate::client::Cluster, consume: &Consume) -> anyhow::Result<Source> {
    if let Some(include) = &consume.include {
        return Ok(Source::Pattern(pattern::whole(include)?));
    }
    let topics: Vec<TopicName> = consume.topics.iter().map(|topic| TopicName::from(topic.as_str())).collect();
    let start = match consume.from {
        From::Offset(offset) => Start::Offset(Offset(offset)),
        From::Time(time) => Start::At(OffsetSpec::At(time)),
        From::Beginning => Start::At(OffsetSpec::Earliest),
        From::End => Start::At(OffsetSpec::Latest),
    };
    let by_name = !consume.partitions.is_empty() || matches!(consume.from, From::Offset(_) | From::Time(_));
    if !by_name {
        return Ok(Source::Topics(topics));
    }
    let metadata = cluster.metadata(crate::client::Topics::Named(&topics), false).await?;
    let mut partitions = BTreeMap::new();
    for topic in &topics {
        let all = metadata.topic(topic)?.partitions.iter().map(|partition| partition.index.0);
        let chosen: Vec<i32> = if consume.partitions.is_empty() { all.collect() } else { consume.partitions.clone() };
        partitions.extend(chosen.into_iter().map(|index| (TopicPartition::new(topic.clone(), index), start)));
    }
    Ok(Source::Partitions(partitions))
}

fn print(out: &mut Out, consume: &Consume, record: &ConsumedRecord) -> io::Result<()> {
    if out.format == Format::Json {
        return out.json_line(&record_json::printed(record));
    }
    for part in &consume.show {
        match part {
            Show::Time => out.write_all(time_text::format(record.timestamp).as_bytes())?,
            Show::Partition => write!(out, "{}", record.partition)?,
            Show::Offset => write!(out, "{}", record.offset)?,
            Show::Headers => {
                for (position, (key, value)) in record.headers.iter().enumerate() {
                    out.write_all(if position > 0 { b"," } else { b"" })?;
                    out.write_all(key)?;
                    out.write_all(b"=")?;
                    out.write_all(value.as_deref().unwrap_or(b"null"))?;
                }
            }
            Show::Key => out.write_all(record.key.as_deref().unwrap_or(b"null"))?,
        }
        out.write_all(consume.separator.as_bytes())?;
    }
    out.write_all(record.value.as_deref().unwrap_or(b"null"))?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_an_offset_or_a_time() {
        assert_eq!(parse_from("beginning"), Ok(From::Beginning));
        assert_eq!(parse_from("0"), Ok(From::Offset(0)));
        assert_eq!(parse_from("1970-01-01T00:00:01Z"), Ok(From::Time(model::WallTime(1000))));
        for text in ["-1", "start", ""] {
            assert!(parse_from(text).is_err(), "{text}");
        }
    }
}
