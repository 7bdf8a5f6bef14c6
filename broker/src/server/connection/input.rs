//! The reading half of a connection: bytes to frames to requests, each step only with the memory for it.

use super::{
    super::{
        dispatch::{self, Parsed, Queued, Refused, Request},
        memory::{Grant, Size},
        reader::{FrameError, Next},
    },
    Connection, End, MAX_OVERLAPPING, MAX_UNSENT, Phase, WATCHED_BYTES,
};
use crate::api::Handler;
use futures_util::future::BoxFuture;
use std::{
    sync::atomic::Ordering,
    task::{Context, Poll},
};
use tokio::time::Instant;

/// Whether another request could be started.
#[derive(PartialEq, Eq)]
pub(super) enum Start {
    Started,
    NeedsBytes,
    /// Something before it has to finish first.
    Blocked,
}

/// Memory that the connection waits for.
pub(super) struct GrantWait {
    purpose: Purpose,
    grant: BoxFuture<'static, Option<Grant>>,
}

#[derive(Clone, Copy)]
enum Purpose {
    ReadBuffer,
    LargeFrame {
        length: usize,
    },
    /// What the held request may take once decoded.
    Decoding,
}

/// What the read buffer held.
enum Taken {
    Request(Request),
    /// A request whose response needed no work.
    Answered,
    /// No whole frame, or none that can be read.
    Nothing,
}

impl Connection {
    /// Starts the next request if one is there and may run now.
    pub(super) fn start_request(&mut self) -> Start {
        let is_full = self.outbox.unsent() >= MAX_UNSENT;
        if self.winds_down().is_some() || self.grant_wait.is_some() || self.requests.is_exclusive() || is_full {
            return Start::Blocked;
        }
        let mut request = match self.held.take().map_or_else(|| self.next_request(), Taken::Request) {
            Taken::Request(request) => request,
            Taken::Answered => return Start::Started,
            Taken::Nothing if self.grant_wait.is_some() => return Start::Blocked,
            Taken::Nothing => return Start::NeedsBytes,
        };
        let overlaps = matches!(request.api.handler, Handler::Overlapping(_));
        let limit = if overlaps { MAX_OVERLAPPING } else { 1 };
        let fits = self.requests.bytes() + request.length() <= 2 * self.reader.max_frame();
        if self.requests.waiting() >= limit || (self.requests.waiting() > 0 && !fits) {
            self.hold(request);
            return Start::Blocked;
        }
        let cost = request.decoding_cost;
        if cost > 0 && request.decoding_grant.is_none() {
            request.decoding_grant = self.shared.memory.try_grant(Size::Decoded, cost);
            if request.decoding_grant.is_none() {
                self.hold(request);
                self.wait_for_grant(Size::Decoded, cost, Purpose::Decoding);
                return Start::Blocked;
            }
        }
        self.requests.start(request, &self.context, self.timing.request_begins());
        Start::Started
    }

    fn hold(&mut self, mut request: Request) {
        let channel = self.shared.broker.metrics.request_channel();
        request.queued.get_or_insert_with(|| Queued { since: Instant::now(), _counted: channel.queued_request() });
        self.held = Some(request);
    }

    fn next_request(&mut self) -> Taken {
        let frame = loop {
            match self.reader.next() {
                Ok(Next::Frame(frame)) => break frame,
                Ok(Next::Grant(length)) if self.grant_large(length) => {}
                Ok(Next::Grant(_) | Next::Bytes) => return Taken::Nothing,
                Err(error) => {
                    self.refuse_frame(&error);
                    return Taken::Nothing;
                }
            }
        };
        match dispatch::parse(self.shared.table, frame) {
            Ok(Parsed::Request(request)) => Taken::Request(request),
            Ok(Parsed::UnknownApiVersionsVersion(response)) => {
                self.requests.answer_unknown_version(response);
                Taken::Answered
            }
            Err(refused) => {
                self.refuse_request(&refused);
                Taken::Nothing
            }
        }
    }

    /// True when the frame has its memory; else the connection waits for it.
    fn grant_large(&mut self, length: usize) -> bool {
        if let Some(grant) = self.shared.memory.try_grant(Size::of_frame(length), length) {
            self.reader.start_large(length, grant);
            self.timing.frame_begins();
            return true;
        }
        self.wait_for_grant(Size::of_frame(length), length, Purpose::LargeFrame { length });
        false
    }

    fn wait_for_grant(&mut self, size: Size, bytes: usize, purpose: Purpose) {
        let memory = self.shared.memory.clone();
        let grant = Box::pin(async move { memory.grant(size, bytes).await.ok() });
        self.grant_wait = Some(GrantWait { purpose, grant });
    }

    /// Reads once, if bytes are wanted. True when something came.
    pub(super) fn poll_read(&mut self, start: &Start, context: &mut Context<'_>) -> Result<bool, End> {
        let watches =
            self.requests.is_parked() && self.reader.buffered() < WATCHED_BYTES && self.reader.large_length().is_none();
        if self.input_ended || self.phase > Phase::Serving || !(*start == Start::NeedsBytes || watches) {
            return Ok(false);
        }
        if self.stream.poll_read_ready(context)?.is_pending() {
            self.reader.release_if_empty();
            return Ok(false);
        }
        if let Err(bytes) = self.reader.try_make_room(&self.shared.memory) {
            self.wait_for_grant(Size::Small, bytes, Purpose::ReadBuffer);
            return Ok(true);
        }
        match self.reader.poll_read(&mut self.stream, context)? {
            Poll::Pending => Ok(false),
            Poll::Ready(0) if watches => Err(End::InputEnded),
            Poll::Ready(0) => {
                self.input_ended = true;
                Ok(true)
            }
            Poll::Ready(_) => {
                self.timing.active();
                Ok(true)
            }
        }
    }

    /// True when the memory that the connection waited for came.
    pub(super) fn poll_grant(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let Some(wait) = &mut self.grant_wait else { return Ok(false) };
        let Poll::Ready(grant) = wait.grant.as_mut().poll(context) else { return Ok(false) };
        let grant = grant.ok_or(End::Stopped)?;
        let purpose = wait.purpose;
        self.grant_wait = None;
        match (purpose, &mut self.held) {
            (Purpose::ReadBuffer, _) => self.reader.make_room(grant),
            (Purpose::LargeFrame { length }, _) => {
                self.reader.start_large(length, grant);
                self.timing.frame_begins();
            }
            (Purpose::Decoding, Some(request)) => request.decoding_grant = Some(grant),
            (Purpose::Decoding, None) => {}
        }
        Ok(true)
    }

    /// What cannot be read ends the connection, but requests before it are answered first.
    pub(super) fn end_input(&mut self) {
        self.input_ended = true;
        self.held = None;
        self.reader.discard();
    }

    fn refuse_frame(&mut self, error: &FrameError) {
        self.metrics.protocol_errors.increment();
        let foreign = match error {
            FrameError::TooLarge { prefix, .. } => dispatch::foreign_protocol(*prefix),
            FrameError::TooShort { .. } => None,
        };
        if let Some(foreign) = foreign
            && !self.shared.warned_of_foreign_protocol.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(protocol = foreign, "client speaks another protocol, this port takes plain Kafka");
        }
        tracing::debug!(error = %error, "closing, frame cannot be read");
        self.end_input();
    }

    fn refuse_request(&mut self, refused: &Refused) {
        self.metrics.protocol_errors.increment();
        tracing::debug!(reason = %refused, "closing, request is refused");
        self.end_input();
    }
}
