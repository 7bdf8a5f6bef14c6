//! A small Kafka client: what a command line needs, and nothing of it twice.
//!
//! [`cluster`] holds the connections and finds the broker to ask; [`admin`], [`producer`] and [`consumer`] stand on it.

pub(crate) mod address;
pub(crate) mod admin;
pub(crate) mod cluster;
pub(crate) mod codes;
mod connection;
pub(crate) mod consumer;
mod consumer_protocol;
pub(crate) mod error;
pub(crate) mod metadata;
pub(crate) mod producer;
pub(crate) mod retry;
mod versions;
pub(crate) mod wire;

pub(crate) use cluster::{ClientOptions, Cluster, Purpose, Topics};
pub(crate) use error::{ClientError, Result};
