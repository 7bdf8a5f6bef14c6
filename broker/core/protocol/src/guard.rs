//! A walk over the bytes of a message before anything decodes it.
//!
//! The codec reserves what an array count claims, so 32 bytes could ask for gigabytes. The walk visits every field by
//! Kafka's own layout: each count and length is backed by bytes that are there, the number of elements is capped (as
//! Kafka 4.4 caps it) and known, and a known tag is exactly as long as it says. What passed costs the decoder at most
//! [`Walked::decoding_cost`] bytes and never a panic; it may still refuse text that is not UTF-8.

/// The tables of every API, by the same names in [`requests`] and [`responses`]: an API has both or neither.
macro_rules! every_api {
    () => {
        &[
            &data::PRODUCE,
            &data::FETCH,
            &data::LIST_OFFSETS,
            &data::OFFSET_FOR_LEADER_EPOCH,
            &data::DELETE_RECORDS,
            &data::DESCRIBE_PRODUCERS,
            &data::DESCRIBE_LOG_DIRS,
            &metadata::METADATA,
            &metadata::API_VERSIONS,
            &metadata::DESCRIBE_CLUSTER,
            &metadata::DESCRIBE_TOPIC_PARTITIONS,
            &metadata::CREATE_TOPICS,
            &metadata::DELETE_TOPICS,
            &metadata::CREATE_PARTITIONS,
            &metadata::ELECT_LEADERS,
            &metadata::ALTER_PARTITION_REASSIGNMENTS,
            &metadata::LIST_PARTITION_REASSIGNMENTS,
            &metadata::UPDATE_FEATURES,
            &metadata::UNREGISTER_BROKER,
            &configs::DESCRIBE_CONFIGS,
            &configs::ALTER_CONFIGS,
            &configs::INCREMENTAL_ALTER_CONFIGS,
            &configs::SASL_HANDSHAKE,
            &configs::SASL_AUTHENTICATE,
            &groups::OFFSET_COMMIT,
            &groups::OFFSET_FETCH,
            &groups::FIND_COORDINATOR,
            &groups::JOIN_GROUP,
            &groups::HEARTBEAT,
            &groups::LEAVE_GROUP,
            &groups::SYNC_GROUP,
            &groups::DESCRIBE_GROUPS,
            &groups::LIST_GROUPS,
            &groups::DELETE_GROUPS,
            &groups::OFFSET_DELETE,
            &transactions::INIT_PRODUCER_ID,
            &transactions::DESCRIBE_TRANSACTIONS,
            &transactions::LIST_TRANSACTIONS,
        ]
    };
}

mod embedded;
mod requests;
mod responses;
pub(crate) mod schema;
#[cfg(test)]
mod tests;
mod walk;

pub use embedded::{decode_assignment, decode_subscription};

use crate::wire::WireError;
use schema::Schema;
use std::ops::RangeInclusive;
use thiserror::Error;

/// What a message may consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Elements of all arrays together.
    pub elements: usize,
    /// Tagged fields of all structs together.
    pub tags: usize,
}

impl Default for Limits {
    /// Kafka 4.4's: far above what any client sends, low enough that the decoded form stays near 256 MB.
    fn default() -> Self {
        Self { elements: 1_000_000, tags: 10_000 }
    }
}

/// What a walk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walked {
    pub elements: usize,
    pub tags: usize,
    /// Bytes after the message. Kafka pays them no attention.
    pub trailing: usize,
}

impl Walked {
    /// At least the size of the largest struct that the codec puts into an array.
    const BYTES_PER_ELEMENT: usize = 256;
    /// A first tag makes a node of a map, with room for ten more.
    const BYTES_PER_TAG: usize = 512;

    /// What decoding may allocate at most, besides the frame it slices.
    pub fn decoding_cost(&self) -> usize {
        self.elements * Self::BYTES_PER_ELEMENT + self.tags * Self::BYTES_PER_TAG + 1024
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GuardError {
    #[error("version {version} of api key {api_key} is not known")]
    Unknown { api_key: i16, version: i16 },
    #[error("{field}: {source}")]
    Malformed { field: &'static str, source: WireError },
    #[error("{field} is {used} bytes long where its tag says {size}")]
    TagSize { field: &'static str, size: usize, used: usize },
    #[error("more than {limit} array elements")]
    TooManyElements { limit: usize },
    #[error("more than {limit} tagged fields")]
    TooManyTags { limit: usize },
    #[error("cannot be decoded: {0}")]
    Decode(String),
}

/// The versions of a request whose layout is known here.
pub fn request_versions(api_key: i16) -> Option<RangeInclusive<i16>> {
    find(requests::ALL, api_key).map(|schema| schema.first_version..=schema.last_version)
}

/// Every request whose layout is known here, by key.
pub fn request_keys() -> impl Iterator<Item = i16> {
    requests::ALL.iter().map(|schema| schema.api_key)
}

/// Walks a request body (what follows the header).
pub fn walk_request(api_key: i16, version: i16, body: &[u8]) -> Result<Walked, GuardError> {
    walk_with(requests::ALL, api_key, version, body, Limits::default())
}

/// Walks a response body, for those who ask: the command line, and brokers among themselves.
pub fn walk_response(api_key: i16, version: i16, body: &[u8]) -> Result<Walked, GuardError> {
    walk_with(responses::ALL, api_key, version, body, Limits::default())
}

pub(crate) fn request_schema(api_key: i16) -> Option<&'static Schema> {
    find(requests::ALL, api_key)
}

pub(crate) fn response_schema(api_key: i16) -> Option<&'static Schema> {
    find(responses::ALL, api_key)
}

fn find(schemas: &[&'static Schema], api_key: i16) -> Option<&'static Schema> {
    schemas.iter().copied().find(|schema| schema.api_key == api_key)
}

fn walk_with(
    schemas: &[&'static Schema],
    api_key: i16,
    version: i16,
    body: &[u8],
    limits: Limits,
) -> Result<Walked, GuardError> {
    let schema = find(schemas, api_key)
        .filter(|schema| (schema.first_version..=schema.last_version).contains(&version))
        .ok_or(GuardError::Unknown { api_key, version })?;
    walk::walk(schema, version, body, limits)
}
