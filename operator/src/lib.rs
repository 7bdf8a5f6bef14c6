//! The operator: turns `Cluster` and `Topic` resources into brokers and topics, and hosts the controller of every cluster.
//!
//! It is: shells around pure parts (builders, plans, validation) and around the crate `controller`. It is not: rules of
//! Kafka's, which that crate has, or types of resources (`custom-resources`).
//!
//! Start with [`valid_cluster`] (what a Cluster means), then [`resources`] (which objects it gets).

pub mod control_plane;
pub mod resources;
pub mod valid_cluster;
