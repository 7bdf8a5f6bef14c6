//! Events of Kubernetes on resources: what `kubectl describe` tells a person of what happened. Nothing is decided by them, and
//! one that cannot be written is not missed by anything else.

use crate::metrics::Metrics;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use std::{fmt, sync::Arc};

/// Name of this controller in events.
const CONTROLLER: &str = "weir.dev/operator";

/// The API server refuses longer ones.
const LONGEST_NOTE: usize = 1024;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// A person may have to do something.
    pub is_warning: bool,
    pub reason: &'static str,
    pub note: String,
    /// What else it is about: a pod, say.
    pub related: Option<ObjectReference>,
}

impl Notice {
    pub fn normal(reason: &'static str, note: impl Into<String>) -> Self {
        Self { is_warning: false, reason, note: note.into(), related: None }
    }

    pub fn warning(reason: &'static str, note: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::normal(reason, note) }
    }

    pub fn about(self, related: ObjectReference) -> Self {
        Self { related: Some(related), ..self }
    }
}

/// Writes events. Those of one reason about one object within minutes are one event with a count. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// `identity`: of this operator.
    pub fn new(client: Client, identity: &str, metrics: Arc<Metrics>) -> Self {
        let reporter = Reporter { controller: CONTROLLER.to_owned(), instance: Some(identity.to_owned()) };
        Self { recorder: Recorder::new(client, reporter), metrics }
    }

    pub async fn publish(&self, regarding: &ObjectReference, notices: Vec<Notice>) {
        for notice in notices {
            let event = Event {
                type_: if notice.is_warning { EventType::Warning } else { EventType::Normal },
                reason: notice.reason.to_owned(),
                note: Some(shortened(notice.note)),
                action: notice.reason.to_owned(),
                secondary: notice.related,
            };
            self.metrics.wrote("event");
            if let Err(error) = self.recorder.publish(&event, regarding).await {
                let name = regarding.name.as_deref().unwrap_or_default();
                tracing::debug!(name, reason = notice.reason, %error, "an event was not written");
            }
        }
    }
}

fn shortened(note: String) -> String {
    if note.len() <= LONGEST_NOTE {
        return note;
    }
    let end = (0..=LONGEST_NOTE - 3).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", &note[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn note_has_room_in_an_event() {
        assert_eq!(shortened("short".to_owned()), "short");
        let long = shortened("ü".repeat(600));
        assert!(long.len() <= LONGEST_NOTE && long.ends_with("ü..."), "{}", long.len());
    }
}
