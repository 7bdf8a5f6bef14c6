//! The session between a broker and a controller in another process: registration, heartbeats, metadata, requests.
//!
//! One ordered stream each way. Because metadata and answers share it, a broker acts by what its request led to before
//! whoever asked has the answer.

pub mod admission;
pub mod client;
mod newest;
pub mod ownership;
pub mod recovery;
pub mod server;
#[cfg(test)]
mod tests;
mod updates;

pub use admission::{Admission, Admitting, Directory, Doubt, Found, NotAdmitted};
pub use client::{Condition, Obeys, Registrar, RemoteController, SessionError, SessionState};
pub use ownership::{FindingOwners, Owned, Owners};
pub use recovery::Recovery;
pub use server::{ControlPlane, ControlPlaneServer};
pub use updates::Updates;

/// Requests of one broker that are decided at a time; while there are so many the controller reads nothing more of it.
const REQUESTS_AT_ONCE: usize = 256;
/// So a broker asks no more than this before there are answers: that it lives is read in any case.
const ASKED_AT_ONCE: usize = REQUESTS_AT_ONCE / 2;

/// Of one message, either way, for an image goes either way: to brokers in each session, and from them where it was lost. That of
/// a million partitions is smaller.
const LARGEST_MESSAGE: usize = 512 << 20;
