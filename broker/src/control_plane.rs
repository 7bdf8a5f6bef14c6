//! How this process reaches the cluster's controller, or is it. A broker alone embeds one over a local file
//! ([`Standalone`]); a broker of a cluster has a session with one ([`BrokerSession`]); [`ClusterController`] is that one.

mod acts_by;
mod broker_session;
mod cluster_controller;
mod epoch_file;
mod kept_metadata;
pub(crate) mod log_life;
mod metadata_file;
mod own_controller;
mod producer_ids;
mod standalone;
mod topic_creation;

pub(crate) use ::control_plane::ControllerHandle;
pub(crate) use acts_by::OwnBroker;
pub(crate) use broker_session::{BrokerSession, cluster_at};
pub(crate) use cluster_controller::ClusterController;
pub(crate) use own_controller::OwnController;
pub(crate) use producer_ids::ProducerIds;
pub(crate) use standalone::Standalone;
pub(crate) use topic_creation::{create_missing, create_on_demand};
