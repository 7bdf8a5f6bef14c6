//! The follower's side of a replica: what it asks its leader for, and how the answer gets into the log.

use super::{
    Partitions,
    partition::{Partition, State},
    position::Position,
    queue::Need,
    writer::Writer,
};
use bytes::Bytes;
use model::{BrokerId, LeaderEpoch, MonotonicTime, Offset};
use partition_log::StorageError;
use protocol::record_batch::{BatchError, Batches};
use replication::{FetchAnswer, FollowerStep, NextFetch};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// A log that cannot be opened, or flushed, is tried again after this long.
const FAILED_LOG: Duration = Duration::from_secs(5);

/// Where a replica stands with its leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Following {
    /// It follows nobody: it leads, or nobody does, or it is gone.
    Nobody,
    Asks(NextFetch),
    /// Until then, or until it is among [`Partitions::moved`].
    Waits {
        leader: BrokerId,
        until: Option<MonotonicTime>,
    },
}

/// Records of a leader that must not get into the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// They were read after the leader that was asked had been replaced.
    #[error("a batch of leader epoch {found}, asked of the leader of epoch {asked}")]
    LaterEpoch { found: i32, asked: i32 },
}

impl Partitions {
    /// Waits for replicas that came to follow a leader, or do no more. One may be named several times.
    pub(crate) async fn moved(&self) -> Vec<Arc<Partition>> {
        self.host.moved.take().await
    }
}

impl Partition {
    /// What it would ask its leader now.
    pub(crate) async fn following(self: &Arc<Self>) -> Following {
        let need = if self.state() == State::Serving { Need::Nothing } else { Need::Log };
        self.exclusive(need, |partition, writer| partition.next_fetch(writer)).await.unwrap_or(Following::Nobody)
    }

    /// The leader's answer to `asked`; what it would ask next. With `flush.messages` that says "I have it" only once
    /// this device has it too.
    pub(crate) async fn take_answer(
        self: &Arc<Self>,
        asked: NextFetch,
        answer: FetchAnswer,
        records: Bytes,
    ) -> Following {
        if let FetchAnswer::Records { high_watermark, .. } = answer {
            self.leader_high_watermark.store(high_watermark.0, Ordering::Relaxed);
        }
        let need = self.need(&answer, &records);
        let taken = self.exclusive(need, move |partition, writer| {
            partition.take_steps(writer, asked, answer, &records);
            (!writer.flush.holds_back).then(|| partition.next_fetch(writer))
        });
        match taken.await {
            Some(Some(following)) => following,
            Some(None) => {
                Arc::clone(self).flush().await;
                self.following().await
            }
            None => Following::Nobody,
        }
    }

    fn need(&self, answer: &FetchAnswer, records: &Bytes) -> Need {
        let offsets = self.offsets();
        match answer {
            FetchAnswer::Records { high_watermark, log_start } => {
                let nothing_new = records.is_empty()
                    && *high_watermark.min(&offsets.log_end) <= offsets.high_watermark
                    && *log_start <= offsets.log_start;
                if nothing_new { Need::Nothing } else { Need::Log }
            }
            FetchAnswer::Diverging { .. } | FetchAnswer::OutOfRange { .. } => Need::LogAndDevice,
            FetchAnswer::FencedEpoch | FetchAnswer::NotNow => Need::Nothing,
        }
    }

    fn next_fetch(self: &Arc<Self>, writer: &mut Writer) -> Following {
        let now = self.host.clock.now();
        let position = Position::of(self, &writer.log);
        let Some(follower) = writer.replica.follower_mut() else { return Following::Nobody };
        let leader = follower.leader();
        match self.state() {
            State::Deleted => Following::Nobody,
            State::Failed | State::Recovering => Following::Waits { leader, until: Some(now + FAILED_LOG) },
            // To ask for what comes after records says that this replica has them.
            State::Serving if writer.flush.holds_back => {
                writer.flush.keeps_quiet = true;
                self.flush_held_back(writer);
                Following::Waits { leader, until: Some(now + FAILED_LOG) }
            }
            State::Serving => match follower.next_fetch(&position, now) {
                Some(next) => Following::Asks(next),
                None => Following::Waits { leader, until: follower.next_attempt() },
            },
        }
    }

    fn take_steps(self: &Arc<Self>, writer: &mut Writer, asked: NextFetch, answer: FetchAnswer, records: &Bytes) {
        let now = self.host.clock.now();
        let position = Position::of(self, &writer.log);
        let Some(follower) = writer.replica.follower_mut() else { return };
        for step in follower.answered(asked, answer, &position, now) {
            if let Err(error) = self.follow_step(writer, step, records) {
                self.storage_failed("replicate", &error);
                if let Some(follower) = writer.replica.follower_mut() {
                    follower.failed(now);
                }
                return;
            }
        }
    }

    fn follow_step(
        self: &Arc<Self>,
        writer: &mut Writer,
        step: FollowerStep,
        records: &Bytes,
    ) -> Result<(), StorageError> {
        let Some(log) = writer.log() else { return Ok(()) };
        let before = log.log_end();
        // Cuts wait for the device, on threads of their own.
        let append = matches!(step, FollowerStep::Append).then(|| self.host.disk_work.appends.begin());
        let taken = step.take(log, records, self.host.clock.wall());
        drop(append);
        // A step that failed half-way moved the log, too.
        let log_end = log.log_end();
        writer.flush.durable_end = log.recovery_point();
        let (topic, partition) = (&self.id.topic, self.id.partition);
        match (step, &taken) {
            (FollowerStep::Append, Ok(())) if records.is_empty() => {}
            (FollowerStep::Append, Ok(())) => {
                self.storage_works();
                self.host.metrics.replication().bytes_in.add(records.len() as u64);
                self.after_append(writer, records.len(), log_end);
            }
            (FollowerStep::Append, Err(_)) if log_end > before => {
                let bytes = size_below(log_end, records);
                self.host.metrics.replication().bytes_in.add(bytes as u64);
                self.after_append(writer, bytes, log_end);
            }
            (FollowerStep::TruncateTo(_), Ok(())) => {
                let (from, to) = (before.0, log_end.0);
                tracing::info!(%topic, %partition, from, to, "log cut back to what its leader has");
            }
            (FollowerStep::RestartAt(offset), Ok(())) => {
                tracing::warn!(%topic, %partition, offset = offset.0, "log begins anew, its leader has nothing before");
            }
            (FollowerStep::AdvanceHighWatermark(_) | FollowerStep::AdvanceLogStart(_), Ok(())) | (_, Err(_)) => {}
        }
        taken
    }
}

/// How much of the records an append took that got as far as `log_end`.
fn size_below(log_end: Offset, records: &[u8]) -> usize {
    let taken = Batches::new(records).map_while(Result::ok).take_while(|batch| batch.header.last_offset() < log_end);
    taken.map(|batch| batch.header.size_in_bytes()).sum()
}

/// What a leader sent is what a leader of that epoch may send. The log checks offsets itself.
pub(crate) fn check_records(records: &[u8], asked: LeaderEpoch) -> Result<(), Unfit> {
    for batch in Batches::new(records) {
        let batch = batch?;
        batch.check_crc()?;
        let found = batch.header.partition_leader_epoch;
        if found > asked {
            return Err(Unfit::LaterEpoch { found: found.0, asked: asked.0 });
        }
    }
    Ok(())
}
