//! Conditions in the status of resources: who changes one, and when its time of transition moves.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// Messages are for people: longer ones would only fill the object (kubevirt#17572).
const LONGEST_MESSAGE: usize = 1024;

/// What holds, before it is known since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub type_: &'static str,
    pub status: Truth,
    /// One of the reasons listed with the kind.
    pub reason: &'static str,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl Finding {
    pub fn new(
        type_: &'static str,
        status: impl Into<Truth>,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { type_, status: status.into(), reason, message: message.into() }
    }
}

/// `findings` as conditions. One whose status did not change keeps its time of transition, so equal findings give equal
/// conditions whenever they are made.
pub fn conditions(
    before: &[Condition],
    findings: Vec<Finding>,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let condition = |finding: Finding| {
        let known = before.iter().find(|known| known.type_ == finding.type_ && known.status == finding.status.as_str());
        Condition {
            last_transition_time: known.map_or_else(|| Time(now), |known| known.last_transition_time.clone()),
            message: shortened(finding.message),
            observed_generation: generation,
            reason: finding.reason.to_owned(),
            status: finding.status.as_str().to_owned(),
            type_: finding.type_.to_owned(),
        }
    };
    findings.into_iter().map(condition).collect()
}

fn shortened(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE - 3).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
        message.push_str("...");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn time_of_transition_moves_only_with_the_status() {
        let finding = |holds: bool, message: &str| vec![Finding::new("Ready", holds, "Because", message)];
        let first = conditions(&[], finding(true, "a"), Some(1), at(10));
        let other_message = conditions(&first, finding(true, "b"), Some(2), at(20));
        assert_eq!(other_message[0].last_transition_time, Time(at(10)));
        assert_eq!((other_message[0].message.as_str(), other_message[0].observed_generation), ("b", Some(2)));
        let lost = conditions(&other_message, finding(false, "b"), Some(2), at(30));
        assert_eq!(lost[0].last_transition_time, Time(at(30)));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let finding = Finding::new("Ready", false, "Because", "ü".repeat(1000));
        let message = &conditions(&[], vec![finding], None, at(0))[0].message;
        assert!(message.len() <= LONGEST_MESSAGE && message.ends_with("ü..."));
    }
}
