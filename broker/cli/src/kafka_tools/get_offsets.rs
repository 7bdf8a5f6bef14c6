//! `kafka-get-offsets`

use super::{
    connect,
    flags::{Flags, Given, Usage, plain, with},
};
use crate::{
    client::admin::OffsetSpec,
    output::{Format, Out, note},
    pattern,
};
use model::{TopicPartition, WallTime};
use regex::Regex;
use std::process::ExitCode;

pub(super) static FLAGS: Flags = Flags {
    about: "Shows offsets of partitions: the first, the end, or that of a time.",
    flags: &[
        with("bootstrap-server", "String: HOST1:PORT1,…", "REQUIRED: brokers to connect to"),
        with("command-config", "String: config file", "A file of client properties"),
        plain("exclude-internal-topics", "Leave out the cluster's own topics"),
        plain("help", "Print this"),
        with("partitions", "String: partition ids", "Only these partitions: 0,2 or 1-4 (the upper bound not included)"),
        with(
            "time",
            "String: time",
            "earliest (-2), latest (-1, the default), max-timestamp (-3), or milliseconds since 1970",
        ),
        with("topic", "String: topic", "A regular expression of topics"),
        with("topic-partitions", "String: topic1:1,topic2:0-3,…", "Topics with their partitions"),
        plain("version", "Print the version"),
    ],
};

/// Partitions of topics: whole names that match, and which of their partitions.
#[derive(Debug)]
struct Filter {
    topic: Option<Regex>,
    partitions: Vec<Range>,
}

/// From a partition on, and up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: i32,
    /// Not included.
    to: i32,
}

pub(super) async fn run(given: &Given) -> anyhow::Result<ExitCode> {
    given.require("bootstrap-server")?;
    let spec = spec(given.value("time").unwrap_or("latest"))?;
    let filters = filters(given)?;
    let admin = connect(given).await?;
    let topics = admin.topics().await?;
    let wanted = topics
        .iter()
        .filter(|(_, topic)| !(topic.is_internal && given.has("exclude-internal-topics")))
        .flat_map(|(name, topic)| {
            topic.partitions.iter().map(|partition| TopicPartition { topic: name.clone(), partition: partition.index })
        })
        .filter(|partition| filters.iter().any(|filter| filter.takes(partition)));
    let wanted: Vec<TopicPartition> = wanted.collect();
    if wanted.is_empty() {
        note("Error occurred: Could not match any topic-partitions with the specified filters");
        return Ok(ExitCode::FAILURE);
    }
    let offsets = admin.list_offsets_of(wanted, spec).await?;
    let found = offsets.into_iter().filter_map(|(partition, listed)| Some((partition, listed.offset?)));
    let mut lines: Vec<String> =
        found.map(|(partition, offset)| format!("{}:{}:{offset}", partition.topic, partition.partition)).collect();
    // Kafka's order: partition 10 comes before partition 2.
    lines.sort();
    let mut out = Out::new(Format::Table);
    lines.iter().try_for_each(|line| out.line(line))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn spec(text: &str) -> Result<OffsetSpec, Usage> {
    match text {
        "earliest" | "-2" => Ok(OffsetSpec::Earliest),
        "latest" | "-1" => Ok(OffsetSpec::Latest),
        "max-timestamp" | "-3" => Ok(OffsetSpec::MaxTimestamp),
        number => {
            let time = number.parse().ok().filter(|ms| *ms >= 0).map(|ms| OffsetSpec::At(WallTime(ms)));
            time.ok_or_else(|| {
                Usage(format!(
                    "Malformed time argument {text}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp, or a \
                     specified long format timestamp"
                ))
            })
        }
    }
}

fn filters(given: &Given) -> anyhow::Result<Vec<Filter>> {
    if let Some(list) = given.value("topic-partitions") {
        if given.has("topic") || given.has("partitions") {
            return Err(Usage("--topic-partitions cannot be used with --topic or --partitions".to_owned()).into());
        }
        return list.split(',').map(parse_topic_partitions).collect();
    }
    let topic = given.value("topic").map(pattern::whole).transpose()?;
    let partitions =
        given.value("partitions").map_or(Ok(vec![Range::ALL]), |list| list.split(',').map(parse_range).collect());
    Ok(vec![Filter { topic, partitions: partitions? }])
}

fn parse_topic_partitions(text: &str) -> anyhow::Result<Filter> {
    let (topic, range) = text
        .rsplit_once(':')
        .map_or((text, Range::ALL), |(topic, range)| (topic, parse_range(range).unwrap_or(Range::NONE)));
    if range == Range::NONE {
        return Err(Usage(format!("Invalid topic-partition rule: {text}")).into());
    }
    let topic = (!topic.is_empty()).then(|| pattern::whole(topic)).transpose()?;
    Ok(Filter { topic, partitions: vec![range] })
}

/// `3`, `1-4`, `2-` or `-3`.
fn parse_range(text: &str) -> Result<Range, Usage> {
    let number =
        |text: &str, open: i32| if text.is_empty() { Some(open) } else { text.parse().ok().filter(|n| *n >= 0) };
    let range = match text.trim().split_once('-') {
        None => number(text.trim(), -1).filter(|n| *n >= 0).map(|from| Range { from, to: from.saturating_add(1) }),
        Some((from, to)) => number(from, 0).zip(number(to, i32::MAX)).map(|(from, to)| Range { from, to }),
    };
    range.ok_or_else(|| Usage(format!("Invalid partition range: {text}")))
}

impl Range {
    const ALL: Self = Self { from: 0, to: i32::MAX };
    const NONE: Self = Self { from: 0, to: 0 };
}

impl Filter {
    fn takes(&self, partition: &TopicPartition) -> bool {
        let index = partition.partition.0;
        self.topic.as_ref().is_none_or(|topic| topic.is_match(&partition.topic))
            && self.partitions.iter().any(|range| (range.from..range.to).contains(&index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(words: &[&str]) -> Vec<String> {
        let given = FLAGS.parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).expect("known flags");
        let filters = filters(&given).expect("good filters");
        let all = ["a", "b"].into_iter().flat_map(|topic| (0..4).map(move |index| TopicPartition::new(topic, index)));
        all.filter(|partition| filters.iter().any(|filter| filter.takes(partition))).map(|p| p.to_string()).collect()
    }

    #[test]
    fn partitions_are_chosen_as_by_kafka() {
        assert_eq!(taken(&["--topic", "a", "--partitions", "0,2-"]), ["a-0", "a-2", "a-3"]);
        assert_eq!(taken(&["--topic-partitions", "a:1-3,b:0"]), ["a-1", "a-2", "b-0"]);
        assert_eq!(taken(&["--topic-partitions", ":1"]), ["a-1", "b-1"]);
        assert_eq!(taken(&[]).len(), 8);
    }

    #[test]
    fn times_are_words_or_numbers() {
        assert_eq!(spec("-2"), Ok(OffsetSpec::Earliest));
        assert_eq!(spec("max-timestamp"), Ok(OffsetSpec::MaxTimestamp));
        assert_eq!(spec("1000"), Ok(OffsetSpec::At(WallTime(1000))));
        assert!(spec("yesterday").expect_err("no time").to_string().contains("yesterday"));
    }
}
