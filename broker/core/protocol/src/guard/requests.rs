//! The layout of every request we serve: facts of Kafka's message schemas.

mod configs;
mod data;
mod groups;
mod metadata;
mod transactions;

use super::schema::Schema;

pub(super) const ALL: &[&Schema] = every_api!();
