//! Work that time brings: retention, compaction, expiry of producers, checkpoints, closing idle logs.
//!
//! Sweeps visit partitions one after the other and stay off the data path: each takes the writer's turn only for as long
//! as it changes the log. A partition whose log is closed is skipped, apart from retention, which opens one that holds
//! data at most once an hour, and leaves it open for the cleaner if compaction is due. What a log that is closed has not on
//! the device is brought there without opening it: if the machine goes down later, whatever it does, nothing is in doubt.

use super::{
    Host,
    partition::{Partition, State},
    queue::Need,
};
use crate::{config::BrokerConfig, file_disk::FileDisk, metrics::CleanerRun};
use controller::topic_config::TopicConfig;
use partition_log::{Cleaned, CleaningJob, Crash, DeletedFiles, StorageError};
use std::{
    cmp::Reverse,
    io,
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::time::{MissedTickBehavior, interval_at};

/// How often a closed log with data is opened to see whether any of it expired or waits for compaction.
const CLOSED_LOG_CHECK_MS: i64 = 3_600_000;
/// A log nobody used for so long is closed: its descriptor and buffers go.
const IDLE_MS: i64 = 600_000;
/// Compaction that failed is tried again after this long: most often it meets the same damaged batch, after reading all
/// before it.
const FAILED_CLEANING_MS: i64 = 600_000;
/// Between two chances for other disk work.
const CLEANING_STEP_BYTES: u64 = 8 << 20;
/// Memory for the dirty keys of one compaction, whatever `log.cleaner.dedupe.buffer.size` says.
const LARGEST_MAP_BYTES: u64 = 128 << 20;

/// Starts every sweep. Each ends when the host is gone.
pub(super) fn start(host: &Arc<Host>, config: &BrokerConfig) {
    let ms = Duration::from_millis;
    let delay = ms(config.log.initial_task_delay_ms);
    let map_bytes = config.cleaner.dedupe_buffer_bytes.min(LARGEST_MAP_BYTES) as usize;
    let retention = ms(config.log.retention_check_interval_ms);
    sweep(host, delay, retention, |host| async move { host.apply_retention().await });
    let checkpoints = ms(config.log.recovery_point_checkpoint_interval_ms);
    sweep(host, checkpoints, checkpoints, |host| async move {
        // Logged where it failed; the next one tries again.
        host.checkpoint().await.ok();
    });
    let backoff = ms(config.cleaner.backoff_ms);
    let alive = Arc::new(host.metrics.log().cleaner.sweep());
    sweep(host, delay.min(backoff), backoff, move |host| {
        let alive = Arc::clone(&alive);
        async move {
            host.clean(map_bytes).await;
            drop(alive);
        }
    });
    let expiry = ms(config.producers.id_expiration_check_interval_ms);
    sweep(host, expiry, expiry, |host| async move { host.expire_producers().await });
}

fn sweep<F>(host: &Arc<Host>, delay: Duration, period: Duration, mut work: impl FnMut(Arc<Host>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let weak: Weak<Host> = Arc::downgrade(host);
    let task = host.runtime.spawn(async move {
        let mut ticks = interval_at(tokio::time::Instant::now() + delay, period.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(host) = weak.upgrade() else { return };
            work(host).await;
        }
    });
    host.tasks.lock().push(task);
}

impl Host {
    /// Deletes what retention no longer covers, closes logs nobody used since long, and flushes those that are closed.
    pub(super) async fn apply_retention(&self) {
        for partition in self.all() {
            let now = self.clock.wall().as_ms();
            if partition.state() == State::Failed {
                // Perhaps the disk works again. If not, it said so in the log.
                partition.ensure_open().await;
            }
            if partition.view().is_none() && !partition.wants_closed_check(now) {
                partition.flush_if_closed().await;
                continue;
            }
            partition.next_closed_check.store(now + CLOSED_LOG_CHECK_MS, Ordering::Relaxed);
            let idle = now - partition.last_use.load(Ordering::Relaxed) > IDLE_MS;
            let applied = partition.exclusive(Need::LogAndDevice, move |partition, writer| {
                let high_watermark = partition.offsets().high_watermark;
                let now = partition.host.clock.wall();
                let deleted = writer.log().map(|log| log.apply_retention(now, high_watermark));
                let awaits_cleaning = writer.log().is_some_and(|log| log.is_cleaning_due(now, high_watermark));
                if let Some(Err(_)) = &deleted {
                    partition.distrust(writer, Crash::Process);
                } else if idle && !awaits_cleaning {
                    partition.close_log(writer);
                    partition.flush_closed(writer);
                }
                if matches!(&deleted, Some(Ok(files)) if !files.is_empty()) && writer.replica.follower_mut().is_some() {
                    // An idle replica tells its leader nothing by itself, and the leader sends consumers there (KIP-392).
                    partition.host.moved.add(Arc::clone(partition));
                }
                deleted
            });
            if let Some(Some(deleted)) = applied.await {
                partition.remove_later("apply retention", deleted);
            }
        }
    }

    pub(super) async fn checkpoint(&self) -> io::Result<()> {
        self.manifest.checkpoint().await.inspect_err(|error| {
            self.metrics.log().storage_errors.add(1);
            tracing::error!(%error, "checkpoint of partitions failed");
        })
    }

    pub(super) async fn expire_producers(&self) {
        for partition in self.all() {
            if partition.view().is_some() {
                let expired = partition.exclusive(Need::Nothing, |partition, writer| {
                    let now = partition.host.clock.wall();
                    writer.log().map(|log| log.expire_producers(now))
                });
                expired.await;
            }
        }
    }

    pub(super) async fn clean(&self, map_bytes: usize) {
        for partition in self.dirtiest_first().await {
            let job = partition.exclusive(Need::LogAndDevice, move |partition, writer| {
                let (now, high_watermark) = (partition.host.clock.wall(), partition.offsets().high_watermark);
                writer.log().and_then(|log| log.cleaning_job(now, high_watermark, map_bytes))
            });
            if let Some(Some(job)) = job.await {
                partition.clean(job).await;
            }
        }
    }

    /// Open logs whose compaction is due, in Kafka's order.
    pub(super) async fn dirtiest_first(&self) -> Vec<Arc<Partition>> {
        let mut due = Vec::new();
        let (mut dirtiest, mut overdue_ms) = (0, 0);
        for partition in self.all() {
            if partition.view().is_none() || !partition.may_be_cleaned() {
                continue;
            }
            let dirt = partition.exclusive(Need::LogAndDevice, |partition, writer| {
                let (now, high_watermark) = (partition.host.clock.wall(), partition.offsets().high_watermark);
                writer.log().and_then(|log| log.dirt(now, high_watermark))
            });
            if let Some(Some(dirt)) = dirt.await {
                dirtiest = dirt.permille.max(dirtiest);
                overdue_ms = dirt.overdue_ms.max(overdue_ms);
                if dirt.is_due {
                    due.push((Reverse(dirt.permille), partition));
                }
            }
        }
        self.metrics.log().cleaner.looked(dirtiest, overdue_ms);
        due.sort_by_key(|(dirt, _)| *dirt);
        due.into_iter().map(|(_, partition)| partition).collect()
    }
}

impl Partition {
    /// Whether data of a closed log may have expired, or wait for compaction, unseen.
    fn wants_closed_check(&self, now_ms: i64) -> bool {
        let settings = self.topic.settings.load();
        let limited = settings.retention_ms.is_some() || settings.retention_bytes.is_some();
        let due = now_ms >= self.next_closed_check.load(Ordering::Relaxed);
        let changes = settings.cleanup_policy.compact || settings.cleanup_policy.delete && limited;
        self.state() == State::Serving && self.size() > 0 && due && changes
    }

    async fn flush_if_closed(self: &Arc<Self>) {
        let is_unflushed = self.exclusive(Need::Nothing, |_, writer| writer.is_unflushed());
        if is_unflushed.await == Some(true) {
            self.exclusive(Need::Device, Self::flush_closed).await;
        }
    }

    fn may_be_cleaned(&self) -> bool {
        let not_before = self.next_cleaning.load(Ordering::Relaxed);
        self.topic.settings.load().cleanup_policy.compact && self.host.clock.wall().as_ms() >= not_before
    }

    /// Its last compaction failed.
    pub(crate) fn is_uncleanable(&self) -> bool {
        self.next_cleaning.load(Ordering::Relaxed) != 0 && self.topic.settings.load().cleanup_policy.compact
    }

    async fn clean(self: &Arc<Self>, job: CleaningJob<FileDisk>) {
        let metrics = &self.host.metrics.log().cleaner;
        let started = Instant::now();
        match self.run_cleaning(job).await {
            Ok(Some(cleaned)) => {
                let (bytes_read, bytes_written) = cleaned.sizes();
                let map_percent = cleaned.map_percent();
                let swapped = self.exclusive(Need::LogAndDevice, |partition, writer| {
                    let swapped = writer.log().map(|log| log.finish_cleaning(cleaned));
                    // Half a swap: old segments may be gone from the disk that readers still look for.
                    if let Some(Err(_)) = &swapped {
                        partition.distrust(writer, Crash::Process);
                    }
                    swapped
                });
                if let Some(Some(deleted)) = swapped.await {
                    if deleted.is_ok() {
                        self.next_cleaning.store(0, Ordering::Relaxed);
                        metrics.ran(CleanerRun { took: started.elapsed(), bytes_read, bytes_written, map_percent });
                    }
                    self.remove_later("swap cleaned segments", deleted);
                }
            }
            Ok(None) => {}
            Err(error) => {
                let again = self.host.clock.wall().as_ms() + FAILED_CLEANING_MS;
                self.next_cleaning.store(again, Ordering::Relaxed);
                metrics.failures.add(1);
                self.storage_failed("clean log", &error);
            }
        }
    }

    /// Reads and writes on the disk pool, in steps. `None` if the broker is ending.
    async fn run_cleaning(
        self: &Arc<Self>,
        mut job: CleaningJob<FileDisk>,
    ) -> Result<Option<Cleaned<FileDisk>>, StorageError> {
        loop {
            let stepped = self.host.pool.run(move || (job.step(CLEANING_STEP_BYTES), job)).await;
            let Some((done, rest)) = stepped else { return Ok(None) };
            match done? {
                Some(cleaned) => return Ok(Some(cleaned)),
                None if self.state() == State::Deleted => return Ok(None),
                None => job = rest,
            }
        }
    }

    /// Running fetches may still read the files: they go after `file.delete.delay.ms`.
    pub(super) fn remove_later(&self, action: &'static str, deleted: Result<Vec<DeletedFiles>, StorageError>) {
        let deleted = match deleted {
            Ok(deleted) => deleted,
            Err(error) => return self.storage_failed(action, &error),
        };
        if deleted.is_empty() {
            return;
        }
        let (segments, bytes) = (deleted.len(), deleted.iter().map(|files| files.bytes).sum::<u64>());
        tracing::info!(topic = %self.id.topic, partition = %self.id.partition, segments, bytes, action, "segments removed");
        let (disk, pool) = (self.host.disk.clone(), self.host.pool.clone());
        let delay = delete_delay(&self.topic.settings.load());
        self.host.runtime.spawn(async move {
            tokio::time::sleep(delay).await;
            pool.spawn(move || {
                for files in deleted {
                    if let Err(error) = files.remove_from(&disk) {
                        tracing::warn!(%error, "removed segment stays on disk until the next start");
                    }
                }
            });
        });
    }
}

pub(super) fn delete_delay(settings: &TopicConfig) -> Duration {
    Duration::from_millis(u64::try_from(settings.file_delete_delay_ms).unwrap_or(0))
}
