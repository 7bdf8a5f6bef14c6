//! A process that hosts the controller: the steps of the real host, one at a time, so that it can die between any two.

use super::{
    World,
    message::{Message, Node},
    network::Timer,
};
use controller::{
    Controller, Effect, Event, RequestId, SessionSettings, Settings,
    driver::Commit,
    requests::{AlterPartitions, Reply, Request},
};
use model::Incarnation;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

pub(super) const SESSION: SessionSettings =
    SessionSettings { timeout: Duration::from_secs(3), reconnect_grace: Duration::from_millis(200) };
const TICK: Duration = Duration::from_millis(100);

pub(super) fn settings() -> Settings {
    Settings {
        num_partitions: 1,
        default_replication: controller::DefaultReplication::Exactly(3),
        delete_topic_enable: true,
        sessions: SESSION,
        hand_back: Some(controller::HandBack { interval: Duration::from_secs(20), percentage: 10 }),
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
}

#[derive(Debug)]
enum Asked {
    Registration { broker: i32, incarnation: Incarnation },
    Alteration(AlterPartitions),
}

impl World {
    /// Takes over from whatever the store holds. Another controller may go on believing that it is the one.
    pub(super) fn start_controller(&mut self, index: usize) {
        let node = Node::Controller(index);
        let controller = Controller::new(settings(), self.store.image.clone(), self.network.now);
        let started = ControllerNode {
            controller,
            effects: VecDeque::new(),
            committing: None,
            asked: BTreeMap::new(),
            requests: 0,
        };
        self.controllers.insert(index, started);
        self.network.set_timer(node, TICK, Timer::Tick);
        self.newest_controller = index;
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
        let event = match message {
            Message::Heartbeat(heartbeat) => Event::Heard(heartbeat),
            Message::Broken(session) => Event::Disconnected(session),
            Message::Register(register) => {
                let asked = Asked::Registration { broker, incarnation: register.incarnation };
                self.request(index, asked, Request::RegisterBroker(register))
            }
            Message::Alter(alter) => {
                self.request(index, Asked::Alteration(alter.clone()), Request::AlterPartitions(alter))
            }
            _ => return,
        };
        self.controller_handles(index, event);
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
        let now = self.network.now;
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
            if self.faults_on && self.random.once_in(2000) {
                self.crash_controller(index);
                return;
            }
            self.run_effect(index, effect);
        }
    }

    fn run_effect(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Commit(commit) => {
                let wait = Duration::from_micros(500 + self.random.below(20_000));
                if let Some(node) = self.controllers.get_mut(&index) {
                    node.committing = Some(commit);
                }
                self.network.set_timer(Node::Controller(index), wait, Timer::Commit);
            }
            Effect::Publish { .. } => (1..=self.setup.brokers).for_each(|broker| self.push_metadata(index, broker)),
            Effect::Reply { id, reply } => self.reply(index, id, reply),
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
        let event = if self.faults_on && self.random.once_in(50) {
            Event::CommitFailed { reason: "the store is not reached".to_owned() }
        } else if self.store.commit(&commit) {
            if self.faults_on && self.random.once_in(200) {
                // Stored, and nobody was told.
                self.crash_controller(index);
                return;
            }
            Event::Committed
        } else {
            Event::Conflict { image: self.store.image.clone() }
        };
        self.controller_handles(index, event);
    }

    fn push_metadata(&mut self, index: usize, broker: i32) {
        let Some(node) = self.controllers.get(&index) else { return };
        if node.controller.epoch().is_none() {
            return;
        }
        let image = node.controller.committed().clone();
        if self.brokers.get(&broker).is_some_and(|known| known.version() >= image.metadata_version) {
            return;
        }
        self.network.send(Node::Controller(index), Node::Broker(broker), Message::Metadata(image), &mut self.random);
    }

    fn reply(&mut self, index: usize, id: RequestId, reply: Reply) {
        let Some(node) = self.controllers.get_mut(&index) else { return };
        let (broker, message) = match (node.asked.remove(&id), reply) {
            (Some(Asked::Registration { broker, incarnation }), Reply::BrokerRegistered(epoch)) => {
                (broker, Message::Registered { incarnation, epoch })
            }
            (Some(Asked::Alteration(request)), Reply::PartitionsAltered(results)) => {
                (request.broker.0, Message::Altered { request, results })
            }
            // Refused, or asked by the run itself: the broker asks again.
            _ => return,
        };
        self.network.send(Node::Controller(index), Node::Broker(broker), message, &mut self.random);
    }

    pub(super) fn crash_controller(&mut self, index: usize) {
        let node = Node::Controller(index);
        self.controllers.remove(&index);
        self.network.end_life(node);
        let wait = Duration::from_millis(100 + self.random.below(3000));
        self.network.set_timer(node, wait, Timer::Rise);
    }
}
