//! A whole cluster in one thread: controllers, brokers, a producer, a consumer, and a member of a group that forgets where it
//! stands and reads on from what it committed, over a network and processes that fail.
//! The cores are the broker's own; the steps around them are those of its shell.
//!
//! Faults for a while, then none. What is checked as it happens, and at the end: see [`history`]; what every commit of
//! metadata keeps: see [`store`].

mod broker_node;
mod client;
mod controller_node;
mod faults;
mod group;
mod history;
mod message;
mod network;
mod partition;
mod place;
mod store;
#[cfg(test)]
mod tests;

use crate::random::Random;
use broker_node::{BrokerNode, MIN_IN_SYNC, Remains};
use client::{Consumer, Producer};
use controller::{
    Event, RequestId,
    requests::{CreateTopics, NewTopic, Request},
};
use controller_node::ControllerNode;
use group::Member;
use history::History;
use message::Node;
use model::{BrokerId, MonotonicTime, Offset, TopicName};
use network::{Happening, Network, Timer};
use place::Place;
use std::{collections::BTreeMap, time::Duration};
use store::Store;

/// After the faults everything must be in sync, and every record answered, within this time.
const HEALING_LIMIT: Duration = Duration::from_secs(60);

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub seed: u64,
    pub brokers: i32,
    pub partitions: i32,
    /// Virtual time with faults.
    pub faulty_for: Duration,
}

impl Setup {
    /// Three brokers or four, two partitions, a minute of faults.
    pub fn of_seed(seed: u64) -> Self {
        let brokers = if seed.is_multiple_of(3) { 4 } else { 3 };
        Self { seed, brokers, partitions: 2, faulty_for: Duration::from_secs(60) }
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub happenings: u64,
    pub commits: u64,
    pub acknowledged: usize,
    pub committed: usize,
    /// Answered commits of the group's offsets.
    pub offset_commits: u64,
    pub faults: u64,
    /// Leader epochs in the end: how often leadership moved.
    pub leader_epochs: Vec<i32>,
    /// What was broken, the first first.
    pub broken: Vec<String>,
}

struct World {
    setup: Setup,
    random: Random,
    network: Network,
    store: Store,
    controllers: BTreeMap<usize, ControllerNode>,
    newest_controller: usize,
    brokers: BTreeMap<i32, BrokerNode>,
    remains: BTreeMap<i32, Remains>,
    producer: Producer,
    consumer: Consumer,
    member: Member,
    history: History,
    faults_on: bool,
    producing: bool,
    faults: u64,
}

/// One run. The same setup, the same outcome.
pub fn run(setup: Setup) -> Outcome {
    let mut world = World {
        setup,
        random: Random::new(setup.seed),
        network: Network::new(),
        store: Store::new(),
        controllers: BTreeMap::new(),
        newest_controller: 0,
        brokers: BTreeMap::new(),
        remains: BTreeMap::new(),
        producer: Producer::default(),
        consumer: Consumer::default(),
        member: Member::default(),
        history: History::default(),
        faults_on: false,
        producing: true,
        faults: 0,
    };
    world.set_up();
    world.live_with_faults();
    world.heal();
    world.outcome()
}

/// Many times what a run has; one answer that makes two questions soon has more.
const MOST_HAPPENINGS: u64 = 5_000_000;

impl World {
    fn set_up(&mut self) {
        self.start_controller(0);
        (1..=self.setup.brokers).for_each(|id| self.start_broker(id));
        self.pass(Duration::from_secs(2));
        let topic = |place: Place, partitions| NewTopic {
            name: TopicName::from(place.topic()),
            id: place.topic_id(),
            partitions,
            replication_factor: 3,
            assignments: Vec::new(),
            configs: vec![("min.insync.replicas".to_owned(), Some(MIN_IN_SYNC.to_string()))],
        };
        let topics = vec![topic(Place::data(0), self.setup.partitions), topic(Place::Offsets, 1)];
        let request = Request::CreateTopics(CreateTopics { topics, validate_only: false });
        self.controller_handles(0, Event::Request { id: RequestId(u64::MAX), request });
        self.pass(Duration::from_secs(1));
        assert_eq!(self.store.image.topics.len(), 2, "no topics without any fault");
        self.start_clients();
        self.pass(Duration::from_secs(1));
    }

