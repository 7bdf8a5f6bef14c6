//! How this broker reaches the cluster's controller. A broker alone embeds one over a local file ([`Standalone`]).

mod metadata_file;
mod producer_ids;
mod standalone;
mod topic_creation;

pub(crate) use ::control_plane::ControllerHandle;
pub(crate) use producer_ids::ProducerIds;
pub(crate) use standalone::Standalone;
pub(crate) use topic_creation::{create_missing, create_on_demand};
