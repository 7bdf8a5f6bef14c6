//! OffsetCommit requests, read in place: the codec lacks version 10, which names topics by id (KIP-848).
//!
//! ```text
//! group │ generation i32 │ member │ instance (from v7) │ retention i64 (to v4)
//! [ topic name (to v9) or id (v10) │ [ partition i32 │ offset i64 │ leader epoch i32 (from v6) │ metadata ] ]
//! ```
//! Flexible from version 8.

#[cfg(test)]
mod tests;

use crate::{
    topic_reference::TopicReference,
    wire::{Reader, WireError},
};
use model::{LeaderEpoch, Offset, PartitionIndex};
use std::ops::RangeInclusive;

pub const VERSIONS: RangeInclusive<i16> = 2..=10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitRequest<'a> {
    pub group_id: &'a str,
    pub generation_id: i32,
    pub member_id: &'a str,
    pub group_instance_id: Option<&'a str>,
    /// Only the versions up to 4 have a place for it.
    pub retention_time_ms: Option<i64>,
    pub topics: Vec<CommittedTopic<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedTopic<'a> {
    pub topic: TopicReference<'a>,
    pub partitions: Vec<CommittedPartition<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedPartition<'a> {
    pub index: PartitionIndex,
    pub offset: Offset,
    pub leader_epoch: LeaderEpoch,
    pub metadata: Option<&'a str>,
}

impl<'a> OffsetCommitRequest<'a> {
    /// # Errors
    /// Also for a version outside [`VERSIONS`].
    pub fn read(body: &'a [u8], version: i16) -> Result<Self, WireError> {
        if !VERSIONS.contains(&version) {
            return Err(WireError::Length(i64::from(version)));
        }
        let flexible = version >= 8;
        let reader = &mut Reader::new(body);
        let request = Self {
            group_id: reader.string(flexible)?,
            generation_id: reader.i32()?,
            member_id: reader.string(flexible)?,
            group_instance_id: if version >= 7 { reader.nullable_string(flexible)? } else { None },
            retention_time_ms: if version <= 4 { Some(reader.i64()?) } else { None },
            topics: reader.elements(flexible, |reader| topic(reader, version))?.ok_or(WireError::Null)?,
        };
        reader.skip_tags(flexible)?;
        Ok(request)
    }
}

fn topic<'a>(reader: &mut Reader<'a>, version: i16) -> Result<CommittedTopic<'a>, WireError> {
    let flexible = version >= 8;
    let topic = TopicReference::read(reader, version >= 10, flexible)?;
    let partitions = reader.elements(flexible, |reader| partition(reader, version))?.ok_or(WireError::Null)?;
    reader.skip_tags(flexible)?;
    Ok(CommittedTopic { topic, partitions })
}

fn partition<'a>(reader: &mut Reader<'a>, version: i16) -> Result<CommittedPartition<'a>, WireError> {
    let flexible = version >= 8;
    let partition = CommittedPartition {
        index: PartitionIndex(reader.i32()?),
        offset: Offset(reader.i64()?),
        leader_epoch: if version >= 6 { LeaderEpoch(reader.i32()?) } else { LeaderEpoch::UNKNOWN },
        metadata: reader.nullable_string(flexible)?,
    };
    reader.skip_tags(flexible)?;
    Ok(partition)
}
