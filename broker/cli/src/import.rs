//! A partition's folder of Apache Kafka, copied into a data folder of weir-broker.
//!
//! Every batch is read and checked on the way. Two things are not copied as they are: the leader epochs, which count the
//! elections of another cluster and become 0, the first epoch of a topic here (they lie outside the checksums); and the
//! indexes, which the broker makes anew. `partition.metadata` names a topic id of the other cluster and stays behind.
//! Producer ids are kept, so that what a producer sends again is known; the broker is told to give none of them away.

mod data_folder;
mod files;
mod segment;
#[cfg(test)]
mod tests;

pub(crate) use data_folder::DataFolder;

use anyhow::{Context, bail, ensure};
use model::{Offset, PartitionIndex};
use segment::Walk;
use std::path::{Path, PathBuf};

/// More than a million producers, at 46 bytes each.
const LARGEST_SNAPSHOT: u64 = 64 << 20;
const LONGEST_TOPIC: usize = 249;

/// What became of one folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) topic: String,
    pub(crate) partition: PartitionIndex,
    pub(crate) log_start: Offset,
    pub(crate) log_end: Offset,
    pub(crate) records: u64,
    pub(crate) segments: usize,
}

/// Copies the partition at `folder`. Nothing of it is in the target unless all of it is good.
pub(crate) fn import(folder: &Path, target: &DataFolder) -> anyhow::Result<Imported> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (topic, partition) = topic_and_partition(name).with_context(|| {
        format!(
            "{}: not the folder of a partition, which is called TOPIC-NUMBER as Kafka writes them",
            folder.display()
        )
    })?;
    ensure!(
        !topic.starts_with("__"),
        "{name}: {topic} belongs to the cluster it was written in; groups and transactions cannot be imported"
    );
    data_folder::refuse_other_than_stopped_kafka(folder)?;
    target.refuse_existing(name)?;
    let segments = segments(folder)?;
    let Some((log_start, _)) = segments.first().cloned() else {
        bail!("{}: there is no segment in it, no file that ends in .log", folder.display());
    };

    let unfinished = target.unfinished(name)?;
    let copied = copy_partition(folder, &segments, &unfinished);
    let walk = match copied {
        Ok(walk) => walk,
        Err(error) => {
            target.abandon(&unfinished);
            return Err(error.context(name.to_owned()));
        }
    };
    target.reserve_producer_ids(walk.next_producer_id)?;
    target.finish(&unfinished, name)?;
    Ok(Imported {
        topic: topic.to_owned(),
        partition,
        log_start,
        log_end: walk.next_offset,
        records: walk.records,
        segments: segments.len(),
    })
}

fn copy_partition(folder: &Path, segments: &[(Offset, PathBuf)], unfinished: &Path) -> anyhow::Result<Walk> {
    let log_start = segments[0].0;
    let mut walk = Walk::new(log_start);
    for (base, path) in segments {
        walk.copy(*base, path, &unfinished.join(files::name(*base, "log")))?;
        let aborted = path.with_extension("txnindex");
        if aborted.exists() {
            files::copy(&aborted, &unfinished.join(files::name(*base, "txnindex")), u64::MAX)?;
        }
    }
    let open: Vec<String> = walk.open_transactions().map(|producer| producer.to_string()).collect();
    ensure!(
        open.is_empty(),
        "transactions of the producers {} are open; start Kafka, let them end or abort them with \
         kafka-transactions, and stop it again",
        open.join(", ")
    );
    copy_snapshots(folder, unfinished, walk.next_offset)?;
    let epochs = format!("0\n1\n0 {log_start}\n");
    files::write(&unfinished.join("leader-epoch-checkpoint"), epochs.as_bytes())?;
    Ok(walk)
}

/// A name that the broker would give: it takes no other for a partition.
fn topic_and_partition(name: &str) -> Option<(&str, PartitionIndex)> {
    let (topic, number) = name.rsplit_once('-')?;
    let partition = number.parse::<i32>().ok().filter(|partition| partition.to_string() == number)?;
    is_legal_topic(topic).then_some((topic, PartitionIndex(partition)))
}

fn is_legal_topic(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=LONGEST_TOPIC).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal)
}

fn segments(folder: &Path) -> anyhow::Result<Vec<(Offset, PathBuf)>> {
    for unfinished in ["cleaned", "swap"] {
        if let Some(path) = files::with_suffix(folder, unfinished)?.first() {
            bail!("{}: Kafka did not finish a compaction; start it, and stop it in order", path.display());
        }
    }
    files::by_offset(folder, "log")
}

/// What idempotent producers wrote last, so that what they send again is known for what it is.
fn copy_snapshots(folder: &Path, unfinished: &Path, log_end: Offset) -> anyhow::Result<()> {
    for (offset, path) in files::by_offset(folder, "snapshot")?.into_iter().filter(|(offset, _)| *offset <= log_end) {
        files::copy(&path, &unfinished.join(files::name(offset, "snapshot")), LARGEST_SNAPSHOT)?;
    }
    Ok(())
}
