//! Fetch (1): batches out, at once or when there are enough.
//!
//! The positions of partitions are read without a lock, their records planned as file extents, and only what goes out is
//! read: small extents into one buffer, large ones not at all, the kernel sends them. Work follows activity: a session
//! looks only at partitions that moved since it looked last ([`ready`]), and a parked request costs one timer.

mod evaluate;
mod followers;
mod gather;
mod memory;
mod nearest;
mod ready;
mod respond;
mod session;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use session::FetchSessions;

use super::{RequestContext, Response};
use crate::partitions::Isolation;
use bytes::Bytes;
use evaluate::{Pass, Rules, Which};
use followers::{Reader, note_follower};
use futures_util::future::join_all;
use kafka_protocol::{ResponseError as Code, messages::FetchRequest, protocol::Decodable};
use parking_lot::Mutex;
use respond::{respond, respond_error};
use session::{FINAL_EPOCH, INITIAL_EPOCH, Session};
use set::FetchSet;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// Sessions came with this version (KIP-227); older requests are without one, whatever the decoder fills in.
const FIRST_VERSION_WITH_SESSIONS: i16 = 7;

/// How a request relates to a session.
enum Kind {
    None,
    /// Wants one, and tells every partition.
    Opens,
    /// Has one, and tells what changed. The epoch it will have when it answers.
    Continues(Arc<Session>, i32),
}

pub(crate) async fn handle(context: RequestContext, mut body: Bytes) -> Response {
    let Ok(request) = FetchRequest::decode(&mut body, context.version) else { return Response::Close };
    let rules = rules(&context, &request);
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let sessions = &context.broker.fetch_sessions;
    let (session_id, epoch) = match context.version {
        FIRST_VERSION_WITH_SESSIONS.. => (request.session_id, request.session_epoch),
        _ => (0, FINAL_EPOCH),
    };
    let (kind, set) = if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
        sessions.close(session_id);
        let kind = if epoch == INITIAL_EPOCH { Kind::Opens } else { Kind::None };
        (kind, Arc::new(Mutex::new(FetchSet::of(&context, request, rules.reader.is_follower()))))
    } else {
        match sessions.resume(&context, session_id, epoch, request) {
            Ok(Some(session)) => {
                let set = Arc::clone(&session.set);
                (Kind::Continues(session, session::next_epoch(epoch)), set)
            }
            // Everything was taken out of the session, so it is over, and there is nothing to wait for.
            Ok(None) => return respond(&context, rules.reader, Vec::new(), 0).await,
            Err(code) => return respond_error(&context, code).await,
        }
    };
    await_recovery(&context, &set, deadline).await;
    if let Reader::Follower(broker) = rules.reader {
        context.broker.partitions.heard_follower();
        note_follower(&set, broker).await;
    }
    let mut pass = collect(&context, &set, &kind, &rules, deadline).await;
    let session_id = match finish(sessions, &set, &kind, &mut pass) {
        Ok(session_id) => session_id,
        Err(code) => return respond_error(&context, code).await,
    };
    respond(&context, rules.reader, pass.reads, session_id).await
}

/// What a broker that was killed holds is known a moment after its start: a consumer that comes in between waits as for
/// records.
async fn await_recovery(context: &RequestContext, set: &Mutex<FetchSet>, deadline: Instant) {
    if !context.broker.partitions.are_recovering() {
        return;
    }
    let recovering = set.lock().recovering();
    let recovered = join_all(recovering.iter().map(|partition| partition.recovered_by(deadline)));
    tokio::select! {
        _ = recovered => {}
        () = context.draining.begun() => {}
    }
}

fn rules(context: &RequestContext, request: &FetchRequest) -> Rules {
    let most = i32::try_from(context.broker.config.fetch.max_bytes).unwrap_or(i32::MAX);
    let max_bytes = request.max_bytes.clamp(0, most);
    Rules {
        version: context.version,
        max_bytes: usize::try_from(max_bytes).unwrap_or(0),
        min_bytes: usize::try_from(request.min_bytes.min(max_bytes)).unwrap_or(0),
        isolation: if request.isolation_level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted },
        reader: Reader::of(context, request),
        rack: nearest::rack(context, request),
    }
}

/// Reads until there is enough to answer, or until it is time to answer with what there is.
async fn collect(
    context: &RequestContext,
    set: &Mutex<FetchSet>,
    kind: &Kind,
    rules: &Rules,
    deadline: Instant,
) -> Pass {
    let which = if matches!(kind, Kind::Continues(..)) { Which::Ready } else { Which::All };
    let waiter = set.lock().waiter();
    let mut draining = false;
    loop {
        waiter.begin();
        let pass = evaluate::evaluate(context, set, which, rules).await;
        let enough = pass.bytes >= rules.min_bytes || pass.must_answer || set.lock().is_empty();
        if enough || draining || Instant::now() >= deadline {
            return pass;
        }
        set.lock().keep_for_next_pass(&pass);
        waiter.want(rules.min_bytes - pass.bytes);
        // What moved while nobody was subscribed is marked now.
        set.lock().subscribe_all();
        drop(pass);
        let _delayed = context.broker.metrics.purgatory().fetch();
        tokio::select! {
            () = waiter.wanted() => {}
            () = sleep_until(deadline) => {}
            () = context.draining.begun() => draining = true,
        }
    }
}

/// Settles the session; the id goes into the answer.
fn finish(sessions: &FetchSessions, set: &Arc<Mutex<FetchSet>>, kind: &Kind, pass: &mut Pass) -> Result<i32, Code> {
    match kind {
        Kind::None => Ok(0),
        Kind::Opens => {
            let mut held = set.lock();
            held.settle(pass, false);
            let partitions = held.len();
            drop(held);
            Ok(sessions.open(set, partitions))
        }
        Kind::Continues(session, epoch) => {
            let mut held = set.lock();
            // Another connection went on with the session meanwhile.
            if held.epoch != *epoch {
                return Err(Code::InvalidFetchSessionEpoch);
            }
            held.settle(pass, true);
            Ok(session.id)
        }
    }
}
