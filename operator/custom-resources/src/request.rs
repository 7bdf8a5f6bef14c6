//! What a person asks of the controller of a cluster once: an annotation of the Cluster, answered in its status.
//!
//! The annotation stays; the id tells whether it was answered. So the operator needs no right to change a Cluster, and a
//! request that was answered is not done again when an operator takes over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The request, as JSON.
pub const REQUEST_ANNOTATION: &str = "weir.dev/request";

/// Ids are echoed into the status.
pub const LONGEST_ID: usize = 64;

/// What is asked: one thing. Another id is another request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    pub id: String,
    /// UUID of a deleted topic that is to be there again, with its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undelete: Option<String>,
    /// What becomes of topics whose resources were deleted and that are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_deletions: Option<HeldDecision>,
}

/// What a person says of topics that are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeldDecision {
    /// It was meant: they are deleted.
    Delete,
    /// It was not: they stay, and are nobody's.
    Keep,
}

/// What became of the last request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestStatus {
    /// Of the request.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Done or Refused.
    pub outcome: RequestOutcome,
    /// Why it was refused, or what was done.
    #[schemars(length(max = 1024))]
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RequestOutcome {
    Done,
    Refused,
}
