//! A process that hosts the controller: the steps of the real host, one at a time, so that it can die between any two.

use super::{
    World,
    message::{Message, Node},
    network::Timer,
    place::Place,
    store::Ailment,
};
use controller::{
    Controller, ControllerError, Effect, Event, HandBack, Heartbeat, RequestId, SessionSettings, Settings,
    driver::Commit,
    obeying::{NotLetIn, Standing},
    rebuild::Reign,
    requests::{AlterPartitions, BrokerSession, Reply, Request},
};
use model::{BrokerId, Incarnation, MetadataVersion, ReignId};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

pub(super) const SESSION: SessionSettings =
    SessionSettings { timeout: Duration::from_secs(3), reconnect_grace: Duration::from_millis(200) };
pub(super) const HAND_BACK: HandBack =
    HandBack { interval: Duration::from_secs(20), percentage: 10, min_here: Duration::from_secs(1) };
const TICK: Duration = Duration::from_millis(100);

pub(super) fn settings() -> Settings {
    Settings {
        num_partitions: 1,
        default_replication: controller::DefaultReplication::Exactly(3),
        delete_topic_enable: true,
        sessions: SESSION,
        hand_back: Some(HAND_BACK),
        ..Settings::default()
    }
}

#[derive(Debug)]
pub(super) struct ControllerNode {
    controller: Controller,
    /// Decided and not done.
    effects: VecDeque<Effect>,
    /// On its way to the store and back.
    committing: Option<Commit>,
    asked: BTreeMap<RequestId, Asked>,
    requests: u64,
    /// What the store held before its first commit, as far as it knows.
    found: MetadataVersion,
    reign: ReignId,
}

impl ControllerNode {
    pub(super) fn has_taken_over(&self) -> bool {
        self.controller.epoch().is_some()
    }

    fn standing(&self) -> Standing {
        let newest = self.controller.committed().metadata_version;
        let reign = |epoch| Reign { id: self.reign, epoch, found: self.found, newest };
        Standing { reign: self.controller.epoch().map(reign), loaded: self.found }
    }
}

/// Where a controller may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A commit is decided, and the store has not heard of it.
    BeforeCommit,
    /// The store got the commit, and nobody knows.
    Committed,
    /// It knows that it committed, and nobody else does.
    BeforePublish,
    /// Some of the brokers know.
    BetweenPushes,
    /// All know, and whoever asked has no answer.
    BeforeReply,
}

impl Step {
    pub(super) const ALL: [Self; 5] =
        [Self::BeforeCommit, Self::Committed, Self::BeforePublish, Self::BetweenPushes, Self::BeforeReply];
}

#[derive(Debug)]
enum Asked {
    Registration { broker: i32, incarnation: Incarnation },
    Alteration(AlterPartitions),
    Shutdown(BrokerSession),
}

impl World {
    /// Takes over from whatever the store holds. Another controller may go on believing that it is the one.
    pub(super) fn start_controller(&mut self, index: usize) {
        let node = Node::Controller(index);
        let controller = Controller::new(settings(), self.store.image.clone(), self.network.clock(node));
        self.trace.story(self.network.now, format_args!("{node} starts from {}", self.store.image.metadata_version.0));
        let started = ControllerNode {
            controller,
            effects: VecDeque::new(),
            committing: None,
            asked: BTreeMap::new(),
            requests: 0,
            found: self.store.image.metadata_version,
            // One process begins once in one moment.
            reign: ReignId(uuid::Uuid::from_u128(self.network.now.since_start().as_nanos() << 16 | index as u128)),
        };
        self.controllers.insert(index, started);
        self.network.set_timer(node, TICK, Timer::Tick);
        self.newest_controller = index;
        self.highest_controller = self.highest_controller.max(index);
    }

    pub(super) fn controller_timer(&mut self, index: usize, timer: Timer) {
        match timer {
            Timer::Tick => {
                self.controller_handles(index, Event::Tick);
                self.network.set_timer(Node::Controller(index), TICK, Timer::Tick);
            }
            Timer::Commit => self.commit_ends(index),
            Timer::Rise => self.start_controller(index),
            Timer::Next => {}
        }
    }

