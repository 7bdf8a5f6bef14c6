//! Where a controller's decisions become durable.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

use controller::{ClusterImage, MetadataChange};
use model::MetadataVersion;
use std::{future::Future, sync::Arc};
use thiserror::Error;

/// Holds the metadata of one cluster. One controller writes at a time; another's write shows as a conflict.
pub trait MetadataStore: Send + 'static {
    /// The newest committed image.
    fn load(&mut self) -> impl Future<Output = Result<Arc<ClusterImage>, CommitError>> + Send;

    /// Returns once the changes survive a crash. All of them, or after a crash a prefix; on an error none of them.
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
pub enum CommitError {
    /// The store is at another version: somebody else committed.
    #[error("the store holds another version")]
    Conflict,
    #[error("{0}")]
    Failed(String),
}
