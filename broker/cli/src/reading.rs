//! The loop of everything that prints records: until enough, until idle, until the end, or until told to stop.

use crate::{
    client::consumer::{ConsumedRecord, Consumer},
    output::Out,
    stop::Stop,
};
use anyhow::Context;
use std::{
    io,
    time::{Duration, Instant},
};

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) count: Option<u64>,
    /// End when no record came for so long.
    pub(crate) idle: Option<Duration>,
    /// End when everything there is has been read.
    pub(crate) at_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Enough,
    Idle,
    AtEnd,
    Stopped,
}

/// What was read, also when it ended badly.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) records: u64,
    pub(crate) outcome: anyhow::Result<Ended>,
}

/// What leaving a group and a last commit may take. A broker that is gone must not keep a person waiting.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Reads and shows records. Leaves the group and commits in any case; a second signal cuts that short.
pub(crate) async fn read(
    mut consumer: Consumer,
    limits: Limits,
    out: &mut Out,
    mut show: impl FnMut(&mut Out, &ConsumedRecord) -> io::Result<()>,
) -> Reading {
    let mut records = 0;
    let mut stop = match Stop::new() {
        Ok(stop) => stop,
        Err(error) => return Reading { records, outcome: Err(error.into()) },
    };
    let outcome = tokio::select! {
        outcome = read_until_end(&mut consumer, limits, out, &mut show, &mut records) => outcome,
        () = stop.asked() => Ok(Ended::Stopped),
    };
    let flushed = out.flush();
    let closed = tokio::select! {
        closed = tokio::time::timeout(CLOSE_PATIENCE, consumer.close()) => closed,
        () = stop.asked() => Ok(Ok(())),
    };
    let outcome = outcome.and_then(|ended| {
        flushed?;
        closed.context("leave the group")??;
        Ok(ended)
    });
    Reading { records, outcome }
}

async fn read_until_end(
    consumer: &mut Consumer,
    limits: Limits,
    out: &mut Out,
    show: &mut impl FnMut(&mut Out, &ConsumedRecord) -> io::Result<()>,
    records: &mut u64,
) -> anyhow::Result<Ended> {
    let mut idle_since = Instant::now();
    loop {
        if limits.count.is_some_and(|count| *records >= count) {
            return Ok(Ended::Enough);
        }
        let record = next(consumer, limits, idle_since, out).await?;
        match record {
            Next::Record(record) => {
                show(out, &record)?;
                *records += 1;
                idle_since = Instant::now();
            }
            Next::Nothing if limits.at_end && consumer.is_at_end() => return Ok(Ended::AtEnd),
            Next::Nothing if limits.idle.is_some_and(|idle| idle_since.elapsed() >= idle) => return Ok(Ended::Idle),
            Next::Nothing => {}
        }
    }
}

enum Next {
    Record(Box<ConsumedRecord>),
    Nothing,
}

/// While the end is looked for, it is looked at so often.
const END_CHECK_INTERVAL: Duration = Duration::from_millis(20);

async fn next(consumer: &mut Consumer, limits: Limits, idle_since: Instant, out: &mut Out) -> anyhow::Result<Next> {
    if let Some(record) = consumer.next(Some(Instant::now())).await? {
        return Ok(Next::Record(Box::new(record)));
    }
    // Nothing at hand: show what there is before waiting.
    out.flush()?;
    if limits.at_end && consumer.is_at_end() {
        return Ok(Next::Nothing);
    }
    let until_idle = limits.idle.map(|idle| idle_since + idle);
    let until_check = limits.at_end.then(|| Instant::now() + END_CHECK_INTERVAL);
    let until = until_idle.into_iter().chain(until_check).min();
    let record = consumer.next(until).await?;
    Ok(record.map_or(Next::Nothing, |record| Next::Record(Box::new(record))))
}