    pub(super) fn controller_hears(&mut self, index: usize, from: Node, message: Message) {
        let Node::Broker(broker) = from else { return };
        let Some(standing) = self.controllers.get(&index).map(ControllerNode::standing) else { return };
        let refused = message.obeyed().and_then(|obeyed| standing.let_in(obeyed).err());
        let is_outlived = matches!(refused, Some(NotLetIn::Outlived { .. }));
        if is_outlived && matches!(message, Message::Heartbeat { .. } | Message::Register { .. }) {
            self.controller_handles(index, Event::Outlived);
        }
        let event = match message {
            // The broker takes no word of a controller of before: its session breaks, and it does not come back.
            Message::Heartbeat { heartbeat: Heartbeat { id, epoch, .. }, .. } if is_outlived => {
                Event::Disconnected(BrokerSession { id, epoch })
            }
            _ if refused.is_some() => return,
            // In a session, which there is once this controller has committed that the broker registered.
            Message::Alter { .. } | Message::BeginShutdown { .. } if standing.reign.is_none() => return,
            Message::Heartbeat { heartbeat, .. } => Event::Heard(heartbeat),
            Message::Broken(session) => Event::Disconnected(session),
            Message::Departed(session) => Event::Departed(session),
            Message::BeginShutdown { session, .. } => {
                self.request(index, Asked::Shutdown(session), Request::BeginShutdown(session))
            }
            Message::Register { request: register, .. } => {
                let asked = Asked::Registration { broker, incarnation: register.incarnation };
                self.request(index, asked, Request::RegisterBroker(register))
            }
            Message::Alter { request: alter, .. } => {
                self.request(index, Asked::Alteration(alter.clone()), Request::AlterPartitions(alter))
            }
            _ => return,
        };
        let epoch = standing.reign.filter(|_| matches!(event, Event::Heard(_))).map(|own| own.epoch);
        self.controller_handles(index, event);
        if let Some(epoch) = epoch {
            let holds = Message::InSession(epoch);
            self.network.send(Node::Controller(index), from, holds, &mut self.random);
        }
        // As the session does: whoever is heard and lags gets the newest image.
        self.push_metadata(index, broker);
    }

    fn request(&mut self, index: usize, asked: Asked, request: Request) -> Event {
        let Some(node) = self.controllers.get_mut(&index) else { return Event::Tick };
        node.requests += 1;
        let id = RequestId(node.requests);
        node.asked.insert(id, asked);
        Event::Request { id, request }
    }

    pub(super) fn controller_handles(&mut self, index: usize, event: Event) {
        let now = self.network.clock(Node::Controller(index));
        let Some(node) = self.controllers.get_mut(&index) else { return };
        let effects = node.controller.handle(event, now);
        node.effects.extend(effects);
        self.run_effects(index);
    }

    /// Until one of them waits for the store, or the process dies.
    fn run_effects(&mut self, index: usize) {
        loop {
            let Some(node) = self.controllers.get_mut(&index) else { return };
            if node.committing.is_some() {
                return;
            }
            let Some(effect) = node.effects.pop_front() else { return };
            let step = match effect {
                Effect::Commit(_) => Some(Step::BeforeCommit),
                Effect::Publish { .. } => Some(Step::BeforePublish),
                Effect::Reply { .. } => Some(Step::BeforeReply),
                Effect::Look | Effect::Deposed => None,
            };
            if step.is_some_and(|step| self.dies(index, step)) {
                return;
            }
            self.run_effect(index, effect);
        }
    }

