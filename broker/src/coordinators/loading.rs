//! Reading a partition of the offsets topic back into a coordinator.

use crate::partitions::{Change, Isolation, Partition, ReadError, ReadRequest, Unavailable, Watcher};
use group_coordinator::{GroupConfig, GroupCoordinator, Loaded, end_of_load};
use model::LeaderEpoch;
use protocol::record_batch::BatchError;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, Semaphore};

/// A partition that cannot be read now is tried again after this long: it may be the disk's mood, of whose end nobody tells.
const RETRY: Duration = Duration::from_secs(5);
/// Decoding this much takes about a millisecond or two of a worker that also serves connections.
const CHUNK_BYTES: u32 = 256 << 10;

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("read: {0}")]
    Read(#[from] ReadError),
    #[error("decode: {0}")]
    Batch(#[from] BatchError),
    #[error("nothing can be read at {at}, before the end at {end}")]
    Short { at: i64, end: i64 },
    #[error("the partition is not led here yet, or not all of it is committed")]
    NotReady,
}

/// Wakes who waits until a partition can be loaded.
#[derive(Debug, Default)]
struct Moved(Notify);

impl Watcher for Moved {
    fn changed(&self, _index: u32, change: Change) {
        if matches!(change, Change::Committed { .. } | Change::State) {
            self.0.notify_one();
        }
    }
}

/// Until it is there, which the end of the leadership may have to end. `None` if the broker is ending.
pub(super) async fn load(
    partition: &Arc<Partition>,
    leader_epoch: LeaderEpoch,
    config: &GroupConfig,
    loads: &Semaphore,
    chunk_bytes: u32,
) -> Option<GroupCoordinator> {
    // In this order: positions seen before the check may be those of a log that was not recovered yet.
    if partition.check(leader_epoch).is_ok() && is_empty(partition) {
        // Nothing was ever written: no file is touched.
        return Some(GroupCoordinator::new(config.clone()));
    }
    let moved = Arc::new(Moved::default());
    let watcher: Arc<dyn Watcher> = moved.clone();
    // Ends with the watcher.
    partition.subscribe(Arc::downgrade(&watcher), 0);
    loop {
        let mut loaded = Loaded::default();
        let turn = loads.acquire().await.ok()?;
        let read = read_all(partition, leader_epoch, config, chunk_bytes.min(CHUNK_BYTES), &mut loaded).await;
        drop(turn);
        match read {
            Ok(coordinator) => {
                report(partition, &loaded);
                return Some(coordinator);
            }
            // Of what moved since before the look it is told.
            Err(LoadError::NotReady) => moved.0.notified().await,
            Err(error) => {
                tracing::error!(partition = %partition.id(), %error, "group coordinator cannot load its partition");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn is_empty(partition: &Partition) -> bool {
    let offsets = partition.offsets();
    offsets.log_start == offsets.log_end
}

async fn read_all(
    partition: &Arc<Partition>,
    leader_epoch: LeaderEpoch,
    config: &GroupConfig,
    max_bytes: u32,
    loaded: &mut Loaded,
) -> Result<GroupCoordinator, LoadError> {
    let mut coordinator = GroupCoordinator::new(config.clone());
    // Has the log open, and recovered; only then are its positions certain. Of a log that is just being opened nobody is told
    // that it serves: to ask for its producers waits for that, as a read may not.
    partition.producers().await;
    // In this order: once the epoch is there, nothing of an earlier leadership is appended any more.
    partition.check(leader_epoch).map_err(|unavailable| match unavailable {
        Unavailable::Storage => LoadError::Read(ReadError::Storage),
        Unavailable::NotServed(_) | Unavailable::Recovering | Unavailable::Deleted => LoadError::NotReady,
    })?;
    let offsets = partition.offsets();
    let end = end_of_load(offsets.high_watermark, offsets.log_end).ok_or(LoadError::NotReady)?;
    let mut from = offsets.log_start;
    while from < end {
        let read = partition.read(ReadRequest { from, max_bytes, isolation: Isolation::ReadUncommitted }).await?;
        if read.batches.is_empty() || read.next_offset <= from {
            return Err(LoadError::Short { at: from.0, end: end.0 });
        }
        coordinator.load(&read.batches, loaded)?;
        from = read.next_offset;
    }
    Ok(coordinator)
}

fn report(partition: &Partition, loaded: &Loaded) {
    let Loaded { records, skipped, broken, first_broken } = loaded;
    if let Some((offset, error)) = first_broken {
        let (partition, offset) = (partition.id(), offset.0);
        tracing::error!(%partition, offset, broken, %error, "group coordinator left out broken records");
    }
    if *skipped > 0 {
        // Groups of newer kinds than the classic one: KIP-848, KIP-932.
        tracing::warn!(partition = %partition.id(), skipped, "group coordinator skipped records of other kinds");
    }
    tracing::debug!(partition = %partition.id(), records, "group coordinator loaded");
}
