//! The operator: turns `Cluster` resources into brokers, and hosts the controller of every cluster.
//!
//! It is: shells around pure parts (builders, plans, validation) and around the crate `controller`. It is not: rules of
//! Kafka's, which that crate has, or types of resources (`custom-resources`).
//!
//! Promises: what the controller decides is in the API server before any broker hears of it; an operator that is gone,
//! doubled or late loses nothing; a cluster that is as wanted gets no write.
//!
//! Start with [`process`] (a life), then [`valid_cluster`] (what a Cluster means), [`reconcilers`] and [`control_plane`].

mod admin;
pub mod arguments;
pub mod control_plane;
pub mod events;
pub mod metrics;
pub mod process;
pub mod reconcilers;
pub mod resources;
#[cfg(test)]
mod testing;
pub mod valid_cluster;
