//! The controller as a driver: events in, effects out.
//!
//! | state | `Request` | `Committed` | `Conflict` | `CommitFailed` |
//! |---|---|---|---|---|
//! | idle | decide; commit, or reply when nothing changes | – | – | – |
//! | committing | queue | publish, reply, decide the queue | decide all again on the store's image | refuse those, decide the queue, look at the store |
//!
//! What the controller does unasked (fencing, unfencing, handing leadership back) it decides from what is, not from what
//! happened: the same decisions come again until they are committed.
//!
//! Requests queued during a commit are decided one on top of the other and committed together, so a store that needs
//! an fsync per commit serves any number of callers with one. Their replies wait for that commit even where they
//! change nothing: "already exists" is only true once the other one exists.

#[cfg(test)]
mod tests;

use crate::{
    decide::{Context, Draft},
    errors::ControllerError,
    image::ClusterImage,
    record::MetadataChange,
    requests::{BrokerSession, Reply, Request},
    sessions::{Heartbeat, Sessions},
    settings::Settings,
    undo_windows::UndoWindows,
};
use model::{
    BrokerEpoch, BrokerId, ControllerEpoch, MetadataVersion, MonotonicTime,
    mistakes::{Mistake, is_made},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// Requests decided into one commit at most: bounds what one write to the store holds.
const REQUESTS_PER_COMMIT: usize = 256;

/// After a commit that failed the controller does nothing unasked for this long.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A look at the store reads all of it.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Names a request until its reply; the host chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

#[derive(Debug)]
pub enum Event {
    Request {
        id: RequestId,
        request: Request,
    },
    /// A broker is alive.
    Heard(Heartbeat),
    /// Its connection broke; it may come back.
    Disconnected(BrokerSession),
    /// It said that it goes.
    Departed(BrokerSession),
    /// Time passed.
    Tick,
    /// The store holds every change of the last [`Effect::Commit`].
    Committed,
    /// Somebody else committed first; this is what the store holds now.
    Conflict {
        image: Arc<ClusterImage>,
    },
    /// The store holds nothing of the last commit, as far as is known. Where it does after all the next commit conflicts, or a look
    /// tells where nothing else is to be committed.
    CommitFailed {
        reason: String,
    },
    /// A broker obeys a controller that took over later. A controller that has nothing to commit learns of it in no other way.
    Outlived,
    /// What the store holds, as [`Effect::Look`] asked. Where it cannot be read nothing is told.
    Looked {
        image: Arc<ClusterImage>,
    },
}

#[derive(Debug)]
pub enum Effect {
    /// Make these changes durable and answer with an event.
    Commit(Commit),
    /// Show this image to the brokers, before any later effect.
    Publish {
        image: Arc<ClusterImage>,
        /// What led to it from the one published before; empty where somebody else did.
        changes: Vec<MetadataChange>,
    },
    Reply {
        id: RequestId,
        reply: Reply,
    },
    /// Read what the store holds. Comes last: no commit is under way until its answer, which may depose this controller.
    Look,
    /// The store is another controller's. This one refuses everything from here on.
    Deposed,
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
    /// Known once its record is committed.
    epoch: Option<ControllerEpoch>,
    is_deposed: bool,
    sessions: Sessions,
    queue: VecDeque<(RequestId, Request)>,
    in_flight: Option<InFlight>,
    last_event: MonotonicTime,
    idle_until: MonotonicTime,
    look_again_at: MonotonicTime,
    /// The last commit failed, and may have been made: then the store is looked at.
    in_doubt_until: Option<MonotonicTime>,
    hand_back_at: Option<MonotonicTime>,
    undo_windows: UndoWindows,
}

#[derive(Debug)]
struct InFlight {
    image: Arc<ClusterImage>,
    changes: Vec<MetadataChange>,
    /// In the order decided; kept whole so that a conflict can decide them again.
    decided: Vec<(RequestId, Request, Reply)>,
}

impl Controller {
    /// Takes over from what the store holds. The first commit raises the controller epoch.
    pub fn new(settings: Settings, committed: Arc<ClusterImage>, now: MonotonicTime) -> Self {
        Self {
            sessions: Sessions::new(settings.sessions),
            hand_back_at: settings.hand_back.map(|hand_back| now + hand_back.interval),
            settings,
            undo_windows: UndoWindows::default(),
            committed,
            epoch: None,
            is_deposed: false,
            queue: VecDeque::new(),
            in_flight: None,
            last_event: now,
            idle_until: now,
            look_again_at: now,
            in_doubt_until: None,
        }
    }

    /// The image every earlier commit has led to.
    pub fn committed(&self) -> &Arc<ClusterImage> {
        &self.committed
    }

    /// The epoch that this controller's decisions carry; `None` before its first commit.
    pub fn epoch(&self) -> Option<ControllerEpoch> {
        self.epoch
    }

    /// [`Controller::handle`] must be called at least this often: what comes later is taken for a standstill of this
    /// process, in which it could hear of nobody.
    pub fn longest_quiet(&self) -> Duration {
        self.settings.sessions.timeout / 4
    }

    /// When time alone may make a difference.
    pub fn next_deadline(&self, now: MonotonicTime) -> MonotonicTime {
        // What is due by then is done at once; until then looking at it again and again would change nothing.
        let when_not_idle = |at: MonotonicTime| at.max(self.idle_until);
        let deadlines = [
            self.sessions.next_deadline(&alive(&self.committed), now),
            self.hand_back_at.map(when_not_idle),
            self.undo_windows.next_deadline(self.settings.deletion_undo_window).map(when_not_idle),
            Some(self.idle_until).filter(|until| *until > now),
            self.in_doubt_until,
        ];
        deadlines.into_iter().flatten().fold(now + self.longest_quiet(), MonotonicTime::min)
    }

    pub fn handle(&mut self, event: Event, now: MonotonicTime) -> Vec<Effect> {
        let gap = now.since(self.last_event);
        if gap > self.longest_quiet() * 2 {
            self.sessions.forgive(gap);
        }
        self.last_event = now;
        let mut effects = Vec::new();
        match event {
            Event::Request { id, .. } if self.is_deposed => effects.push(refused(id, &ControllerError::Deposed)),
            Event::Request { id, request } => {
                if let Request::SetLeaving(leaving) = &request {
                    self.settings.leaving = *leaving;
                }
                self.queue.push_back((id, request));
            }
            Event::Heard(heartbeat) => self.sessions.heard(heartbeat, now),
            Event::Disconnected(BrokerSession { id, epoch }) => self.sessions.disconnected(id, epoch, now),
            Event::Departed(BrokerSession { id, epoch }) => self.sessions.departed(id, epoch, now),
            Event::Tick => {}
            Event::Committed => {
                self.in_doubt_until = None;
                let InFlight { image, changes, decided } = self.take_in_flight();
                self.epoch = Some(image.controller_epoch);
                self.committed = Arc::clone(&image);
                effects.push(Effect::Publish { image, changes });
                effects.extend(decided.into_iter().map(|(id, _, reply)| Effect::Reply { id, reply }));
            }
            Event::Conflict { image } => self.start_again(image, &mut effects),
            Event::CommitFailed { reason } => {
                let InFlight { decided, .. } = self.take_in_flight();
                self.idle_until = now + RETRY_AFTER;
                self.in_doubt_until = Some(self.idle_until);
                let refusal = ControllerError::StoreFailed(reason);
                effects.extend(decided.into_iter().map(|(id, ..)| refused(id, &refusal)));
            }
            // A commit under way tells as much, and before its own first commit a controller is nobody to outlive.
            Event::Outlived => {
                if self.in_flight.is_none() && self.epoch.is_some() && now >= self.look_again_at {
                    self.look_again_at = now + LOOK_INTERVAL;
                    // Nothing else is decided before it is known who decides.
                    return vec![Effect::Look];
                }
            }
            Event::Looked { image } => {
                self.in_doubt_until = None;
                let is_newer = image.metadata_version > self.committed.metadata_version;
                if !self.give_way(&image, &mut effects) && is_newer {
                    self.adopt(image, &mut effects);
                }
            }
        }
        while self.in_flight.is_none() && !self.is_deposed && self.decide(now, &mut effects) {}
        if self.in_flight.is_none() && !self.is_deposed && self.in_doubt_until.is_some_and(|until| now >= until) {
            self.in_doubt_until = Some(now + LOOK_INTERVAL);
            effects.push(Effect::Look);
        }
        effects
    }

    fn take_in_flight(&mut self) -> InFlight {
        self.in_flight.take().expect("the host reports on a commit only after an effect asked for it")
    }

    /// Somebody else committed. If it was another controller, that one decides.
    fn start_again(&mut self, image: Arc<ClusterImage>, effects: &mut Vec<Effect>) {
        let InFlight { decided, .. } = self.take_in_flight();
        for (id, request, _) in decided.into_iter().rev() {
            self.queue.push_front((id, request));
        }
        self.in_doubt_until = None;
        if !self.give_way(&image, effects) {
            self.adopt(image, effects);
        }
    }

    /// What the store holds, though nobody told this controller that it was committed.
    fn adopt(&mut self, image: Arc<ClusterImage>, effects: &mut Vec<Effect>) {
        self.committed = Arc::clone(&image);
        if self.epoch.is_some() {
            effects.push(Effect::Publish { image, changes: Vec::new() });
        }
    }

    /// To another controller, if the store knows one. Its epoch is higher when it took over later. A lower one is of metadata
    /// that was put back or written anew, on which this one's epoch was never reached: what it decides would be obeyed by
    /// nobody, or by brokers that should obey its successor.
    fn give_way(&mut self, image: &ClusterImage, effects: &mut Vec<Effect>) -> bool {
        self.is_deposed = self.epoch.is_some_and(|mine| image.controller_epoch != mine);
        if self.is_deposed {
            let refuse = |(id, _): (RequestId, Request)| refused(id, &ControllerError::Deposed);
            effects.extend(self.queue.drain(..).map(refuse));
            effects.push(Effect::Deposed);
        }
        self.is_deposed
    }

    /// One commit, or answers that need none. `false` when nothing is left to decide.
    fn decide(&mut self, now: MonotonicTime, effects: &mut Vec<Effect>) -> bool {
        let alive = alive(&self.committed);
        let lost = self.sessions.lost(&alive, now);
        let undone_no_more = self.undo_windows.ended(&self.committed, self.settings.deletion_undo_window, now);
        let context = Context { settings: &self.settings, sessions: &self.sessions, now };
        let before = self.committed.metadata_version;
        let mut draft = Draft::new(ClusterImage::clone(&self.committed));
        if now >= self.idle_until || !self.queue.is_empty() {
            if self.epoch.is_none() {
                draft.take_over(&self.settings);
            }
            draft.fence(&lost);
            draft.unfence(&context);
            draft.raise_internal_replication(&self.settings);
            draft.end_tombstones(&undone_no_more);
            if let Some(hand_back) = self.settings.hand_back
                && self.hand_back_at.is_some_and(|at| now >= at)
            {
                draft.hand_back(&context, hand_back);
                self.hand_back_at = Some(now + hand_back.interval);
            }
        }
        let decided: Vec<_> = self
            .queue
            .drain(..self.queue.len().min(REQUESTS_PER_COMMIT))
            .map(|(id, request)| {
                let reply = draft.decide(&context, &request);
                (id, request, reply)
            })
            .collect();
        let (image, changes) = draft.finish();
        if changes.is_empty() {
            let had_requests = !decided.is_empty();
            effects.extend(decided.into_iter().map(|(id, _, reply)| Effect::Reply { id, reply }));
            return had_requests;
        }
        let image = Arc::new(image);
        if is_made(Mistake::PublishBeforeCommit) {
            self.committed = Arc::clone(&image);
            effects.push(Effect::Publish { image: Arc::clone(&image), changes: changes.clone() });
        }
        self.in_flight = Some(InFlight { image: Arc::clone(&image), changes: changes.clone(), decided });
        effects.push(Effect::Commit(Commit { expected: before, changes, image }));
        true
    }
}

fn refused(id: RequestId, refusal: &ControllerError) -> Effect {
    Effect::Reply { id, reply: Reply::Refused(refusal.clone()) }
}

/// Brokers that may lead, or led until a moment ago.
fn alive(image: &ClusterImage) -> Vec<(BrokerId, BrokerEpoch)> {
    image.brokers.values().filter(|broker| !broker.fenced).map(|broker| (broker.id, broker.epoch)).collect()
}
