//! Where a controller's decisions become durable.
//!
//! [`MetadataStore`] is what a [`crate::Host`] commits to. There are two ways to be one:
//!
//! - a place that appends cheaply keeps a snapshot and a journal of changes (the broker's local file);
//! - a place of small objects without a transaction over several of them implements [`MetadataObjects`], six calls, and
//!   gets the rest from [`ShardedStore`]: Kubernetes objects in the operator.
//!
//! # Root and shards
//!
//! The metadata is one root and any number of shards, each a text of its own object. Bytes are drawn in [`sharding`].
//!
//! ```text
//! root     what the cluster is besides topics, as of version B    small: brokers, configs, epochs, features
//!          which shards hold the topics of version B              75 bytes a shard
//!          the changes B+1 … V                                    32 KiB at most
//! shard    a range of partitions, in the order of topic ids       64 KiB at most, but for one topic with huge configs
//! ```
//!
//! A commit appends its changes to the root: one write of one object, whether it fences a broker that led ten thousand
//! partitions or moves one. What follows from a change is derived when it is applied (the controller's rules of succession).
//! Once the changes outgrow their bound they are *folded*: the shards of which something changed since B are written anew,
//! and the root then names those and has no changes.
//!
//! A shard is never overwritten. Its name is the version of the fold that wrote it and the checksum of its text, so two
//! controllers that write different things never write to one name, and a write that is repeated changes nothing.
//!
//! # What holds
//!
//! 1. *The root is the commit.* Shards are written first; the root, written last and only over the revision that was read,
//!    names which of them count. A crash in between leaves the old root, whose shards are all there.
//! 2. *One of two controllers wins.* The other one's write of the root conflicts, whatever it did to shards.
//! 3. *Nobody deletes what counts.* Who has read or written the root of version V deletes only shards of versions up to V
//!    that this root does not name. Every later root names, of those versions, only shards that the root of V named too,
//!    for what a later commit adds has a later version. So it does not matter how late the deletion comes.
//! 4. *A damaged, missing or foreign shard is no shard.* Loading says [`LoadError::Damaged`]; it never goes on with less.
//! 5. *Nothing there is [`LoadError::Missing`]*, not an empty cluster: whether it is a new one is not for a store to decide.
//!    See [`ShardedStore::create`] and [`ShardedStore::rebuild`].
//! 6. *What is written anew replaces only what was found wrong*: the root of that revision, or none. A controller that slept
//!    since then conflicts with whoever mended it, however sure it was that nobody else decides.
//!
//! Superseded shards are deleted with the next fold, so those of one fold before are still there.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod objects;
mod sharded;
pub mod sharding;

pub use objects::{MetadataObjects, ObjectError, ShardName, StoredRoot};
pub use sharded::{SeenRoot, ShardedStore};

use controller::{ClusterImage, MetadataChange};
use model::MetadataVersion;
use std::{future::Future, sync::Arc};
use thiserror::Error;

/// Holds the metadata of one cluster. One controller writes at a time; another's write shows as a conflict.
pub trait MetadataStore: Send + 'static {
    /// The newest committed image.
    fn load(&mut self) -> impl Future<Output = Result<Arc<ClusterImage>, LoadError>> + Send;

    /// Returns once the changes survive a crash. All of them or none, and after a crash before it returned a prefix.
    fn commit(&mut self, commit: Commit) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// What to make durable.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The version the store must be at.
    pub expected: MetadataVersion,
    /// Versions `expected + 1`, `expected + 2`, …
    pub changes: Vec<MetadataChange>,
    /// The sum: what the store holds afterwards.
    pub image: Arc<ClusterImage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadError {
    /// There is nothing, not even an empty cluster.
    #[error("there is no metadata")]
    Missing,
    /// Something is there that is not what was written.
    #[error("the metadata is damaged: {0}")]
    Damaged(String),
    #[error("{0}")]
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitError {
    /// The store is at another version: somebody else committed, or an earlier failure was none.
    #[error("the store holds another version")]
    Conflict,
    /// The commit did not happen, as far as can be known. Where it did after all, or does later (a request whose answer was
    /// lost), the next one conflicts.
    #[error("{0}")]
    Failed(String),
}
