//! A broker: what the real shell does around the cores, in steps that the simulator can interleave.

use super::{
    World,
    broker_life::Remains,
    message::{Message, Node},
    network::Timer,
    partition::SimulatedPartition,
    place::{MIN_IN_SYNC, Place},
    stepping_aside::Silence,
};
use controller::{
    BrokerCondition, ClusterImage, Heartbeat, IsrError,
    errors::AfterIsrError,
    obeying::{Obeyed, PassedOver, check_metadata, is_of_before},
    requests::{AlterPartitions, BrokerSession, IsrProposal, RegisterBroker},
};
use model::{BrokerEpoch, BrokerId, Incarnation, MetadataVersion, MonotonicTime, ReignId};
use partition_log::Disk as _;
use replication::{Assignment, Proposal, ProposalRefused};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const TICK: Duration = Duration::from_millis(100);
pub(super) const LAG_MAX: Duration = Duration::from_secs(4);
pub(super) const ALTER_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct BrokerNode {
    pub(super) id: BrokerId,
    pub(super) incarnation: Incarnation,
    pub(super) epoch: Option<BrokerEpoch>,
    /// The registration that there is, as a controller told.
    pub(super) follows: BrokerEpoch,
    pub(super) image: Option<Arc<ClusterImage>>,
    pub(super) partitions: BTreeMap<Place, SimulatedPartition>,
    /// Proposals that wait for an answer, and since when.
    pub(super) altering: Option<(MonotonicTime, Vec<IsrProposal>)>,
    /// Somebody wants it to stop, once others lead what it leads.
    pub(super) is_to_stop: bool,
    pub(super) silence: Silence,
}

impl BrokerNode {
    pub(super) fn version(&self) -> MetadataVersion {
        self.image.as_ref().map_or(MetadataVersion(0), |image| image.metadata_version)
    }

    fn registration(&self, remains: &Remains) -> RegisterBroker {
        RegisterBroker {
            id: self.id,
            incarnation: self.incarnation,
            log_life: remains.log_life,
            began_empty: remains.is_new,
            serves_at_once: false,
            rack: None,
            endpoints: Vec::new(),
            follows: Some(self.follows),
        }
    }

    /// What it waits for an answer to.
    pub(super) fn proposed(&self) -> &[IsrProposal] {
        self.altering.as_ref().map(|(_, proposals)| &proposals[..]).unwrap_or_default()
    }
}

impl World {
    pub(super) fn broker_timer(&mut self, id: i32, timer: Timer) {
        match timer {
            Timer::Tick => {
                self.broker_tick(id);
                self.network.set_timer(Node::Broker(id), TICK, Timer::Tick);
            }
            Timer::Rise => self.start_broker(id),
            Timer::Next => {
                let partitions: Vec<_> = self.brokers[&id].partitions.keys().copied().collect();
                partitions.into_iter().for_each(|partition| self.fetch_next(id, partition));
            }
            Timer::Commit => {}
        }
    }

    /// Heartbeat or registration, a look at the followers, proposals, fetches that were lost.
    fn broker_tick(&mut self, id: i32) {
        let now = self.network.clock(Node::Broker(id));
        let controller = Node::Controller(self.newest_controller);
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let obeyed = self.remains.get(&id).and_then(|remains| remains.obeyed).unwrap_or(Obeyed::NOBODY);
        let message = match node.epoch {
            Some(epoch) => {
                let condition = BrokerCondition { controller_epoch: obeyed.epoch, ..BrokerCondition::default() };
                let heartbeat = Heartbeat { id: node.id, epoch, applied: node.version(), condition };
                Message::Heartbeat { heartbeat, obeyed }
            }
            None => {
                let Some(remains) = self.remains.get(&id) else { return };
                Message::Register { request: node.registration(remains), obeyed }
            }
        };
        if node.altering.as_ref().is_some_and(|(since, _)| now.since(*since) > ALTER_TIMEOUT) {
            node.altering = None;
            node.partitions.values_mut().filter_map(|one| one.leader()).for_each(replication::Leader::proposal_lost);
        }
        let stops = node.epoch.filter(|_| node.is_to_stop).map(|epoch| BrokerSession { id: node.id, epoch });
        self.network.send(Node::Broker(id), controller, message, &mut self.random);
        if let Some(session) = stops {
            let may_it = Message::BeginShutdown { session, obeyed };
            self.network.send(Node::Broker(id), controller, may_it, &mut self.random);
        }
        self.look_for_isolation(id);
        self.end_waits(id);
        self.check_followers(id);
        Place::all(self.setup.partitions).for_each(|place| self.await_followers(id, place));
        self.propose(id);
        self.coordinate(id);
        let Some(node) = self.brokers.get(&id) else { return };
        for partition in node.partitions.keys().copied().collect::<Vec<_>>() {
            self.fetch_next(id, partition);
            self.keep_manifest(id, partition);
        }
    }

