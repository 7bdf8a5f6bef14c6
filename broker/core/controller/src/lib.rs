//! The cluster's controller: the rules that turn requests into committed metadata.
//!
//! It is: a pure state machine over one [`ClusterImage`]. [`Controller::handle`] takes an event and returns effects;
//! it decides, the host does. It is not: storage, sockets or clocks. Ids that must be random are arguments.
//!
//! Promises: every accepted change becomes records first and gets one [`model::MetadataVersion`]; a reply or a
//! published image leaves only after the store has confirmed the records; replaying the records gives the same image;
//! every requested item gets exactly one result.
//!
//! Start with [`image`] (what is known), [`record`] (what can change), then [`driver`] (how), [`features`] and [`topic_config`].

mod apply;
mod decide;
pub mod driver;
pub mod errors;
pub mod features;
pub mod holds;
pub mod image;
pub mod leaving;
pub mod obeying;
pub mod placement;
pub mod rebuild;
pub mod record;
pub mod replication_throttle;
pub mod requests;
pub mod sessions;
pub mod settings;
mod succession;
pub mod topic_config;
pub mod topic_name;
mod undo_windows;

pub use driver::{Controller, Effect, Event, RequestId};
pub use errors::{
    ConfigError, ControllerError, ElectionError, FeatureError, HoldError, IsrError, ReassignmentError, TopicError,
    UnregisterError,
};
pub use holds::Hold;
pub use image::{
    BrokerConfigs, BrokerRegistration, ClusterImage, Endpoint, PartitionImage, Tombstone, TopicImage, TopicsImage,
};
pub use leaving::Leaving;
pub use record::{ConfigChange, MetadataChange, MetadataRecord};
pub use sessions::{BrokerCondition, Heartbeat, SessionSettings};
pub use settings::{DELETION_UNDO_WINDOW, DefaultReplication, HandBack, Settings};
