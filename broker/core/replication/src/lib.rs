//! One replica of one partition: who leads it, which epoch it is in, how far its records are committed, who is in sync,
//! and how a follower comes to have what its leader has.
//!
//! It is: the rules that turn "my log ends here" and "these brokers are in sync" into a high watermark, that refuse
//! requests of another leader epoch or appends that too few replicas would hold, that propose who joins and leaves the ISR,
//! that cut a follower's log back where it differs from its leader's, and that say when leaders which hear nobody step aside.
//! It is not: the log itself, a fetcher, or the choice of leaders and in-sync replicas; the controller decides those and
//! tells this core through [`Assignment`].
//!
//! Promises: synchronous, without clock or I/O; the high watermark only grows while one leadership lasts, never passes
//! the log end of a member of the maximal in-sync set, and stands still while that set is below the minimum.
//!
//! Start with [`Replica::assign`], then [`Leader`] and [`Follower`].

mod assignment;
mod divergence;
mod follower;
mod isolation;
mod leader;
mod nearest;
mod own_log;
mod readable;
mod replica;
mod serving;

pub use assignment::Assignment;
pub use divergence::divergence;
pub use follower::{FetchAnswer, Follower, FollowerStep, NextFetch, OwnLog};
pub use isolation::{Isolation, IsolationStep, Silence};
pub use leader::{AFTER_REFUSAL, FollowerFetch, FollowerLog, Leader, NotEnoughReplicas, Proposal, ProposalRefused};
pub use nearest::AskedLeader;
pub use readable::{FetchIsolation, ReadableEnds};
pub use replica::{NotServed, OwnEnds, Replica, check_epoch};
pub use serving::{FollowerRequest, NoRecords};
