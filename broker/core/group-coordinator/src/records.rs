//! The records of `__consumer_offsets`, in Kafka's formats.
//!
//! ```text
//! key    version 0, 1   offset of a group      group, topic, partition
//!        version 2      group                  group
//!        others         KIP-848, KIP-932 ...   skipped
//! value  offset         0..=4 read; 4 written, or 1 where it has an expiry of its own
//!        group          0..=4 read; 3 written
//! ```
//!
//! Every key and value begins with its version as a 16-bit number. What is written is what Kafka 4.3 writes.

mod batches;
mod group_metadata;
mod offset_commit;
#[cfg(test)]
mod tests;
mod writing;

pub use batches::{EncodedBatch, encode_batches};

use crate::{
    ids::{Generation, InstanceId, MemberId},
    offsets::CommittedOffset,
};
use bytes::Bytes;
use model::{GroupId, PartitionIndex, TopicName, WallTime};
use protocol::wire::{Reader, WireError};
use std::sync::Arc;
use thiserror::Error;

/// One record; no value is a tombstone.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Group { group: GroupId, value: Option<Arc<GroupMetadata>> },
    Offset { group: GroupId, topic: TopicName, partition: PartitionIndex, value: Option<CommittedOffset> },
}

/// A group as it stood at the end of a rebalance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    pub protocol_type: Arc<str>,
    pub generation: Generation,
    pub protocol: Option<Arc<str>>,
    pub leader: Option<MemberId>,
    /// When the group came to its state; absent before value version 2.
    pub current_state_timestamp: Option<WallTime>,
    pub members: Vec<RecordedMember>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedMember {
    pub member: MemberId,
    pub instance: Option<InstanceId>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
}

/// Why bytes are not a record of this topic, or a record cannot become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    #[error("record has no key")]
    NoKey,
    #[error("value version {0} is not known")]
    ValueVersion(i16),
    #[error("{0} bytes follow where the record should end")]
    Excess(usize),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("a text of {0} bytes does not fit into a record")]
    TextTooLong(usize),
    #[error("a record of {0} bytes does not fit into a batch")]
    TooLarge(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    Record(Record),
    /// Of a kind that this coordinator does not keep: newer group types, or a later version of Kafka.
    Other {
        key_version: i16,
    },
}

const OFFSET_KEY_VERSION: i16 = 1;
const GROUP_KEY_VERSION: i16 = 2;

pub(crate) fn encode(record: &Record) -> Result<(Vec<u8>, Option<Vec<u8>>), RecordError> {
    let mut key = Vec::new();
    let value = match record {
        Record::Group { group, value } => {
            writing::put_i16(&mut key, GROUP_KEY_VERSION);
            writing::put_string(&mut key, group)?;
            value.as_deref().map(group_metadata::encode).transpose()?
        }
        Record::Offset { group, topic, partition, value } => {
            writing::put_i16(&mut key, OFFSET_KEY_VERSION);
            writing::put_string(&mut key, group)?;
            writing::put_string(&mut key, topic)?;
            writing::put_i32(&mut key, partition.0);
            value.as_ref().map(offset_commit::encode).transpose()?
        }
    };
    Ok((key, value))
}

/// Bounded by the bytes it is given: counts and lengths are only believed as far as bytes follow.
pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Decoded, RecordError> {
    let mut key = Reader::new(key.ok_or(RecordError::NoKey)?);
    let key_version = key.i16()?;
    let record = match key_version {
        0 | OFFSET_KEY_VERSION => {
            let group = GroupId::from(key.string(false)?);
            let topic = TopicName::from(key.string(false)?);
            let partition = PartitionIndex(key.i32()?);
            Record::Offset { group, topic, partition, value: value.map(offset_commit::decode).transpose()? }
        }
        GROUP_KEY_VERSION => {
            let group = GroupId::from(key.string(false)?);
            let value = value.map(group_metadata::decode).transpose()?;
            Record::Group { group, value: value.map(Arc::new) }
        }
        _ => return Ok(Decoded::Other { key_version }),
    };
    expect_end(&key)?;
    Ok(Decoded::Record(record))
}

fn expect_end(reader: &Reader<'_>) -> Result<(), RecordError> {
    if reader.is_empty() { Ok(()) } else { Err(RecordError::Excess(reader.remaining())) }
}
