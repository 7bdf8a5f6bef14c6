//! The layout of every response we give, for those who read one: facts of Kafka's message schemas.

mod configs;
mod data;
mod groups;
mod metadata;
mod transactions;

use super::schema::Schema;

pub(super) const ALL: &[&Schema] = every_api!();
