//! How a message names a topic.

use crate::wire::{Reader, WireError};
use model::TopicId;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicReference<'a> {
    Name(&'a str),
    /// In the newer versions of an API (KIP-516).
    Id(TopicId),
}

impl<'a> TopicReference<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, by_id: bool, flexible: bool) -> Result<Self, WireError> {
        if by_id {
            Ok(Self::Id(TopicId(Uuid::from_bytes(reader.uuid()?))))
        } else {
            reader.string(flexible).map(Self::Name)
        }
    }
}
