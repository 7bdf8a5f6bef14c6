//! The controllers of all clusters: their store, who may come to them, and their lives.

pub mod allowed;
mod claims;
pub mod cluster_id;
pub mod controllers;
mod failover;
pub mod host;
pub mod kubernetes_store;
pub mod lease;
pub mod pod_admission;
pub mod rebuild;
pub mod settings;
pub mod token;
mod topic_owners;
pub mod watched_store;

pub use allowed::Allowed;
pub use controllers::{Controllers, Entrance};
pub use failover::Failover;
pub use host::View;
