//! OffsetFetch requests, read in place: the codec lacks version 10, which names topics by id (KIP-848).
//!
//! ```text
//! to v7    group │ topics │ require stable i8 (from v7)
//! from v8  [ group │ member (from v9) │ member epoch i32 (from v9) │ topics ] │ require stable i8
//! topics   [ topic name (to v9) or id (v10) │ [ partition i32 ] ], null for all
//! ```
//! Flexible from version 6.

#[cfg(test)]
mod tests;

use crate::{
    topic_reference::TopicReference,
    wire::{Reader, WireError},
};
use model::PartitionIndex;
use std::ops::RangeInclusive;

pub const VERSIONS: RangeInclusive<i16> = 1..=10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchRequest<'a> {
    /// One up to version 7.
    pub groups: Vec<AskedGroup<'a>>,
    pub require_stable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedGroup<'a> {
    pub group_id: &'a str,
    /// `None` asks for all.
    pub topics: Option<Vec<AskedTopic<'a>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedTopic<'a> {
    pub topic: TopicReference<'a>,
    pub partitions: Vec<PartitionIndex>,
}

impl<'a> OffsetFetchRequest<'a> {
    /// # Errors
    /// Also for a version outside [`VERSIONS`].
    pub fn read(body: &'a [u8], version: i16) -> Result<Self, WireError> {
        if !VERSIONS.contains(&version) {
            return Err(WireError::Length(i64::from(version)));
        }
        let flexible = version >= 6;
        let reader = &mut Reader::new(body);
        let groups = if version >= 8 {
            reader.elements(flexible, |reader| group(reader, version))?.ok_or(WireError::Null)?
        } else {
            vec![AskedGroup { group_id: reader.string(flexible)?, topics: topics(reader, version)? }]
        };
        let require_stable = version >= 7 && reader.i8()? != 0;
        reader.skip_tags(flexible)?;
        Ok(Self { groups, require_stable })
    }
}

fn group<'a>(reader: &mut Reader<'a>, version: i16) -> Result<AskedGroup<'a>, WireError> {
    let group_id = reader.string(true)?;
    if version >= 9 {
        let _member_id = reader.nullable_string(true)?;
        let _member_epoch = reader.i32()?;
    }
    let topics = topics(reader, version)?;
    reader.skip_tags(true)?;
    Ok(AskedGroup { group_id, topics })
}

fn topics<'a>(reader: &mut Reader<'a>, version: i16) -> Result<Option<Vec<AskedTopic<'a>>>, WireError> {
    let topics = reader.elements(version >= 6, |reader| topic(reader, version))?;
    if topics.is_none() && version < 2 { Err(WireError::Null) } else { Ok(topics) }
}

fn topic<'a>(reader: &mut Reader<'a>, version: i16) -> Result<AskedTopic<'a>, WireError> {
    let flexible = version >= 6;
    let topic = TopicReference::read(reader, version >= 10, flexible)?;
    let partitions = reader.elements(flexible, |reader| reader.i32().map(PartitionIndex))?.ok_or(WireError::Null)?;
    reader.skip_tags(flexible)?;
    Ok(AskedTopic { topic, partitions })
}
