//! A whole cluster in one thread: controllers, brokers, a producer, a consumer, and the members of a consumer group, over a
//! network, disks, clocks, a store of metadata and processes that fail.
//! The cores are the broker's own; the steps around them are those of its shell.
//!
//! Faults for a while, as [`plan`]ned, then none. What is checked as it happens, and at the end: see [`history`]; what every
//! commit of metadata keeps: see [`store`]. A run that breaks a promise is made smaller, and told: see [`shrink`].

mod broker_life;
mod broker_node;
mod client;
mod controller_node;
mod coordinator;
mod faults;
mod fetching;
mod history;
mod member;
mod message;
mod network;
mod partition;
mod place;
pub mod plan;
mod records;
pub mod shrink;
mod stepping_aside;
mod store;
#[cfg(test)]
mod tests;
pub mod trace;

use crate::random::Random;
use broker_life::Remains;
use broker_node::BrokerNode;
use client::{Consumer, Producer};
use controller::{
    Event, RequestId,
    requests::{CreateTopics, NewTopic, Request},
};
use controller_node::{ControllerNode, HAND_BACK, Step};
use history::History;
use member::Member;
use message::Node;
use model::{BrokerId, MonotonicTime, Offset, TopicName};
use network::{Happening, Network};
use place::{MIN_IN_SYNC, MINIMUM, Place};
use plan::Planned;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};
use store::Store;
use trace::{Detail, Trace};

/// After the faults everything must be in sync, and every record answered, within this time.
const HEALING_LIMIT: Duration = Duration::from_secs(60);

/// Then nothing is decided any more for so long.
const QUIET: Duration = Duration::from_secs(5);

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Setup {
    pub seed: u64,
    pub brokers: i32,
    pub partitions: i32,
    pub members: usize,
    /// Virtual time with faults, if they last so long.
    pub faulty_for: Duration,
    pub plan: Vec<Planned>,
    /// What is told of it.
    pub detail: Detail,
}

impl Setup {
    /// Three brokers or four, two partitions, two members or three, a minute of faults.
    pub fn of_seed(seed: u64) -> Self {
        let brokers = if seed.is_multiple_of(3) { 4 } else { 3 };
        let members = if seed.is_multiple_of(2) { 3 } else { 2 };
        let (faulty_for, plan) = (Duration::from_secs(60), plan::of_seed(seed));
        Self { seed, brokers, partitions: 2, members, faulty_for, plan, detail: Detail::Nothing }
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
    /// Of the group, in the end: how often it rebalanced.
    pub generation: i32,
    /// What was broken, the first first.
    pub broken: Vec<String>,
    /// What happened, in as much detail as was asked for.
    pub trace: Vec<String>,
}

struct World {
    setup: Setup,
    random: Random,
    /// What the present fault draws from.
    fate: Random,
    network: Network,
    store: Store,
    controllers: BTreeMap<usize, ControllerNode>,
    newest_controller: usize,
    /// Every controller so far has another number, up to this one; an earlier one may come back as the newest.
    highest_controller: usize,
    brokers: BTreeMap<i32, BrokerNode>,
    remains: BTreeMap<i32, Remains>,
    producer: Producer,
    consumer: Consumer,
    members: Vec<Member>,
    history: History,
    trace: Trace,
    /// The step at which the next controller that comes to it dies.
    dies_at: Option<Step>,
    producing: bool,
    faults: u64,
}

/// One run. The same setup, the same outcome. An invariant of a core or of the store that panics is a broken promise like any
/// other, where panics unwind.
pub fn run(setup: Setup) -> Outcome {
    let mut world = World::new(setup);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| world.live())) {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.history.broken.push(text.unwrap_or_else(|| "a panic without a word".to_owned()));
    }
    world.outcome()
}

/// Many times what a run has; one answer that makes two questions soon has more.
const MOST_HAPPENINGS: u64 = 5_000_000;

