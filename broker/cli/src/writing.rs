//! The loop of everything that sends lines as records: reads ahead, sends in batches, ends when the input does.

use crate::{
    client::producer::{NewRecord, Producer, Report},
    input::Lines,
    stop::Stop,
};
use anyhow::Context;
use model::{TopicName, WallTime};
use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

/// What became of the records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) records: u64,
    pub(crate) failed: u64,
    /// Records per partition.
    pub(crate) partitions: BTreeMap<i32, u64>,
}

/// Sends every line that `parse` makes a record of. Whatever ends the loop, what was read before is still sent; a
/// second signal cuts that short.
pub(crate) async fn write_lines(
    mut producer: Producer,
    topic: &TopicName,
    lines: Lines,
    one_by_one: bool,
    parse: impl FnMut(&bytes::Bytes) -> anyhow::Result<NewRecord>,
    mut on_failure: impl FnMut(&Report),
) -> anyhow::Result<Sent> {
    let mut sent = Sent::default();
    let mut stop = Stop::new()?;
    let mut on_report = |report: &Report| sent.count(report, &mut on_failure);
    let outcome = tokio::select! {
        outcome = write_until_end(&mut producer, topic, lines, one_by_one, parse, &mut on_report) => outcome,
        () = stop.asked() => Ok(()),
    };
    let flushed = tokio::select! {
        flushed = producer.flush() => flushed.map_err(Into::into),
        () = stop.asked() => Err(anyhow::anyhow!("stopped before all records were confirmed")),
    };
    producer.take_reports().iter().for_each(|report| sent.count(report, &mut on_failure));
    outcome?;
    flushed?;
    Ok(sent)
}

impl Sent {
    pub(crate) fn count(&mut self, report: &Report, on_failure: &mut impl FnMut(&Report)) {
        let records = report.records.len() as u64;
        if report.outcome.is_err() {
            self.failed += records;
            on_failure(report);
        } else {
            self.records += records;
            *self.partitions.entry(report.partition.partition.0).or_default() += records;
        }
    }
}

async fn write_until_end(
    producer: &mut Producer,
    topic: &TopicName,
    mut lines: Lines,
    one_by_one: bool,
    mut parse: impl FnMut(&bytes::Bytes) -> anyhow::Result<NewRecord>,
    on_report: &mut impl FnMut(&Report),
) -> anyhow::Result<()> {
    loop {
        let idle = producer.is_idle();
        let chunk = tokio::select! {
            chunk = lines.recv() => chunk,
            progress = producer.progress(None), if !idle => {
                progress?;
                producer.take_reports().iter().for_each(&mut *on_report);
                continue;
            }
        };
        let Some(chunk) = chunk else { return Ok(()) };
        for line in chunk.context("read standard input")? {
            producer.send(topic, parse(&line)?).await?;
            if one_by_one {
                producer.flush().await?;
            }
        }
        producer.start_requests().await?;
        producer.take_reports().iter().for_each(&mut *on_report);
    }
}

/// The time of records that bring none.
pub(crate) fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
