//! Seeded runs of the cores against a world that fails: the same seed, the same run, to the last byte.
//!
//! It is: scenarios over the public interfaces of the cores, with disks that tear and lose writes, and checks of what users rely
//! on. It is not: a mock of anything; the cores are the ones the broker runs. Nobody imports this crate but the operator's simulator, for its [`random`] draws.
//!
//! Promise: a failing run prints its seed, and that seed fails again.
//!
//! Start with [`log_run`]: one partition's log, its producer, and the crashes between them. Then [`cluster_run`]: controllers,
//! brokers and clients over a network that fails.

pub mod cluster_run;
pub mod log_run;
pub mod random;