    /// At once, in the place of the registration that there is.
    fn register_again(&mut self, id: i32, incarnation: Incarnation, there: BrokerEpoch) {
        let obeyed = self.obeyed_by(id);
        let Some(remains) = self.remains.get(&id) else { return };
        let node = self.brokers.get_mut(&id).filter(|node| node.incarnation == incarnation && node.follows != there);
        let Some(node) = node else { return };
        node.follows = there;
        let again = Message::Register { request: node.registration(remains), obeyed };
        let controller = Node::Controller(self.newest_controller);
        self.network.send(Node::Broker(id), controller, again, &mut self.random);
    }

    fn check_followers(&mut self, id: i32) {
        let now = self.network.clock(Node::Broker(id));
        let Some(node) = self.brokers.get_mut(&id) else { return };
        for leader in node.partitions.values_mut().filter_map(|one| one.leader()) {
            leader.check_lag(LAG_MAX, now);
        }
    }

    /// After a follower has fetched, and whenever other brokers may be usable.
    pub(super) fn await_followers(&mut self, id: i32, place: Place) {
        let now = self.network.clock(Node::Broker(id));
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let known = |id| node.image.as_ref().and_then(|image| image.brokers.get(&id));
        let is_usable = |id, epoch| known(id).is_some_and(|known| known.is_usable_as(epoch));
        let partition = node.partitions.get_mut(&place);
        let leader = partition.and_then(SimulatedPartition::leader);
        if leader.is_some_and(|leader| leader.await_followers(is_usable, LAG_MAX, now).is_some()) {
            self.publish(id, place);
        }
    }

    /// All proposals of this moment in one request, one request at a time.
    pub(super) fn propose(&mut self, id: i32) {
        let now = self.network.clock(Node::Broker(id));
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let (Some(broker_epoch), None) = (node.epoch, &node.altering) else { return };
        let image = node.image.clone();
        let known = |id| image.as_ref().and_then(|image| image.brokers.get(&id));
        let is_usable = |id, epoch| known(id).is_some_and(|known| known.is_usable_as(epoch));
        let mut proposals = Vec::new();
        for (partition, one) in &mut node.partitions {
            if let Some(proposal) = one.leader().and_then(|leader| leader.next_proposal(is_usable, now)) {
                proposals.push(wire_proposal(*partition, proposal));
            }
        }
        if proposals.is_empty() {
            return;
        }
        node.altering = Some((now, proposals.clone()));
        let request = AlterPartitions { broker: node.id, broker_epoch, proposals };
        let controller = Node::Controller(self.newest_controller);
        let obeyed = self.obeyed_by(id);
        self.network.send(Node::Broker(id), controller, Message::Alter { request, obeyed }, &mut self.random);
    }

    fn obeyed_by(&self, id: i32) -> Obeyed {
        self.remains.get(&id).and_then(|remains| remains.obeyed).unwrap_or(Obeyed::NOBODY)
    }

    pub(super) fn broker_hears(&mut self, id: i32, from: Node, message: Message) {
        let obeyed = self.obeyed_by(id).epoch;
        if message.controller_epoch().is_some_and(|by| is_of_before(by, obeyed)) {
            return;
        }
        match message {
            Message::Registered { incarnation, epoch, .. } => {
                if let Some(node) = self.brokers.get_mut(&id).filter(|node| node.incarnation == incarnation) {
                    node.epoch = node.epoch.max(Some(epoch));
                }
            }
            Message::RegisteredMeanwhile { incarnation, there, .. } => self.register_again(id, incarnation, there),
            Message::InSession(_) => self.heard_controller(id),
            Message::Metadata { image, reign } => self.take_metadata(id, &image, reign),
            Message::MayStop { epoch, .. } => self.may_stop(id, epoch),
            Message::Altered { request, results, .. } => self.altered(id, &request, results),
            Message::Fetch { partition, from, broker_epoch, asked } => {
                self.serve_follower(id, partition, from, broker_epoch, asked);
            }
            Message::Fetched { partition, asked, answer, bytes } => {
                self.take_fetched(id, partition, asked, answer, &bytes);
            }
            Message::AskMetadata => {
                if let Some(image) = self.brokers.get(&id).and_then(|node| node.image.clone()) {
                    self.network.send(Node::Broker(id), from, Message::ToldMetadata(image), &mut self.random);
                }
            }
            Message::Produce { partition, batch, first_number } => self.produce(id, partition, &batch, first_number),
            Message::Read { partition, offset, leader_epoch } => {
                self.serve_reader(id, from, partition, offset, leader_epoch);
            }
            Message::AskGroup { connection, request, ask } => {
                let Node::Member(member) = from else { return };
                if self.members[member].may_still_ask(connection, &ask) {
                    self.group_asked(id, member, request, *ask);
                }
            }
            _ => {}
        }
    }

