//! The requests of one connection that are not answered yet, in the order they came.

use super::{
    super::{UNDER_WAY, dispatch::Request, memory::Grant, sender::Outbox},
    departures::Departures,
    stages::Stages,
};
use crate::{
    Broker,
    api::{ConnectionContext, Dispatched, Handler, RequestContext, Response},
};
use futures_util::future::BoxFuture;
use kafka_protocol::{ResponseError, messages::ApiKey, protocol::StrBytes};
use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::Instant;

pub(super) struct Requests {
    broker: Arc<Broker>,
    /// Oldest first. Only the first is polled: the others cannot be sent before it.
    waiting: VecDeque<Slot>,
    /// How many of them have their response.
    answered_early: usize,
    /// The newest request while nothing may start beside it.
    exclusive: Option<Exclusive>,
    /// Of all requests here.
    bytes: usize,
    /// What the last request called itself: most clients never change it, so it is copied out of a frame once.
    client_id: Option<StrBytes>,
}

struct Slot {
    request: Option<InProgress>,
    state: SlotState,
}

enum SlotState {
    Ready(Response),
    Pending(BoxFuture<'static, Response>),
}

struct Exclusive {
    request: InProgress,
    work: Work,
}

enum Work {
    Whole {
        response: BoxFuture<'static, Response>,
        parks: bool,
    },
    /// The part of a Produce that has to happen in order.
    FirstStage(BoxFuture<'static, Dispatched>),
}

struct InProgress {
    api_key: i16,
    stages: Stages,
    length: usize,
    /// The memory of its frame, and of what it decodes to.
    _grants: [Option<Grant>; 2],
}

impl Requests {
    pub(super) fn new(broker: Arc<Broker>) -> Self {
        Self {
            broker,
            waiting: VecDeque::with_capacity(UNDER_WAY),
            answered_early: 0,
            exclusive: None,
            bytes: 0,
            client_id: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.exclusive.is_none()
    }

    /// Whether a request is in progress that no other may start beside.
    pub(super) fn is_exclusive(&self) -> bool {
        self.exclusive.is_some()
    }

    /// Whether the request in progress waits by design and nobody misses it once its client is gone.
    pub(super) fn is_parked(&self) -> bool {
        matches!(&self.exclusive, Some(Exclusive { work: Work::Whole { parks: true, .. }, .. }))
    }

    /// Responses that later ones wait for.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Responses that are made and wait for those before them.
    pub(super) fn answered_early(&self) -> usize {
        self.answered_early
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Begins to work on a request. The caller made sure that it may run now.
    pub(super) fn start(&mut self, request: Request, connection: &Arc<ConnectionContext>, now: Instant) {
        let length = request.length();
        let api = request.api;
        if let Some(metrics) = self.broker.metrics.request(api.key as i16) {
            if let Some(counter) = metrics.requests(request.version) {
                counter.increment();
            }
            metrics.in_progress.increment();
            metrics.request_bytes.observe(length as u64);
        }
        let stages = Stages::start(request.queued.map_or(now, |queued| queued.since), now);
        let (body, grant) = request.body.into_parts();
        let context = RequestContext {
            connection: connection.clone(),
            version: request.version,
            correlation_id: request.correlation_id,
            client_id: self.own_client_id(request.client_id),
            started: now,
        };
        let work = match api.handler {
            Handler::Ordinary(handle) => Work::Whole { response: handle(context, body), parks: false },
            Handler::Parking(handle) => Work::Whole { response: handle(context, body), parks: true },
            Handler::Overlapping(handle) => Work::FirstStage(handle(context, body)),
        };
        self.bytes += length;
        let request = InProgress { api_key: api.key as i16, stages, length, _grants: [grant, request.decoding_grant] };
        self.exclusive = Some(Exclusive { request, work });
    }

    /// Adds the answer to an ApiVersions in a version that nobody knows.
    pub(super) fn answer_unknown_version(&mut self, response: Response) {
        if let Some(metrics) = self.broker.metrics.request(ApiKey::ApiVersions as i16) {
            metrics.errors.count(|each| each(ResponseError::UnsupportedVersion.code()));
        }
        self.wait_for_turn(Slot { request: None, state: SlotState::Ready(response) });
    }

    /// Moves what is ready, in order, to the outbox. `Break` when a request asks for the connection to close.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        outbox: &mut Outbox,
        departures: &mut Departures,
    ) -> ControlFlow<()> {
        let mut now = self.poll_exclusive(context);
        while let Some(mut slot) = self.waiting.pop_front() {
            let response = match slot.state {
                SlotState::Ready(response) => {
                    self.answered_early -= 1;
                    response
                }
                SlotState::Pending(mut response) => match response.as_mut().poll(context) {
                    Poll::Ready(response) => {
                        let answered = *now.insert(Instant::now());
                        if let Some(request) = &mut slot.request {
                            request.stages.answered(answered);
                        }
                        response
                    }
                    Poll::Pending => {
                        slot.state = SlotState::Pending(response);
                        self.waiting.push_front(slot);
                        break;
                    }
                },
            };
            let closes = matches!(response, Response::Close);
            outbox.push(response);
            if let Some(request) = slot.request {
                self.finish(&request, closes);
                if !closes {
                    let now = *now.get_or_insert_with(Instant::now);
                    departures.begin(request.api_key, &request.stages, outbox.end(), now);
                }
            }
            if closes {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn wait_for_turn(&mut self, slot: Slot) {
        self.answered_early += usize::from(matches!(slot.state, SlotState::Ready(_)));
        self.waiting.push_back(slot);
    }

    /// Gives up what is in progress: nobody is there to be answered.
    pub(super) fn drop_all(&mut self) {
        let exclusive = self.exclusive.take().map(|exclusive| exclusive.request);
        self.answered_early = 0;
        let waiting = std::mem::take(&mut self.waiting).into_iter().filter_map(|slot| slot.request);
        let dropped: Vec<_> = waiting.chain(exclusive).collect();
        dropped.iter().for_each(|request| self.finish(request, true));
    }

    /// Returns the time if it had to look.
    fn poll_exclusive(&mut self, context: &mut Context<'_>) -> Option<Instant> {
        let mut exclusive = self.exclusive.take()?;
        let state = match &mut exclusive.work {
            Work::Whole { response, .. } => response.as_mut().poll(context).map(SlotState::Ready),
            Work::FirstStage(stage) => stage.as_mut().poll(context).map(|dispatched| match dispatched {
                Dispatched::Ready(response) => SlotState::Ready(response),
                Dispatched::Pending(response) => SlotState::Pending(response),
            }),
        };
        let stages = &mut exclusive.request.stages;
        if state.is_pending() && stages.is_waiting() {
            self.exclusive = Some(exclusive);
            return None;
        }
        let now = Instant::now();
        match state {
            Poll::Ready(state) => {
                match state {
                    SlotState::Ready(_) => stages.answered(now),
                    SlotState::Pending(_) => stages.waits(now),
                }
                self.wait_for_turn(Slot { request: Some(exclusive.request), state });
            }
            Poll::Pending => {
                stages.waits(now);
                self.exclusive = Some(exclusive);
            }
        }
        Some(now)
    }

    fn finish(&mut self, request: &InProgress, unanswered: bool) {
        self.bytes -= request.length;
        let Some(metrics) = self.broker.metrics.request(request.api_key) else { return };
        metrics.in_progress.decrement();
        if unanswered {
            metrics.unanswered.increment();
        }
    }

    fn own_client_id(&mut self, client_id: Option<StrBytes>) -> Option<StrBytes> {
        if self.client_id != client_id {
            self.client_id = client_id.map(|id| StrBytes::from_string(id.as_str().to_owned()));
        }
        self.client_id.clone()
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.drop_all();
    }
}