impl World {
    fn new(setup: Setup) -> Self {
        Self {
            random: Random::new(setup.seed),
            fate: Random::new(setup.seed),
            network: Network::new(),
            store: Store::new(),
            controllers: BTreeMap::new(),
            newest_controller: 0,
            highest_controller: 0,
            brokers: BTreeMap::new(),
            remains: BTreeMap::new(),
            producer: Producer::default(),
            consumer: Consumer::default(),
            members: (0..setup.members).map(|_| Member::default()).collect(),
            history: History::default(),
            trace: Trace::new(setup.detail),
            dies_at: None,
            producing: true,
            faults: 0,
            setup,
        }
    }

    fn live(&mut self) {
        self.set_up();
        self.live_with_faults();
        self.heal();
    }

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
            configs: vec![(MINIMUM.to_owned(), Some(MIN_IN_SYNC.to_string()))],
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
        let end = self.network.now + self.setup.faulty_for;
        for planned in std::mem::take(&mut self.setup.plan) {
            if self.network.now >= end || !self.history.broken.is_empty() {
                break;
            }
            self.pass(planned.wait);
            self.cause(planned);
        }
        self.mend_all();
        self.trace.story(self.network.now, "NO MORE FAULTS");
    }

    /// Everything comes to rest within a bound, and everything promised is there.
    fn heal(&mut self) {
        self.get_in_sync_while_written_to();
        self.producing = false;
        let limit = self.network.now + HEALING_LIMIT;
        while !self.is_at_rest() && self.network.now < limit && self.history.broken.is_empty() {
            self.restore_minimums();
            self.replace_damaged_disks();
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
        self.keep_quiet();
        for partition in Place::all(self.setup.partitions) {
            for node in self.brokers.values() {
                let Some(replica) = node.partitions.get(&partition) else { continue };
                let view = replica.log.view();
                match records::records_of(partition, view, Offset::ZERO, view.log_end()) {
                    Some(records) => self.history.ended(partition, node.id, &records),
                    None => self.history.broken.push(format!("broker {} cannot read {partition}", node.id)),
                }
            }
        }
    }

    /// With whatever minimum the faults left, as long as no disk has to be replaced: with one replica in sync every append is
    /// committed at once, and others have to catch up with that.
    fn get_in_sync_while_written_to(&mut self) {
        let limit = self.network.now + HEALING_LIMIT;
        while !self.unrest_of_cluster().is_empty() && self.network.now < limit && self.history.broken.is_empty() {
            if self.remains.values().any(|remains| !remains.damaged.is_empty()) {
                self.restore_minimums();
                self.replace_damaged_disks();
            }
            self.pass(Duration::from_millis(500));
        }
        let unrest = self.unrest_of_cluster();
        if !unrest.is_empty() && self.history.broken.is_empty() {
            self.history
                .broken
                .push(format!("not in sync {HEALING_LIMIT:?} after the last fault, while producers write: {unrest}"));
        }
    }

    /// Leaders come back where they belong, and from then on the metadata stays as it is. Followers learn the last high
    /// watermark meanwhile. What faults left behind may still end a first rest: a message that was late.
    fn keep_quiet(&mut self) {
        let limit = self.network.now + HEALING_LIMIT + HAND_BACK.interval;
        while self.network.now < limit && self.history.broken.is_empty() {
            let before = self.store.image.metadata_version;
            self.pass(QUIET);
            if self.store.image.metadata_version == before && self.is_handed_back() && self.is_at_rest() {
                return;
            }
        }
        let (after, handed_back) = (self.store.image.metadata_version.0, self.is_handed_back());
        let says = format!("not quiet: at {after}, leaders where they belong: {handed_back}; {}", self.unrest());
        self.history.broken.push(says);
    }

    fn is_handed_back(&self) -> bool {
        let mut states = Place::all(self.setup.partitions).filter_map(|place| place.state_in(&self.store.image));
        states.all(|state| state.leader.is_some() && state.leader.as_ref() == state.replicas.first())
    }

    fn restore_minimums(&mut self) {
        for place in [Place::data(0), Place::Offsets] {
            if place.minimum_in(&self.store.image) != MIN_IN_SYNC {
                self.set_minimum(place, MIN_IN_SYNC);
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        self.unrest().is_empty() && self.all_answered()
    }

    /// What is not yet as it should be when nothing fails.
    fn unrest(&self) -> String {
        let cluster = self.unrest_of_cluster();
        if cluster.is_empty() { self.unrest_of_group().unwrap_or_default() } else { cluster }
    }

    fn unrest_of_cluster(&self) -> String {
        if !self.controllers.get(&self.newest_controller).is_some_and(ControllerNode::has_taken_over) {
            return "no controller has taken over".to_owned();
        }
        let image = &self.store.image;
        let fenced: Vec<BrokerId> = image.brokers.values().filter(|one| one.fenced).map(|one| one.id).collect();
        if !fenced.is_empty() {
            return format!("brokers {fenced:?} are fenced");
        }
        if let Some(id) = (1..=self.setup.brokers).find(|id| self.brokers.get(id).is_none_or(|node| node.is_to_stop)) {
            return format!("broker {id} is away");
        }
        if let Some((id, _)) = self.remains.iter().find(|(_, remains)| !remains.damaged.is_empty()) {
            return format!("the disk of broker {id} is damaged");
        }
        let mut states = Place::all(self.setup.partitions).filter_map(|place| Some((place, place.state_in(image)?)));
        match states.find(|(_, state)| state.isr.len() < state.replicas.len() || state.is_being_reassigned()) {
            Some((place, state)) => format!("{place} is {state:?}"),
            None => String::new(),
        }
    }

    /// Every member is in the group's generation, and the group has read and committed everything.
    fn unrest_of_group(&self) -> Option<String> {
        let generation = self.history.generation();
        if let Some(index) = self.members.iter().position(|member| !member.is_owner_of(generation)) {
            return Some(format!("member {index} is not in generation {generation}: {:?}", self.members[index]));
        }
        (0..self.setup.partitions).map(Place::data).find_map(|place| {
            let state = place.state_in(&self.store.image)?;
            let end = self.brokers.get(&state.leader?.0)?.partitions.get(&place)?.log.log_end();
            let read = self.members.iter().find_map(|member| member.position(place));
            let committed = self.history.committed_position(place);
            let is_done = read == Some(end) && committed == end;
            (!is_done).then(|| format!("{place} ends at {end}, is read up to {read:?} and committed at {committed}"))
        })
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
            match &happening {
                Happening::Timer(timer) => self.trace.happening(self.network.now, format_args!("{node}: {timer:?}")),
                Happening::Arrives { from, message } => {
                    self.trace.happening(self.network.now, format_args!("{node} from {from}: {message}"));
                }
            }
            match (node, happening) {
                (Node::Controller(index), Happening::Timer(timer)) => self.controller_timer(index, timer),
                (Node::Controller(index), Happening::Arrives { from, message }) => {
                    self.controller_hears(index, from, message);
                }
                (Node::Broker(id), Happening::Timer(timer)) => self.broker_timer(id, timer),
                (Node::Broker(id), Happening::Arrives { from, message }) => self.broker_hears(id, from, message),
                (Node::Producer, Happening::Timer(_)) => self.producer_turn(),
                (Node::Producer, Happening::Arrives { message, .. }) => self.producer_hears(message),
                (Node::Consumer, Happening::Timer(_)) => self.consumer_turn(),
                (Node::Consumer, Happening::Arrives { message, .. }) => self.consumer_hears(message),
                (Node::Member(index), Happening::Timer(_)) => self.member_turn(index),
                (Node::Member(index), Happening::Arrives { message, .. }) => self.member_hears(index, message),
            }
            if let Node::Broker(id) = node {
                self.bury(id);
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
            generation: self.history.generation(),
            broken: self.history.broken,
            trace: self.trace.lines,
        }
    }
}