    /// What a broker saw of controllers outlives it.
    fn take_metadata(&mut self, id: i32, image: &Arc<ClusterImage>, reign: ReignId) {
        let remains = self.remains.entry(id).or_default();
        let obeyed = remains.obeyed.get_or_insert(Obeyed::NOBODY);
        (obeyed.epoch, obeyed.reign) = (image.controller_epoch, Some(reign));
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let registered = image.brokers.get(&BrokerId(id));
        match check_metadata(image, (node.id, node.incarnation), node.version()) {
            Ok(()) => {}
            Err(PassedOver::Known) => return,
            Err(PassedOver::AnotherLife) => {
                if registered.is_some_and(|one| Some(one.epoch) > node.epoch) {
                    // A late registration of the life before came after this one's.
                    node.epoch = None;
                }
                return;
            }
        }
        node.epoch = node.epoch.max(registered.map(|one| one.epoch));
        node.image = Some(Arc::clone(image));
        obeyed.applied = image.metadata_version;
        self.history.acts_by(node.id, node.incarnation, image.controller_epoch, image.metadata_version);
        for place in Place::all(self.setup.partitions) {
            match place.state_in(image) {
                Some(state) if state.replicas.contains(&BrokerId(id)) => {
                    self.assign(id, place, assignment(state, place.minimum_in(image)));
                }
                Some(_) => self.forget(id, place),
                None => {}
            }
        }
    }

    /// The replica is moved away: its folder goes, at once as by the shell's rename.
    fn forget(&mut self, id: i32, place: Place) {
        if let Some(node) = self.brokers.get_mut(&id) {
            node.partitions.remove(&place);
        }
        let Some(remains) = self.remains.get_mut(&id).filter(|remains| !remains.disk.is_crashed()) else { return };
        let folder = place.to_string();
        let Some(files) = remains.disk.list(&folder).ok().filter(|files| !files.is_empty()) else { return };
        if remains.is_doomed {
            remains.disk.crash_at(u64::MAX, 0);
            remains.is_doomed = false;
        }
        for file in files {
            remains.disk.remove(&format!("{folder}/{}", file.name)).expect("a healthy disk");
        }
        remains.disk.sync_folder(&folder).expect("a healthy disk");
        remains.entries.remove(&place);
        remains.in_doubt.remove(&place);
        self.trace.story(self.network.now, format_args!("broker {id} removes {place}"));
    }

    fn altered(
        &mut self,
        id: i32,
        request: &AlterPartitions,
        results: Result<Vec<controller::requests::AlteredPartition>, IsrError>,
    ) {
        let now = self.network.clock(Node::Broker(id));
        let Some(node) = self.brokers.get_mut(&id) else { return };
        if node.epoch != Some(request.broker_epoch) {
            return;
        }
        // An answer that comes late belongs to an earlier request.
        node.altering = node.altering.take().filter(|(_, proposals)| *proposals != request.proposals);
        for (index, proposal) in request.proposals.iter().enumerate() {
            let place = place_of(proposal);
            let minimum = node.image.as_ref().map_or(MIN_IN_SYNC, |image| place.minimum_in(image));
            let Some(leader) = node.partitions.get_mut(&place).and_then(|partition| partition.leader()) else {
                continue;
            };
            match results.as_ref().map(|results| &results[index].1) {
                Ok(Ok(state)) => {
                    leader.proposal_accepted(assignment(state, minimum), now);
                }
                Ok(Err(error)) | Err(error) => match refusal(*error) {
                    Some(refused) => leader.proposal_refused(proposal.partition_epoch, refused, now),
                    None => leader.proposal_lost(),
                },
            }
        }
        for proposal in &request.proposals {
            self.publish(id, place_of(proposal));
        }
        self.propose(id);
    }
}

fn place_of(proposal: &IsrProposal) -> Place {
    Place::of(proposal.topic_id, proposal.partition)
}

fn wire_proposal(place: Place, proposal: Proposal) -> IsrProposal {
    IsrProposal {
        topic_id: place.topic_id(),
        partition: place.index(),
        leader_epoch: proposal.leader_epoch,
        partition_epoch: proposal.partition_epoch,
        isr: proposal.in_sync,
        recovered: proposal.recovered,
        min_in_sync: Some(proposal.min_in_sync),
    }
}

/// `None`: the same proposal again.
fn refusal(error: IsrError) -> Option<ProposalRefused> {
    match error.after() {
        AfterIsrError::NotNow => Some(ProposalRefused::NotNow),
        AfterIsrError::AwaitMetadata => Some(ProposalRefused::Outdated),
        AfterIsrError::Repeat => None,
    }
}

pub(super) fn assignment(state: &controller::PartitionImage, min_in_sync: usize) -> Assignment {
    Assignment {
        leader: state.leader,
        leader_epoch: state.leader_epoch,
        partition_epoch: state.partition_epoch,
        replicas: state.replicas.clone(),
        in_sync: state.isr.clone(),
        others_are_eligible: !state.elr.is_empty(),
        min_in_sync,
        recovering: state.recovering,
    }
}
