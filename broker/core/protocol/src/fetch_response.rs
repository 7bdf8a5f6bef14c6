//! Fetch responses, versions 4 to 18, without the records: those stay files or buffers of the caller and are sent
//! between the pieces written here. The size of the frame is known before the first byte leaves.
//!
//! Followers read them with [`FetchResponse::read`].
//!
//! Fields a version lacks are left out, so handlers fill in all they know.

mod reading;
#[cfg(test)]
mod tests;

pub use reading::FOLLOWER_VERSION;

use crate::message_writer::MessageWriter;
pub use crate::message_writer::{LeaderHint, NodeEndpoint};
use bytes::Bytes;
use model::{BrokerId, LeaderEpoch, Offset, ProducerId, TopicId, TopicName};

/// Records of a partition, wherever they are: all the writer needs is how many bytes will be sent.
pub trait RecordsLength {
    fn length(&self) -> usize;
}

impl RecordsLength for Bytes {
    fn length(&self) -> usize {
        self.len()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse<R> {
    pub throttle_time_ms: i32,
    /// From version 7, as is the session id (KIP-227).
    pub error_code: i16,
    pub session_id: i32,
    pub topics: Vec<FetchTopicResult<R>>,
    /// From version 16 (KIP-951).
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchTopicResult<R> {
    /// To version 12.
    pub topic: TopicName,
    /// From version 13.
    pub topic_id: TopicId,
    pub partitions: Vec<FetchPartitionResult<R>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchPartitionResult<R> {
    pub index: i32,
    pub error_code: i16,
    pub high_watermark: Offset,
    pub last_stable_offset: Offset,
    /// From version 5.
    pub log_start_offset: Offset,
    /// From version 12 (KIP-595).
    pub diverging_epoch: Option<EpochEndOffset>,
    /// From version 12.
    pub current_leader: Option<LeaderHint>,
    /// Sorted by first offset, for consumers that read committed records; `None` for the others.
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// From version 11 (KIP-392).
    pub preferred_read_replica: Option<BrokerId>,
    /// Whole batches; length 0 where there are none.
    pub records: R,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEndOffset {
    pub epoch: LeaderEpoch,
    pub end_offset: Offset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    pub producer_id: ProducerId,
    pub first_offset: Offset,
}

/// What to send, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchPiece<R> {
    Bytes(Bytes),
    Records(R),
}

impl<R: RecordsLength> FetchResponse<R> {
    /// The whole frame, size first. Records of length 0 are not among the pieces.
    ///
    /// # Panics
    /// When header and records together reach 2 GiB; `fetch.max.bytes` keeps a response far below.
    pub fn into_pieces(self, version: i16, correlation_id: i32) -> Vec<FetchPiece<R>> {
        let partitions: usize = self.topics.iter().map(|topic| topic.partitions.len()).sum();
        let mut writer =
            MessageWriter::response(correlation_id, version >= 12, 64 + 48 * self.topics.len() + 64 * partitions);
        let mut extents = Vec::with_capacity(partitions);
        writer.i32(self.throttle_time_ms);
        if version >= 7 {
            writer.i16(self.error_code);
            writer.i32(self.session_id);
        }
        writer.count(Some(self.topics.len()));
        for topic in self.topics {
            if version >= 13 {
                writer.uuid(topic.topic_id.0.as_bytes());
            } else {
                writer.string(&topic.topic);
            }
            writer.count(Some(topic.partitions.len()));
            for partition in topic.partitions {
                partition.write(&mut writer, version, &mut extents);
            }
            writer.no_tags();
        }
        writer.endpoints(&self.node_endpoints, version >= 16);
        interleave(writer, extents)
    }
}

/// Records and where they belong in what was written.
struct Extent<R> {
    position: usize,
    records: R,
}

fn interleave<R: RecordsLength>(writer: MessageWriter, extents: Vec<Extent<R>>) -> Vec<FetchPiece<R>> {
    let elsewhere = extents.iter().map(|extent| extent.records.length()).sum();
    let mut written = Bytes::from(writer.finish(elsewhere));
    let mut pieces = Vec::with_capacity(2 * extents.len() + 1);
    let mut taken = 0;
    for extent in extents {
        pieces.push(FetchPiece::Bytes(written.split_to(extent.position - taken)));
        taken = extent.position;
        pieces.push(FetchPiece::Records(extent.records));
    }
    if !written.is_empty() {
        pieces.push(FetchPiece::Bytes(written));
    }
    pieces
}

impl<R: RecordsLength> FetchPartitionResult<R> {
    fn write(self, writer: &mut MessageWriter, version: i16, extents: &mut Vec<Extent<R>>) {
        writer.i32(self.index);
        writer.i16(self.error_code);
        writer.i64(self.high_watermark.0);
        writer.i64(self.last_stable_offset.0);
        if version >= 5 {
            writer.i64(self.log_start_offset.0);
        }
        writer.count(self.aborted_transactions.as_ref().map(Vec::len));
        for aborted in self.aborted_transactions.iter().flatten() {
            writer.i64(aborted.producer_id.0);
            writer.i64(aborted.first_offset.0);
            writer.no_tags();
        }
        if version >= 11 {
            writer.i32(self.preferred_read_replica.map_or(-1, |replica| replica.0));
        }
        let length = self.records.length();
        writer.records_length(length);
        if length > 0 {
            extents.push(Extent { position: writer.out.len(), records: self.records });
        }
        write_tags(writer, version, self.diverging_epoch, self.current_leader);
    }
}

fn write_tags(writer: &mut MessageWriter, version: i16, diverging: Option<EpochEndOffset>, leader: Option<LeaderHint>) {
    if version < 12 {
        return;
    }
    writer.tag_count(usize::from(diverging.is_some()) + usize::from(leader.is_some()));
    if let Some(diverging) = diverging {
        writer.tag(0, |content| {
            content.i32(diverging.epoch.0);
            content.i64(diverging.end_offset.0);
            content.no_tags();
        });
    }
    if let Some(leader) = leader {
        writer.leader_hint(1, &leader);
    }
}
