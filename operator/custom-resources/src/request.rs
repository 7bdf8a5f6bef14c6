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

/// What is asked. Another id is another request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Request {
    pub id: String,
    pub ask: Ask,
    /// Check whether it can be done, and do nothing.
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A deleted topic, by its UUID, is to be there again, with its records.
    Undelete(String),
    /// The broker is to lead nothing and to be in no ISR until it is let again. `force`: whatever that costs.
    Fence {
        broker: i32,
        force: bool,
    },
    Unfence {
        broker: i32,
    },
    /// The broker is to hold no replica until it is let again.
    Drain {
        broker: i32,
    },
    Undrain {
        broker: i32,
    },
    /// Others are to lead what the broker leads.
    MoveLeadersOff {
        broker: i32,
    },
    /// Preferred leaders are to lead.
    PreferredLeaders,
    /// What becomes of topics whose resources were deleted and that are held. `digest`: of those that were read of, as in the
    /// status; others are held since, or the decision was carried out.
    HeldDeletions {
        decision: HeldDecision,
        digest: String,
    },
}

/// How a request is written: one thing is asked.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undelete: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fence: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unfence: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drain: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undrain: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    move_leaders_off: Option<i32>,
    #[serde(default, skip_serializing_if = "is_false")]
    preferred_leaders: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_deletions: Option<HeldDecision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_digest: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    force: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    dry_run: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl TryFrom<Fields> for Request {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { id, force, dry_run, held_digest, .. } = fields;
        if held_digest.is_some() != fields.held_deletions.is_some() {
            return Err("heldDeletions decides about what heldDigest names: status.heldDeletions.digest".to_owned());
        }
        let digest = held_digest.unwrap_or_default();
        let asked = [
            fields.undelete.map(Ask::Undelete),
            fields.fence.map(|broker| Ask::Fence { broker, force }),
            fields.unfence.map(|broker| Ask::Unfence { broker }),
            fields.drain.map(|broker| Ask::Drain { broker }),
            fields.undrain.map(|broker| Ask::Undrain { broker }),
            fields.move_leaders_off.map(|broker| Ask::MoveLeadersOff { broker }),
            fields.preferred_leaders.then_some(Ask::PreferredLeaders),
            fields.held_deletions.map(|decision| Ask::HeldDeletions { decision, digest }),
        ];
        let mut asked = asked.into_iter().flatten();
        let (Some(ask), None) = (asked.next(), asked.next()) else {
            return Err("a request asks for one thing".to_owned());
        };
        if force && !matches!(ask, Ask::Fence { .. }) {
            return Err("only fence can be forced".to_owned());
        }
        if dry_run && matches!(ask, Ask::Undelete(_) | Ask::HeldDeletions { .. }) {
            return Err("what is asked of topics has no dry run".to_owned());
        }
        Ok(Self { id, ask, dry_run })
    }
}

impl From<Request> for Fields {
    fn from(Request { id, ask, dry_run }: Request) -> Self {
        let nothing = Self { id, dry_run, ..Self::default() };
        match ask {
            Ask::Undelete(topic) => Self { undelete: Some(topic), ..nothing },
            Ask::Fence { broker, force } => Self { fence: Some(broker), force, ..nothing },
            Ask::Unfence { broker } => Self { unfence: Some(broker), ..nothing },
            Ask::Drain { broker } => Self { drain: Some(broker), ..nothing },
            Ask::Undrain { broker } => Self { undrain: Some(broker), ..nothing },
            Ask::MoveLeadersOff { broker } => Self { move_leaders_off: Some(broker), ..nothing },
            Ask::PreferredLeaders => Self { preferred_leaders: true, ..nothing },
            Ask::HeldDeletions { decision, digest } => {
                Self { held_deletions: Some(decision), held_digest: Some(digest), ..nothing }
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_are_written() {
        let table = [
            (Ask::Undelete("u".to_owned()), false, r#"{"id":"a","undelete":"u"}"#),
            (Ask::Fence { broker: 2, force: true }, true, r#"{"id":"a","fence":2,"force":true,"dryRun":true}"#),
            (Ask::Unfence { broker: 2 }, false, r#"{"id":"a","unfence":2}"#),
            (Ask::Drain { broker: 0 }, true, r#"{"id":"a","drain":0,"dryRun":true}"#),
            (Ask::Undrain { broker: 0 }, false, r#"{"id":"a","undrain":0}"#),
            (Ask::MoveLeadersOff { broker: 1 }, false, r#"{"id":"a","moveLeadersOff":1}"#),
            (Ask::PreferredLeaders, false, r#"{"id":"a","preferredLeaders":true}"#),
            (
                Ask::HeldDeletions { decision: HeldDecision::Delete, digest: "7f".to_owned() },
                false,
                r#"{"id":"a","heldDeletions":"Delete","heldDigest":"7f"}"#,
            ),
        ];
        for (ask, dry_run, text) in table {
            let request = Request { id: "a".to_owned(), ask, dry_run };
            assert_eq!(serde_json::to_string(&request).unwrap(), text);
            assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request);
        }
    }

    #[test]
    fn what_asks_for_nothing_or_for_more_than_it_can_have_is_no_request() {
        let table = [
            r#"{"id":"a"}"#,
            r#"{"id":"a","fence":1,"drain":1}"#,
            r#"{"id":"a","drain":1,"force":true}"#,
            r#"{"id":"a","undelete":"u","dryRun":true}"#,
            r#"{"id":"a","fence":"1"}"#,
            r#"{"id":"a","heldDeletions":"Delete"}"#,
            r#"{"id":"a","fence":1,"heldDigest":"7f"}"#,
            r#"{"id":"a","fence":1,"when":"now"}"#,
            r#"{"fence":1}"#,
        ];
        for text in table {
            assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
        }
    }
}
