//! How a controller is run and reached: the host loop, the store it commits to, the handle callers hold, and the session of
//! a broker with a controller in another process.
//!
//! It is: one loop for every place a controller lives in. It is not: rules (crate `controller`) or a concrete store
//! (a local file in the broker, Kubernetes objects in the operator).
//!
//! Promises: what is published or answered has been committed; changes asked for while a commit runs are committed
//! together by the next one; a commit that finds a newer store is decided again on what the store holds.
//!
//! Start with [`host`], then [`session`].

pub mod handle;
pub mod host;
pub mod session;
pub mod store;
mod wire;

pub use handle::ControllerHandle;
pub use host::{Host, Published, Publisher};
pub use store::{Commit, CommitError, LoadError, MetadataStore};
