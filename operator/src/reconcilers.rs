//! Loops of Kubernetes: each observes, plans and applies for one kind of resource. The controller of Kafka's words is
//! elsewhere: [`crate::control_plane`].

pub mod cluster;
pub mod difference;
mod ending;
mod patience;
mod readable;
mod replicas;
pub mod topic;
