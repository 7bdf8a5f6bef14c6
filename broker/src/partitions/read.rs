//! Reading a partition from inside the broker: coordinators load their state this way. Fetch has its own, leaner way.

use super::{
    append::{AppendError, AppendRequest, AppendSink, Appended, RequiredAcks},
    partition::{LogView, Partition},
};
use bytes::Bytes;
use model::{LeaderEpoch, Offset};
use parking_lot::Mutex;
use partition_log::{DiskFile, PreparedBatch, ReadRange};
use protocol::record_batch::Batches;
use replication::FetchIsolation;
use std::sync::Arc;
use tokio::sync::oneshot;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Up to the high watermark.
    ReadUncommitted,
    /// Up to the last stable offset.
    ReadCommitted,
}

impl From<Isolation> for FetchIsolation {
    fn from(isolation: Isolation) -> Self {
        match isolation {
            Isolation::ReadUncommitted => Self::HighWatermark,
            Isolation::ReadCommitted => Self::TxnCommitted,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadRequest {
    pub(crate) from: Offset,
    /// At least one whole batch is returned even if it is larger.
    pub(crate) max_bytes: u32,
    pub(crate) isolation: Isolation,
}

#[derive(Debug, Clone)]
pub(crate) struct ReadResult {
    /// Whole batches; the first may begin before the offset asked for. Empty at the end of what may be read.
    pub(crate) batches: Bytes,
    /// Where the next read goes on.
    pub(crate) next_offset: Offset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("offset below the log start or above the log end")]
    OutOfRange,
    #[error("the disk failed")]
    Storage,
    #[error("the stored bytes do not match their checksum")]
    Corrupt,
}

/// The view a plan was made with may lose a segment to retention; the newest one has it no more.
const TRIES: usize = 4;

impl Partition {
    /// Opens the log if need be, and reads on the disk pool.
    pub(crate) async fn read(self: &Arc<Self>, request: ReadRequest) -> Result<ReadResult, ReadError> {
        if !self.ensure_open().await {
            return Err(ReadError::Storage);
        }
        let partition = Arc::clone(self);
        self.host.pool.run(move || partition.read_now(request)).await.unwrap_or(Err(ReadError::Storage))
    }

    fn read_now(&self, request: ReadRequest) -> Result<ReadResult, ReadError> {
        for _ in 0..TRIES {
            let Some(view) = self.view() else { return Err(ReadError::Storage) };
            let offsets = self.offsets();
            let below = offsets.readable_end(request.isolation.into());
            match read_view(&view, request, below) {
                Err(partition_log::ReadError::Outdated) => {}
                Ok(result) => return Ok(result),
                Err(error) => return Err(self.read_failed(&error)),
            }
        }
        Err(ReadError::Storage)
    }

    /// Names the error for a client; what the disk did is logged here.
    pub(crate) fn read_failed(&self, error: &partition_log::ReadError) -> ReadError {
        match error {
            partition_log::ReadError::OffsetOutOfRange { .. } => ReadError::OutOfRange,
            partition_log::ReadError::Storage(partition_log::StorageError::Corrupt(corrupt)) => {
                tracing::error!(topic = %self.id.topic, partition = %self.id.partition, %corrupt, "stored batch is damaged");
                ReadError::Corrupt
            }
            error => {
                self.storage_failed("read", error);
                ReadError::Storage
            }
        }
    }

    /// Appends one batch in that leadership, or not at all, and waits for its result, as `acks` demands.
    pub(crate) async fn append_in_epoch(
        self: &Arc<Self>,
        leader_epoch: LeaderEpoch,
        batch: PreparedBatch,
        acks: RequiredAcks,
    ) -> Result<Appended, AppendError> {
        let (sender, receiver) = oneshot::channel();
        let sink = Arc::new(OneResult(Mutex::new(Some(sender))));
        self.append(AppendRequest { batch, acks, leader_epoch, sink, index: 0 }).await;
        receiver.await.unwrap_or(Err(AppendError::Storage))
    }

    /// In whichever leadership it is.
    #[cfg(test)]
    pub(crate) async fn append_and_wait(
        self: &Arc<Self>,
        batch: PreparedBatch,
        acks: RequiredAcks,
    ) -> Result<Appended, AppendError> {
        self.append_in_epoch(LeaderEpoch::UNKNOWN, batch, acks).await
    }
}

fn read_view(view: &LogView, request: ReadRequest, below: Offset) -> Result<ReadResult, partition_log::ReadError> {
    let ReadRequest { from, max_bytes, .. } = request;
    let range = ReadRange { from, below, max_bytes, at_least_one: true };
    let Some(mut plan) = view.plan_read(range, None)? else {
        return Ok(ReadResult { batches: Bytes::new(), next_offset: from });
    };
    let mut bytes = vec![0; plan.length as usize];
    let failed = |source| partition_log::StorageError::Io { action: "read batches", source };
    let read = plan.file.read_at(plan.position, &mut bytes).map_err(failed)?;
    bytes.truncate(read);
    if plan.needs_verification() {
        plan.verify(&bytes).map_err(partition_log::StorageError::from)?;
        bytes.truncate(plan.length as usize);
    }
    let last = Batches::new(&bytes).flatten().last();
    let next_offset = last.map_or(from, |batch| batch.header.next_offset());
    Ok(ReadResult { batches: bytes.into(), next_offset })
}

struct OneResult(Mutex<Option<oneshot::Sender<Result<Appended, AppendError>>>>);

impl AppendSink for OneResult {
    fn appended(&self, _index: u32, result: Result<Appended, AppendError>) {
        if let Some(sender) = self.0.lock().take() {
            // The caller may have given up waiting.
            sender.send(result).ok();
        }
    }
}
