//! A place of small objects: what a store of root and shards needs from it.

use super::CommitError;
use model::MetadataVersion;
use std::{fmt, future::Future, num::ParseIntError, str::FromStr};
use thiserror::Error;

/// The objects of one cluster. Texts are UTF-8 with line ends and quotes in them, of at most
/// [`super::sharding::OBJECT_BYTES_LIMIT`] bytes, and come back as they were written.
///
/// Calls on shards run side by side, sixteen at most. Each has to end: an answer that is lost is a failure after a time that
/// the implementation chooses. It may repeat reads, creations and deletions; a write of the root only once it knows that
/// the first one did not happen and will not.
pub trait MetadataObjects: Send + Sync + 'static {
    /// Another one after every write of the root, by whomever: a `resourceVersion`.
    type Revision: Clone + PartialEq + fmt::Debug + Send + Sync;

    /// As of now: not from a cache that may be behind another's write.
    fn read_root(&self) -> impl Future<Output = Result<Option<StoredRoot<Self::Revision>>, ObjectError>> + Send;

    /// Writes the root where its revision still is `replaces` (`None`: where there is no root), and otherwise is a
    /// conflict. Durable when it returns.
    fn write_root(
        &self,
        replaces: Option<&Self::Revision>,
        text: &str,
    ) -> impl Future<Output = Result<Self::Revision, CommitError>> + Send;

    /// As of now; `None`: there is no such shard.
    fn read_shard(&self, name: ShardName) -> impl Future<Output = Result<Option<String>, ObjectError>> + Send;

    /// Durable when it returns. A shard of this name that is there already stays as it is: it has this text.
    fn create_shard(&self, name: ShardName, text: &str) -> impl Future<Output = Result<(), ObjectError>> + Send;

    /// It being gone already is no failure.
    fn delete_shard(&self, name: ShardName) -> impl Future<Output = Result<(), ObjectError>> + Send;

    /// Every shard of this cluster, in any order.
    fn list_shards(&self) -> impl Future<Output = Result<Vec<ShardName>, ObjectError>> + Send;
}

/// A root as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRoot<R> {
    pub revision: R,
    pub text: String,
}

/// Why an object could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ObjectError(pub String);

/// Names a shard for good. As text it is `57-0123456789abcdef`: digits, a hyphen, 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardName {
    /// The commit that wrote it.
    pub version: MetadataVersion,
    /// Of its text.
    pub checksum: u64,
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.version.0, self.checksum)
    }
}

/// A text that names no shard.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not the name of a shard")]
pub struct NoShardName(String);

impl FromStr for ShardName {
    type Err = NoShardName;

    fn from_str(text: &str) -> Result<Self, NoShardName> {
        let parse = |(version, checksum): (&str, &str)| -> Result<Self, ParseIntError> {
            let version = MetadataVersion(version.parse()?);
            Ok(Self { version, checksum: u64::from_str_radix(checksum, 16)? })
        };
        let name = text.split_once('-').and_then(|parts| parse(parts).ok());
        // Only as it is written: no sign, no capitals, no leading zero.
        name.filter(|name| name.to_string() == text).ok_or_else(|| NoShardName(text.to_owned()))
    }
}

impl From<ObjectError> for CommitError {
    fn from(error: ObjectError) -> Self {
        Self::Failed(error.0)
    }
}
