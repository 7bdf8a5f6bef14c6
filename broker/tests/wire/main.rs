//! One broker in this process, real TCP, requests written as bytes or with the codec: what a client sees.
//!
//! Add a file for your subject and its `mod` line; [`harness`] starts brokers and speaks the protocol.

#![expect(clippy::unwrap_used, reason = "helpers of a test end it by a panic, as the test itself does")]
#![expect(unreachable_pub, reason = "modules of a test share what is theirs")]

mod api_versions;
mod cluster;
mod every_api;
mod harness;
mod hostile;
mod idle_connections;
mod restart;
