//! The group coordinator: consumer groups of the classic protocol and the offsets they commit.
//!
//! It is: a synchronous state machine for one partition of `__consumer_offsets` ([`GroupCoordinator`]), and the formats
//! of the records it keeps there ([`records`]). Which partition a group belongs to says
//! [`protocol::hashes::coordinator_partition`]. It is not: a clock, a timer, a queue, a log or a connection. The host
//! owns those, fires due [`Timer`]s back as events, and appends the records that a decision asks for.
//!
//! Promises:
//! - [`GroupCoordinator::decide`] changes nothing. A decision whose records could not be appended is dropped, and it is
//!   as though the request had never come.
//! - Only [`GroupCoordinator::apply`] changes what must survive; replaying the log through it gives the same state.
//! - A reply is handed out by the host once everything the decision rests on is committed: [`Outbox`] says when.
//!
//! Start with [`coordinator`], then [`group`] (states and transitions) and [`offsets`].

pub mod config;
pub mod coordinator;
pub mod decision;
pub mod errors;
pub mod group;
pub mod ids;
mod loading;
pub mod offsets;
mod outbox;
pub mod records;
pub mod reply;
pub mod request;

pub use config::GroupConfig;
pub use coordinator::GroupCoordinator;
pub use decision::{Decision, Fact, Now, ReplyTo, Timer, TimerChange};
pub use errors::{CommitRefusal, GroupError};
pub use group::GroupState;
pub use ids::{Generation, InstanceId, MemberId};
pub use loading::{Loaded, end_of_load};
pub use outbox::{Leaving, Outbox};
pub use reply::Reply;
pub use request::{Event, FetchOffsets, Request, RequestKind};

#[cfg(test)]
mod bench;
#[cfg(test)]
mod simulation;
