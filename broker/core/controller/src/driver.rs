//! The controller as a driver: events in, effects out.
//!
//! | state | `Request` | `Committed` | `Conflict` | `CommitFailed` |
//! |---|---|---|---|---|
//! | idle | decide; commit, or reply when nothing changes | – | – | – |
//! | committing | queue | publish, reply, decide the queue | decide all again on the store's image | refuse those, decide the queue |
//!
//! Requests queued during a commit are decided one on top of the other and committed together, so a store that needs
//! an fsync per commit serves any number of callers with one. Their replies wait for that commit even where they
//! change nothing: "already exists" is only true once the other one exists.

#[cfg(test)]
mod tests;

use crate::{
    decide::Draft,
    errors::ControllerError,
    image::ClusterImage,
    record::MetadataChange,
    requests::{Reply, Request},
};
use model::MetadataVersion;
use std::{collections::VecDeque, sync::Arc};

/// Requests decided into one commit at most: bounds what one write to the store holds.
const REQUESTS_PER_COMMIT: usize = 256;

/// Names a request until its reply; the host chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The static configuration decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
}

#[derive(Debug)]
pub enum Event {
    Request {
        id: RequestId,
        request: Request,
    },
    /// The store holds every change of the last [`Effect::Commit`].
    Committed,
    /// Somebody else committed first; this is what the store holds now.
    Conflict {
        image: Arc<ClusterImage>,
    },
    /// The store holds nothing of the last commit.
    CommitFailed {
        reason: String,
    },
}

#[derive(Debug)]
pub enum Effect {
    /// Make these changes durable and answer with an event.
    Commit(Commit),
    /// Show this image to the brokers, before any later effect.
    Publish(Arc<ClusterImage>),
    Reply {
        id: RequestId,
        reply: Reply,
    },
}

#[derive(Debug)]
pub struct Commit {
    /// The version the store must be at.
    pub expected: MetadataVersion,
    pub changes: Vec<MetadataChange>,
    /// The image with all changes applied.
    pub image: Arc<ClusterImage>,
}

#[derive(Debug)]
pub struct Controller {
    settings: Settings,
    committed: Arc<ClusterImage>,
    queue: VecDeque<(RequestId, Request)>,
    in_flight: Option<InFlight>,
}

#[derive(Debug)]
struct InFlight {
    image: Arc<ClusterImage>,
    /// In the order decided; kept whole so that a conflict can decide them again.
    decided: Vec<(RequestId, Request, Reply)>,
}

impl Controller {
    /// Goes on from what the store holds.
    pub fn new(settings: Settings, committed: Arc<ClusterImage>) -> Self {
        Self { settings, committed, queue: VecDeque::new(), in_flight: None }
    }

    /// The image every earlier commit has led to.
    pub fn committed(&self) -> &Arc<ClusterImage> {
        &self.committed
    }

    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Request { id, request } => self.queue.push_back((id, request)),
            Event::Committed => {
                let InFlight { image, decided } = self.take_in_flight();
                self.committed = Arc::clone(&image);
                effects.push(Effect::Publish(image));
                effects.extend(decided.into_iter().map(|(id, _, reply)| Effect::Reply { id, reply }));
            }
            Event::Conflict { image } => {
                let InFlight { decided, .. } = self.take_in_flight();
                self.committed = Arc::clone(&image);
                effects.push(Effect::Publish(image));
                for (id, request, _) in decided.into_iter().rev() {
                    self.queue.push_front((id, request));
                }
            }
            Event::CommitFailed { reason } => {
                let InFlight { decided, .. } = self.take_in_flight();
                let refusal = ControllerError::StoreFailed(reason);
                effects.extend(
                    decided.into_iter().map(|(id, ..)| Effect::Reply { id, reply: Reply::Refused(refusal.clone()) }),
                );
            }
        }
        while self.in_flight.is_none() && !self.queue.is_empty() {
            effects.extend(self.decide_queue());
        }
        effects
    }

    fn take_in_flight(&mut self) -> InFlight {
        self.in_flight.take().expect("the host reports on a commit only after an effect asked for it")
    }

    fn decide_queue(&mut self) -> Vec<Effect> {
        let mut draft = Draft::new(ClusterImage::clone(&self.committed));
        let decided: Vec<_> = self
            .queue
            .drain(..self.queue.len().min(REQUESTS_PER_COMMIT))
            .map(|(id, request)| {
                let reply = draft.decide(&self.settings, &request);
                (id, request, reply)
            })
            .collect();
        let (image, changes) = draft.finish();
        if changes.is_empty() {
            return decided.into_iter().map(|(id, _, reply)| Effect::Reply { id, reply }).collect();
        }
        let image = Arc::new(image);
        self.in_flight = Some(InFlight { image: Arc::clone(&image), decided });
        vec![Effect::Commit(Commit { expected: self.committed.metadata_version, changes, image })]
    }
}