    fn run_effect(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Commit(commit) => {
                let slow_by = self.store.ailment.slow_by_ms * 1000;
                let wait = Duration::from_micros(500 + self.random.below(20_000 + slow_by));
                if let Some(node) = self.controllers.get_mut(&index) {
                    node.committing = Some(commit);
                }
                self.network.set_timer(Node::Controller(index), wait, Timer::Commit);
            }
            Effect::Publish { .. } => {
                for broker in 1..=self.setup.brokers {
                    self.push_metadata(index, broker);
                    if broker > 1 && self.dies(index, Step::BetweenPushes) {
                        return;
                    }
                }
            }
            Effect::Reply { id, reply } => self.reply(index, id, reply),
            Effect::Look => {
                let image = self.store.image.clone();
                self.controller_handles(index, Event::Looked { image });
            }
            // The process that the brokers are sent to starts again, and takes over in its turn.
            Effect::Deposed if index == self.newest_controller => self.crash_controller(index),
            Effect::Deposed => {
                self.controllers.remove(&index);
                self.network.end_life(Node::Controller(index));
            }
        }
    }

    fn commit_ends(&mut self, index: usize) {
        let Some(commit) = self.controllers.get_mut(&index).and_then(|node| node.committing.take()) else { return };
        let Ailment { fails_once_in, lies_once_in, .. } = self.store.ailment;
        let event = if fails_once_in > 0 && self.random.once_in(fails_once_in) {
            Event::CommitFailed { reason: "the store is not reached".to_owned() }
        } else if self.commit(index, &commit) {
            if self.dies(index, Step::Committed) {
                return;
            }
            if let Some(node) = self.controllers.get_mut(&index).filter(|node| node.controller.epoch().is_none()) {
                node.found = commit.expected;
            }
            if lies_once_in > 0 && self.random.once_in(lies_once_in) {
                self.trace.story(self.network.now, format_args!("controller {index} is told that it failed"));
                Event::CommitFailed { reason: "the store did not answer".to_owned() }
            } else {
                Event::Committed
            }
        } else {
            Event::Conflict { image: self.store.image.clone() }
        };
        self.controller_handles(index, event);
    }

    fn commit(&mut self, index: usize, commit: &Commit) -> bool {
        let before = self.store.image.clone();
        let is_committed = self.store.commit(commit);
        let now = self.network.now;
        if !is_committed {
            self.trace.story(now, format_args!("controller {index}: conflict at {}", commit.expected.0));
            return false;
        }
        let (version, epoch) = (self.store.image.metadata_version.0, self.store.image.controller_epoch.0);
        self.trace.story(now, format_args!("controller {index} in epoch {epoch} committed {version}"));
        for place in Place::all(self.setup.partitions) {
            let Some(after) = place.state_in(&self.store.image).filter(|after| place.state_in(&before) != Some(after))
            else {
                continue;
            };
            let leader = after.leader.map_or(-1, |leader| leader.0);
            let (epoch, change) = (after.leader_epoch.0, after.partition_epoch.0);
            let (isr, elr) = (ids(&after.isr), ids(&after.elr));
            self.trace.story(
                now,
                format_args!(
                    "  {place}: leader {leader} in epoch {epoch}, state {change}, ISR {isr:?}, eligible {elr:?}"
                ),
            );
        }
        true
    }

    fn dies(&mut self, index: usize, step: Step) -> bool {
        let dies = self.dies_at == Some(step);
        if dies {
            self.trace.story(self.network.now, format_args!("controller {index} dies: {step:?}"));
            self.dies_at = None;
            self.crash_controller(index);
        }
        dies
    }

    fn push_metadata(&mut self, index: usize, broker: i32) {
        let Some(node) = self.controllers.get(&index) else { return };
        if node.controller.epoch().is_none() {
            return;
        }
        let (image, reign) = (node.controller.committed().clone(), node.reign);
        if self.brokers.get(&broker).is_some_and(|known| known.version() >= image.metadata_version) {
            return;
        }
        self.network.send(
            Node::Controller(index),
            Node::Broker(broker),
            Message::Metadata { image, reign },
            &mut self.random,
        );
    }

    fn reply(&mut self, index: usize, id: RequestId, reply: Reply) {
        let Some(node) = self.controllers.get_mut(&index) else { return };
        let by = node.controller.committed().controller_epoch;
        let (broker, message) = match (node.asked.remove(&id), reply) {
            (Some(Asked::Registration { broker, incarnation }), Reply::BrokerRegistered(epoch)) => {
                (broker, Message::Registered { by, incarnation, epoch })
            }
            (
                Some(Asked::Registration { broker, incarnation }),
                Reply::Refused(ControllerError::RegisteredMeanwhile(there)),
            ) => (broker, Message::RegisteredMeanwhile { by, incarnation, there }),
            (Some(Asked::Alteration(request)), Reply::PartitionsAltered(results)) => {
                (request.broker.0, Message::Altered { by, request, results })
            }
            (Some(Asked::Shutdown(session)), Reply::ShutdownBegun) => {
                (session.id.0, Message::MayStop { by, epoch: session.epoch })
            }
            // Refused, or asked by the run itself: the broker asks again.
            _ => return,
        };
        self.network.send(Node::Controller(index), Node::Broker(broker), message, &mut self.random);
    }

    /// All that run or would come back end; a new one takes over.
    pub(super) fn replace_controllers(&mut self) {
        for index in 0..=self.highest_controller {
            self.controllers.remove(&index);
            self.network.end_life(Node::Controller(index));
        }
        self.start_controller(self.highest_controller + 1);
    }

    pub(super) fn crash_controller(&mut self, index: usize) {
        let node = Node::Controller(index);
        self.controllers.remove(&index);
        self.network.end_life(node);
        let wait = Duration::from_millis(100 + self.random.below(3000));
        self.network.set_timer(node, wait, Timer::Rise);
    }
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|id| id.0).collect()
}
