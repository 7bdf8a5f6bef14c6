//! L1 and L2: `rdkafka_performance`, the load tool of librdkafka, the library beneath most clients. In the floor's place
//! stands the broker that the library mocks in the tool's own process: it can do no more than this client asks. Its topics
//! always have four partitions, of which the cases with six use all.

use super::{ALL, BROKERS, Case, Need, Subject, Topic, consume};
use crate::{client, figures::Figures, frames::BatchShape, machine::warm_memory, systems::Kind};
use anyhow::{Context, Result, bail, ensure};
use protocol::compression::Compression;
use std::{path::Path, process::Command};

/// Of the values of one pass: as many as fit into the page cache of a small machine before writers have to wait.
const BYTES: u64 = 1 << 30;
const BATCH_BYTES: usize = 16 << 10;
/// How often the tool says how far it is. It looks for its end as often.
const REPORT_MS: &str = "100";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, size) in [("100", 100), ("1k", 1_024)] {
        for partitions in [1, 6] {
            let about = format!("librdkafka produces {size} B, acks=all, {partitions} partitions");
            let produce = move |subject: &Subject| subject.until_warm(|subject| produce(subject, size, partitions));
            cases.push(Case::new(format!("L1/{name}x{partitions}"), about, ALL, produce));
        }
    }
    for (name, size) in [("100", 100), ("1k", 1_024)] {
        let about = format!("librdkafka reads records of {size} B from the page cache");
        let consume = move |subject: &Subject| subject.until_warm(|subject| consume(subject, size));
        cases.push(Case::new(format!("L2/{name}"), about, BROKERS, consume));
    }
    cases.into_iter().map(|case| case.needing(Need::Librdkafka)).collect()
}

/// The tool, if it was built along with this program.
pub(crate) fn tool() -> Result<Command> {
    let path = option_env!("RDKAFKA_PERFORMANCE").filter(|path| Path::new(path).exists());
    let mut command = Command::new(path.context("librdkafka is not built, as `make bench` does it")?);
    command.args(["-i", REPORT_MS]);
    Ok(command)
}

fn produce(subject: &Subject, size: u64, partitions: i32) -> Result<Figures> {
    warm_memory(&subject.spare_folder, BYTES)?;
    let topic = Topic::create(subject, partitions, &[])?;
    let count = BYTES / size;
    let mut command = tool()?;
    command.args(["-P", "-a", "-1", "-t", &topic.name, "-s", &size.to_string(), "-c", &count.to_string()]);
    command.args(["-X", "queue.buffering.max.messages=1000000", "-X", "linger.ms=5"]);
    if partitions == 1 {
        command.args(["-p", "0"]);
    }
    match subject.kind {
        Kind::Floor => command.args(["-X", "test.mock.num.brokers=1"]),
        Kind::Ours | Kind::Kafka => command.args(["-b", &subject.address.to_string()]),
    };
    let mut ran = client::run(command, subject)?;
    if subject.kind == Kind::Floor {
        // The floor has nothing to do with it.
        ran.cpu = None;
    }
    topic.delete()?;
    // Its exit status is a failure whenever its queue was full for a moment, so the count decides.
    let Some((delivered, per_second)) = ran.output.lines().rev().find_map(delivered) else {
        bail!("the tool does not say what was delivered:\n{}", ran.last_words())
    };
    ensure!(delivered == count, "{delivered} of {count} records were delivered");
    Ok(ran.figures(count, per_second))
}

fn consume(subject: &Subject, size: u64) -> Result<Figures> {
    let topic = Topic::create(subject, 1, &[])?;
    consume::fill(subject, &topic.name, BatchShape::filling(BATCH_BYTES, size as usize, Compression::None), BYTES)?;
    let count = BYTES / size;
    let mut command = tool()?;
    command.args(["-C", "-t", &topic.name, "-p", "0", "-o", "beginning", "-c", &count.to_string()]);
    command.args(["-b", &subject.address.to_string()]);
    let ran = client::run(command, subject)?;
    topic.delete()?;
    let Some((consumed, per_second)) = ran.output.lines().rev().find_map(consumed) else {
        bail!("the tool does not say what was read:\n{}", ran.last_words())
    };
    // It may get a few more than it asked for.
    ensure!(consumed >= count, "{consumed} of {count} records were read");
    Ok(ran.figures(consumed, per_second))
}

/// How many, and how many a second: `…, 6000000 delivered (offset …, 0 failed) in 1959ms: 3061340 msgs/s and …`
fn delivered(line: &str) -> Option<(u64, f64)> {
    let count = line.split_once(" delivered")?.0.rsplit(' ').next()?.parse().ok()?;
    Some((count, per_second(line)?))
}

/// `% 3000000 messages (300000000 bytes) consumed in 926ms: 3238677 msgs/s (323.87 MB/s)`
fn consumed(line: &str) -> Option<(u64, f64)> {
    let count = line.strip_prefix("% ")?.split(' ').next()?.parse().ok()?;
    Some((count, per_second(line)?))
}

fn per_second(line: &str) -> Option<f64> {
    line.split_once(" msgs/s")?.0.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tool_says_is_understood() {
        let line = "% 585937 messages produced (599999488 bytes), 490818 delivered (offset 180828, 0 failed) in 300ms: \
                    1632794 msgs/s and 1671.98 MB/s, 0 produce failures, 95119 in queue, no compression";
        assert_eq!(delivered(line), Some((490_818, 1_632_794.0)));
        let line = "% 3000000 messages (300000000 bytes) consumed in 926ms: 3238677 msgs/s (323.87 MB/s)";
        assert_eq!(consumed(line), Some((3_000_000, 3_238_677.0)));
        assert_eq!(consumed("% Average application fetch latency: 0us"), None);
    }
}
