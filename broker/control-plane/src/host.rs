//! The loop that runs a controller: requests and commit results in, commits, images and replies out.

#[cfg(test)]
mod tests;

use crate::{
    handle::{Call, ControllerHandle},
    store::{Commit, CommitError, LoadError, MetadataStore},
};
use controller::{ClusterImage, Controller, Effect, Event, MetadataChange, RequestId, Settings, requests::Reply};
use model::MonotonicTime;
use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

/// Requests the controller holds at most; the rest stay in the callers' queue.
const PENDING_LIMIT: usize = 1024;

/// A committed image.
#[derive(Debug, Clone)]
pub struct Published {
    pub image: Arc<ClusterImage>,
    /// What it has that the one published before had not; empty where that is not known.
    pub changes: Vec<MetadataChange>,
}

/// Who learns of committed images before the caller has its reply.
pub trait Publisher: Send + 'static {
    /// Called in the order of versions, one at a time.
    fn publish(&mut self, published: Published) -> impl Future<Output = ()> + Send;
}

/// One controller over one store.
#[derive(Debug)]
pub struct Host<S, P> {
    controller: Controller,
    store: S,
    publisher: P,
    callers: Callers,
    /// The controller's time zero.
    started: Instant,
}

#[derive(Debug)]
struct Callers {
    calls: mpsc::Receiver<Call>,
    waiting: BTreeMap<RequestId, oneshot::Sender<Reply>>,
    last_request: RequestId,
}

impl<S: MetadataStore, P: Publisher> Host<S, P> {
    /// Loads what the store holds and returns the handle for callers. Nothing is decided until [`Host::run`] is
    /// polled, and nothing is published before the first commit: a broker has to register before it serves.
    pub async fn start(mut store: S, publisher: P, settings: Settings) -> Result<(Self, ControllerHandle), LoadError> {
        let image = store.load().await?;
        let (handle, calls) = ControllerHandle::new();
        let host = Self {
            controller: Controller::new(settings, image, MonotonicTime::ZERO),
            store,
            publisher,
            callers: Callers { calls, waiting: BTreeMap::new(), last_request: RequestId(0) },
            started: Instant::now(),
        };
        Ok((host, handle))
    }

    /// What the store holds.
    pub fn committed(&self) -> &Arc<ClusterImage> {
        self.controller.committed()
    }

    /// Serves until `stop` fires, every handle is dropped or another controller takes over; what was taken in is finished.
    /// Returns the store.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) -> S {
        loop {
            let deadline = self.controller.next_deadline(self.now()).since_start();
            let event = tokio::select! {
                biased;
                _ = &mut stop => break,
                event = self.callers.next() => match event {
                    Some(event) => event,
                    None => break,
                },
                // Far beyond what a timer can count: never.
                () = sleep_until(self.started.checked_add(deadline).unwrap_or_else(never)) => Event::Tick,
            };
            let mut effects = VecDeque::from(self.handle(event));
            while let Some(effect) = effects.pop_front() {
                match effect {
                    Effect::Commit(commit) => {
                        let event = self.commit(commit).await;
                        effects.extend(self.handle(event));
                    }
                    Effect::Publish { image, changes } => self.publisher.publish(Published { image, changes }).await,
                    Effect::Reply { id, reply } => self.callers.answer(id, reply),
                    Effect::Look => match self.store.load().await {
                        Ok(image) => effects.extend(self.handle(Event::Looked { image })),
                        Err(error) => {
                            tracing::warn!(%error, "the store does not tell what it holds: whether a later controller decides, or a failed commit was made");
                        }
                    },
                    Effect::Deposed => {
                        tracing::warn!(epoch = ?self.controller.epoch(), "another controller has taken over, this one ends");
                        return self.store;
                    }
                }
            }
        }
        self.store
    }

    fn now(&self) -> MonotonicTime {
        MonotonicTime::from_start(self.started.elapsed())
    }

    fn handle(&mut self, event: Event) -> Vec<Effect> {
        let now = self.now();
        self.controller.handle(event, now)
    }

    /// Commits, taking in requests meanwhile so that the next commit carries them together.
    async fn commit(&mut self, commit: controller::driver::Commit) -> Event {
        let commit = Commit { expected: commit.expected, changes: commit.changes, image: commit.image };
        let result = {
            let Self { controller, store, callers, started, .. } = self;
            let mut running = std::pin::pin!(store.commit(commit));
            loop {
                tokio::select! {
                    biased;
                    result = &mut running => break result,
                    Some(event) = callers.next(), if callers.waiting.len() < PENDING_LIMIT => {
                        let effects = controller.handle(event, MonotonicTime::from_start(started.elapsed()));
                        debug_assert!(effects.is_empty(), "nothing happens while a commit is in flight");
                    }
                }
            }
        };
        match result {
            Ok(()) => Event::Committed,
            Err(CommitError::Failed(reason)) => Event::CommitFailed { reason },
            Err(CommitError::Conflict) => match self.store.load().await {
                Ok(image) => Event::Conflict { image },
                Err(error) => Event::CommitFailed { reason: error.to_string() },
            },
        }
    }
}

impl Callers {
    /// `None` once every handle is dropped.
    async fn next(&mut self) -> Option<Event> {
        match self.calls.recv().await? {
            Call::Ask { request, reply } => {
                self.last_request = RequestId(self.last_request.0 + 1);
                self.waiting.insert(self.last_request, reply);
                Some(Event::Request { id: self.last_request, request })
            }
            Call::Tell(event) => Some(event),
        }
    }

    fn answer(&mut self, id: RequestId, reply: Reply) {
        if let Some(waiting) = self.waiting.remove(&id) {
            // The caller may have gone with its connection; the change stands.
            let _ = waiting.send(reply);
        }
    }
}

fn never() -> Instant {
    Instant::now() + Duration::from_secs(86400 * 365)
}