    fn live_with_faults(&mut self) {
        self.faults_on = true;
        let end = self.network.now + self.setup.faulty_for;
        while self.network.now < end && self.history.broken.is_empty() {
            self.cause_fault();
            let wait = Duration::from_millis(20 + self.random.below(1500));
            self.pass(wait);
        }
        self.faults_on = false;
        self.network.heal();
    }

    /// Everything comes to rest within a bound, and everything promised is there.
    fn heal(&mut self) {
        self.producing = false;
        let limit = self.network.now + HEALING_LIMIT;
        while !self.is_at_rest() && self.network.now < limit && self.history.broken.is_empty() {
            self.pass(Duration::from_millis(500));
        }
        if !self.history.broken.is_empty() {
            return;
        }
        if !self.is_at_rest() {
            self.history.broken.push(format!(
                "not at rest {HEALING_LIMIT:?} after the last fault; all produces answered: {}; {}",
                self.all_answered(),
                self.unrest()
            ));
            return;
        }
        // Followers learn the last high watermark one fetch later.
        self.pass(Duration::from_secs(1));
        for partition in Place::all(self.setup.partitions) {
            for node in self.brokers.values() {
                let Some(replica) = node.partitions.get(&partition) else { continue };
                let view = replica.log.view();
                let records = partition::records_of(partition, view, Offset::ZERO, view.log_end());
                self.history.ended(partition, node.id, &records);
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        self.unrest().is_empty() && self.all_answered()
    }

    /// What is not yet as it should be when nothing fails.
    fn unrest(&self) -> String {
        let image = &self.store.image;
        let fenced: Vec<BrokerId> = image.brokers.values().filter(|one| one.fenced).map(|one| one.id).collect();
        if !fenced.is_empty() {
            return format!("brokers {fenced:?} are fenced");
        }
        let mut states = Place::all(self.setup.partitions).filter_map(|place| Some((place, place.state_in(image)?)));
        match states.find(|(_, state)| state.isr.len() < state.replicas.len()) {
            Some((place, state)) => format!("{place} is {state:?}"),
            None => String::new(),
        }
    }

    fn pass(&mut self, time: Duration) {
        let end: MonotonicTime = self.network.now + time;
        while let Some((node, happening)) = self.network.next(end) {
            if self.network.delivered > MOST_HAPPENINGS {
                let storm = format!("more than {MOST_HAPPENINGS} happenings: it never goes quiet");
                if !self.history.broken.contains(&storm) {
                    self.history.broken.push(storm);
                }
                return;
            }
            match (node, happening) {
                (Node::Controller(index), Happening::Timer(timer)) => self.controller_timer(index, timer),
                (Node::Controller(index), Happening::Arrives { from, message }) => {
                    self.controller_hears(index, from, message);
                }
                (Node::Broker(id), Happening::Timer(timer)) => self.broker_timer(id, timer),
                (Node::Broker(id), Happening::Arrives { from, message }) => self.broker_hears(id, from, message),
                (Node::Producer, Happening::Timer(Timer::Next)) => self.producer_turn(),
                (Node::Producer, Happening::Arrives { message, .. }) => self.producer_hears(message),
                (Node::Consumer, Happening::Timer(Timer::Next)) => self.consumer_turn(),
                (Node::Consumer, Happening::Arrives { message, .. }) => self.consumer_hears(message),
                (Node::Member, Happening::Timer(Timer::Next)) => self.member_turn(),
                (Node::Member, Happening::Arrives { message, .. }) => self.member_hears(message),
                (Node::Producer | Node::Consumer | Node::Member, Happening::Timer(_)) => {}
            }
        }
    }

    fn outcome(self) -> Outcome {
        let states = Place::all(self.setup.partitions).filter_map(|place| place.state_in(&self.store.image));
        let leader_epochs = states.map(|state| state.leader_epoch.0).collect();
        Outcome {
            happenings: self.network.delivered,
            commits: self.store.commits,
            acknowledged: self.history.acknowledged_count(),
            committed: self.history.committed_count(),
            faults: self.faults,
            leader_epochs,
            offset_commits: self.history.offset_commits(),
            broken: self.history.broken,
        }
    }
}
