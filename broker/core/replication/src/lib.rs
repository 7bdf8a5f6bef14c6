//! One replica of one partition: who leads it, which epoch it is in, and how far its records are committed.
//!
//! It is: the rules that turn "my log ends here" and "these brokers are in sync" into a high watermark, and that refuse
//! requests of another leader epoch or appends that too few replicas would hold (PROTOCOL 2.5 to 2.7).
//! It is not: the log itself, a fetcher, or the choice of leaders and in-sync replicas; the controller decides those and
//! tells this core through [`Assignment`].
//!
//! Promises: synchronous, without clock or I/O; the high watermark only grows while one leadership lasts, never passes
//! the log end of a member of the maximal in-sync set, and stands still while that set is below the minimum.
//!
//! Start with [`Replica::assign`], then [`leader::Leader`].

mod assignment;
mod leader;
mod replica;

pub use assignment::Assignment;
pub use leader::{Leader, NotEnoughReplicas};
pub use replica::{NotServed, Replica, check_epoch};
