//! The loop that runs a controller: requests and commit results in, commits, images and replies out.

#[cfg(test)]
mod tests;

use crate::{
    handle::{Call, ControllerHandle},
    store::{Commit, CommitError, MetadataStore},
};
use controller::{ClusterImage, Controller, Effect, Event, RequestId, Settings, requests::Reply};
use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    sync::Arc,
};
use tokio::sync::{mpsc, oneshot};

/// Requests the controller holds at most; the rest stay in the callers' queue.
const PENDING_LIMIT: usize = 1024;

/// Who learns of committed images before the caller has its reply.
pub trait Publisher: Send + 'static {
    /// Called in the order of versions, one at a time.
    fn publish(&mut self, image: Arc<ClusterImage>) -> impl Future<Output = ()> + Send;
}

/// One controller over one store.
#[derive(Debug)]
pub struct Host<S, P> {
    controller: Controller,
    store: S,
    publisher: P,
    calls: mpsc::Receiver<Call>,
    waiting: BTreeMap<RequestId, oneshot::Sender<Reply>>,
    last_request: RequestId,
}

impl<S: MetadataStore, P: Publisher> Host<S, P> {
    /// Loads what the store holds and returns the handle for callers. Nothing is decided until [`Host::run`] is
    /// polled, and nothing is published before the first commit: a broker has to register before it serves.
    pub async fn start(
        mut store: S,
        publisher: P,
        settings: Settings,
    ) -> Result<(Self, ControllerHandle), CommitError> {
        let image = store.load().await?;
        let (handle, calls) = ControllerHandle::new();
        let host = Self {
            controller: Controller::new(settings, image),
            store,
            publisher,
            calls,
            waiting: BTreeMap::new(),
            last_request: RequestId(0),
        };
        Ok((host, handle))
    }

    /// Serves until `stop` fires or every handle is dropped; what was taken in is finished. Returns the store.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) -> S {
        loop {
            let call = tokio::select! {
                biased;
                _ = &mut stop => break,
                call = self.calls.recv() => call,
            };
            let Some(call) = call else { break };
            let mut effects = VecDeque::from(self.accept(call));
            while let Some(effect) = effects.pop_front() {
                match effect {
                    Effect::Commit(commit) => {
                        let event = self.commit(commit).await;
                        effects.extend(self.controller.handle(event));
                    }
                    Effect::Publish(image) => self.publisher.publish(image).await,
                    Effect::Reply { id, reply } => {
                        if let Some(waiting) = self.waiting.remove(&id) {
                            // The caller may have gone with its connection; the change stands.
                            let _ = waiting.send(reply);
                        }
                    }
                }
            }
        }
        self.store
    }

    fn accept(&mut self, call: Call) -> Vec<Effect> {
        self.last_request = RequestId(self.last_request.0 + 1);
        self.waiting.insert(self.last_request, call.reply);
        self.controller.handle(Event::Request { id: self.last_request, request: call.request })
    }

    /// Commits, taking in requests meanwhile so that the next commit carries them together.
    async fn commit(&mut self, commit: controller::driver::Commit) -> Event {
        let commit = Commit { expected: commit.expected, changes: commit.changes, image: commit.image };
        let result = {
            let store = &mut self.store;
            let mut running = std::pin::pin!(store.commit(commit));
            loop {
                tokio::select! {
                    biased;
                    result = &mut running => break result,
                    Some(call) = self.calls.recv(), if self.waiting.len() < PENDING_LIMIT => {
                        let id = RequestId(self.last_request.0 + 1);
                        self.last_request = id;
                        self.waiting.insert(id, call.reply);
                        let effects = self.controller.handle(Event::Request { id, request: call.request });
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
