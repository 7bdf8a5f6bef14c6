//! J1 and J2: the load tools that come with Apache Kafka.

use super::{BROKERS, Case, Need, Subject, Topic, consume};
use crate::{client, figures::Figures, frames::BatchShape, machine::warm_memory, systems};
use anyhow::{Result, bail};
use protocol::compression::Compression;
use std::{path::Path, process::Command};

const BATCH_BYTES: usize = 16 << 10;
/// A reader that gets nothing for so long gives up.
const PATIENCE_MS: &str = "60000";

/// By size of the value, how many a pass needs so that the start of the Java machine weighs little.
const PRODUCED: [(&str, usize, u64); 2] = [("100", 100, 2_000_000), ("1k", 1_024, 500_000)];
const READ: [(&str, usize, u64); 2] = [("100", 100, 5_000_000), ("1k", 1_024, 600_000)];

pub(super) fn cases() -> Vec<Case> {
    let produce = PRODUCED.map(|(name, size, count)| {
        let about = format!("Kafka's producer-perf-test, {size} B, acks=all");
        let produce = move |subject: &Subject| subject.until_warm(|subject| produce(subject, size, count));
        Case::new(format!("J1/{name}"), about, BROKERS, produce)
    });
    let read = READ.map(|(name, size, count)| {
        let about = format!("Kafka's consumer-perf-test, {size} B from the page cache");
        let read = move |subject: &Subject| subject.until_warm(|subject| read(subject, size, count));
        Case::new(format!("J2/{name}"), about, BROKERS, read)
    });
    produce.into_iter().chain(read).map(|case| case.needing(Need::KafkaJars)).collect()
}

fn tool(name: &str, subject: &Subject, topic: &str, count: u64) -> Result<Command> {
    let classpath = systems::fetch_kafka(Path::new("."))?;
    let mut command = systems::java(&classpath);
    // As its scripts start it.
    command.args(["-Xmx512M", &format!("org.apache.kafka.tools.{name}")]);
    command.args(["--bootstrap-server", &subject.address.to_string(), "--topic", topic]);
    command.args(["--num-records", &count.to_string()]);
    Ok(command)
}

fn produce(subject: &Subject, size: usize, count: u64) -> Result<Figures> {
    warm_memory(&subject.spare_folder, size as u64 * count)?;
    let topic = Topic::create(subject, 1, &[])?;
    let mut command = tool("ProducerPerformance", subject, &topic.name, count)?;
    command.args(["--record-size", &size.to_string(), "--throughput", "-1", "--command-property", "acks=all"]);
    let figures = run(command, subject, count, |line| sent(line, count));
    topic.delete()?;
    figures
}

fn read(subject: &Subject, size: usize, count: u64) -> Result<Figures> {
    let topic = Topic::create(subject, 1, &[])?;
    let shape = BatchShape::filling(BATCH_BYTES, size, Compression::None);
    consume::fill(subject, &topic.name, shape, size as u64 * count)?;
    let mut command = tool("ConsumerPerformance", subject, &topic.name, count)?;
    command.args(["--timeout", PATIENCE_MS]);
    let figures = run(command, subject, count, fetched);
    topic.delete()?;
    figures
}

/// `rate` finds the figure in the last line that has it.
fn run(command: Command, subject: &Subject, count: u64, rate: impl Fn(&str) -> Option<f64>) -> Result<Figures> {
    let ran = client::run(command, subject)?;
    let Some(rate) = ran.output.lines().rev().find_map(rate).filter(|_| ran.succeeded) else {
        bail!("the tool failed:\n{}", ran.last_words())
    };
    Ok(ran.figures(count, rate))
}

/// `2000000 records sent, 312345.6 records/sec (29.79 MB/sec), …`: the line of all of them, not one of those on the way.
fn sent(line: &str, count: u64) -> Option<f64> {
    let rest = line.strip_prefix(&format!("{count} records sent, "))?;
    rest.split_once(" records/sec")?.0.parse().ok()
}

/// The last of ten columns: records a second without the time that the group took to form.
fn fetched(line: &str) -> Option<f64> {
    let columns: Vec<_> = line.split(", ").collect();
    (columns.len() == 10).then(|| columns[9].trim().parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_the_producer_is_that_of_all_records() {
        let line = "500000 records sent, 96079.938509 records/sec (93.83 MB/sec), 261.25 ms avg latency, 481.00 ms max \
                    latency, 238 ms 50th, 423 ms 95th, 452 ms 99th, 475 ms 99.9th.";
        assert_eq!(sent(line, 500_000), Some(96_079.938_509));
        assert_eq!(sent(line, 2_000_000), None);
    }

    #[test]
    fn the_rate_of_the_consumer_is_in_the_last_column_below_the_header() {
        let header = "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
                      rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec";
        let line = "2026-11-27 08:31:28:659, 2026-11-27 08:31:33:242, 476.8574, 104.0492, 5000212, 1091034.6934, 3325, \
                    1258, 379.0599, 3974731.3196";
        assert_eq!(fetched(header), None);
        assert_eq!(fetched(line), Some(3_974_731.319_6));
    }
}
