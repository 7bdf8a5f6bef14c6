//! What goes wrong, and how.

mod disks;
mod schemes;

use super::{
    World,
    broker_life::Remains,
    controller_node::Step,
    message::Node,
    network::{Slow, Weather, What},
    place::{MIN_IN_SYNC, MINIMUM, Place},
    plan::{Fault, Planned},
    store::Ailment,
};
use crate::random::Random;
use controller::{
    Event, RequestId,
    requests::{AlterConfigs, ConfigResource, ReassignPartitions, Request},
};
use model::{BrokerId, TopicName, TopicPartition};
use partition_log::Crash;
use std::{collections::BTreeSet, time::Duration};

impl World {
    pub(super) fn cause(&mut self, planned: Planned) {
        self.faults += 1;
        self.fate = Random::new(planned.seed);
        self.trace.story(self.network.now, format_args!("FAULT {}: {planned}", self.faults));
        let broker = self.any_fated_broker();
        match planned.fault {
            Fault::CrashBroker => self.crash_broker(broker, Crash::Process),
            Fault::CrashAllBrokers => (1..=self.setup.brokers).for_each(|id| self.crash_broker(id, Crash::Process)),
            Fault::PauseBroker => self.pause(Node::Broker(broker), 200, 8000),
            Fault::CutBrokers => {
                let other = self.any_fated_broker();
                self.network.cut(Node::Broker(broker), Node::Broker(other));
            }
            Fault::CutController => {
                let controller = Node::Controller(self.newest_controller);
                if self.fate.once_in(2) {
                    self.network.cut(Node::Broker(broker), controller);
                } else {
                    self.network.cut(controller, Node::Broker(broker));
                }
            }
            Fault::BadWeather => {
                self.network.weather = Weather {
                    lost_once_in: 5 + self.fate.below(50),
                    doubled_once_in: 5 + self.fate.below(50),
                    late_once_in: 5 + self.fate.below(50),
                };
            }
            Fault::SlowLink => self.slow_a_link(broker),
            Fault::LoseMachine => self.lose_a_machine(broker),
            Fault::TearWrite => self.tear_a_write(broker),
            Fault::FillDisk => self.fill_a_disk(broker),
            Fault::FlipBits => self.flip_bits(broker),
            Fault::SlowDisk => self.slow_a_disk(broker),
            Fault::JumpClock => self.jump_a_clock(broker),
            Fault::CrashController => self.crash_controller(self.newest_controller),
            Fault::CrashControllerAtStep => {
                let steps = Step::ALL;
                self.dies_at = Some(steps[self.below(steps.len())]);
            }
            Fault::SecondController => self.start_a_second_controller(),
            Fault::BadStore => {
                let fails_once_in = if self.fate.once_in(2) { 1 + self.fate.below(10) } else { 0 };
                let slow_by_ms = 1 + self.fate.below(4000);
                let lies_once_in = if self.fate.once_in(2) { 1 + self.fate.below(10) } else { 0 };
                self.store.ailment = Ailment { fails_once_in, slow_by_ms, lies_once_in };
            }
            Fault::RollBackStore => self.roll_back_the_store(),
            Fault::StopBroker => {
                if let Some(node) = self.brokers.get_mut(&broker) {
                    node.is_to_stop = true;
                }
            }
            Fault::Reassign => {
                let mut brokers: Vec<_> = (1..=self.setup.brokers).map(BrokerId).collect();
                let target: Vec<_> = (0..3).map(|_| brokers.remove(self.below(brokers.len()))).collect();
                self.reassign(Some(target));
            }
            Fault::CancelReassignment => self.reassign(None),
            Fault::ChangeMinimum => self.change_minimum(),
            Fault::CutClient => self.cut_a_client(broker),
            Fault::RestartMember => {
                let member = self.any_member();
                self.restart_member(member);
            }
            Fault::PauseMember => {
                let member = self.any_member();
                self.pause(Node::Member(member), 200, 8000);
            }
            Fault::LetMemberLeave => {
                let member = self.any_member();
                let for_long = Duration::from_millis(self.fate.below(6000));
                self.let_member_leave(member, for_long);
            }
            Fault::KillTheSuccessor => self.kill_the_successor(),
            Fault::HideAJoining => self.hide_a_joining(),
            Fault::LoseTheLastInSync => self.lose_the_last_in_sync(),
            Fault::ElectAfterAnOldJoining => self.elect_after_an_old_joining(),
            Fault::ElectWhoWasToLeave => self.elect_who_was_to_leave(),
            Fault::KillTheLeaderOfACutBackLog => self.kill_the_leader_of_a_cut_back_log(),
            Fault::IsolateALeader => self.isolate_a_leader(),
            Fault::Heal => self.mend_all(),
        }
    }

    /// Links, weather, disks and the store are good from here on.
    pub(super) fn mend_all(&mut self) {
        self.network.heal();
        self.store.ailment = Ailment::default();
        self.dies_at = None;
        self.remains.values_mut().for_each(|remains| remains.relieve());
    }

    fn pause(&mut self, node: Node, least_ms: u64, spread_ms: u64) {
        let wait = Duration::from_millis(least_ms + self.fate.below(spread_ms));
        self.network.pause(node, wait);
    }

    /// Another controller takes over, from one that stands still and wakes later, or from one that goes on.
    fn start_a_second_controller(&mut self) {
        if !self.fate.once_in(3) {
            self.pause(Node::Controller(self.newest_controller), 500, 5000);
        }
        self.start_controller(self.highest_controller + 1);
    }

    /// `None`: what runs is cancelled.
    fn reassign(&mut self, target: Option<Vec<BrokerId>>) {
        let place = self.any_partition();
        if self.leaves_only_damage(place, target.as_deref()) {
            return;
        }
        let partition = TopicPartition { topic: TopicName::from(place.topic()), partition: place.index() };
        let partitions = vec![(partition, target)];
        let request = ReassignPartitions { partitions, allow_replication_factor_change: false };
        let event = Event::Request { id: RequestId(u64::MAX), request: Request::ReassignPartitions(request) };
        self.controller_handles(self.newest_controller, event);
    }

    /// Of those that have every record, only such would stay as have a damaged disk, which nobody knows of.
    fn leaves_only_damage(&self, place: Place, target: Option<&[BrokerId]>) -> bool {
        let is_damaged = |id: &i32| self.remains.get(id).is_some_and(|remains| remains.damaged.contains(&place));
        let adding = place.state_in(&self.store.image).map(|state| &state.adding_replicas[..]).unwrap_or_default();
        let stays = |id: &BrokerId| target.map_or(!adding.contains(id), |target| target.contains(id));
        let mut holders = self.store.holders.get(&place).into_iter().flatten();
        self.remains.keys().any(is_damaged) && !holders.any(|id| stays(id) && !is_damaged(&id.0))
    }

    fn change_minimum(&mut self) {
        let place = self.any_partition();
        let minimum = 1 + self.below(3);
        self.ask_for_minimum(place, minimum);
    }

    /// How many replicas have to be in sync, of one topic. With one alone nobody promises to survive a machine: so that comes
    /// where a lost one is known, or to write on with too few, whether or not the one that is left has still its log.
    fn ask_for_minimum(&mut self, place: Place, minimum: usize) {
        let of_topic = Place::all(self.setup.partitions).filter(|one| one.topic() == place.topic());
        let is_short = |one: Place| one.state_in(&self.store.image).is_some_and(|state| state.isr.len() < MIN_IN_SYNC);
        let may_be_one = self.losses_are_known() || of_topic.into_iter().all(is_short);
        self.set_minimum(place, if minimum == 1 && !may_be_one { MIN_IN_SYNC } else { minimum });
    }

    pub(super) fn set_minimum(&mut self, place: Place, minimum: usize) {
        let resource = ConfigResource::Topic(TopicName::from(place.topic()));
        let altered = AlterConfigs::of(resource, [(MINIMUM.to_owned(), Some(minimum.to_string()))]);
        let request = Request::AlterConfigs(altered);
        self.controller_handles(self.newest_controller, Event::Request { id: RequestId(u64::MAX), request });
    }

    fn cut_a_client(&mut self, broker: i32) {
        let client = match self.fate.below(3) {
            0 => Node::Producer,
            1 => Node::Consumer,
            _ => Node::Member(self.any_member()),
        };
        if self.fate.once_in(2) {
            self.network.cut(client, Node::Broker(broker));
        } else {
            self.network.cut(Node::Broker(broker), client);
        }
    }

    fn slow_a_link(&mut self, broker: i32) {
        let what = if self.fate.once_in(2) { What::IsrChanges } else { What::Everything };
        let by = Duration::from_millis(self.fate.below(3000));
        let also_prompt = what == What::IsrChanges && self.fate.once_in(2);
        self.network.slow = Some(Slow { from: Node::Broker(broker), to: None, what, by, also_prompt });
    }

    /// The clock that counts goes forward, the one that tells the time of day either way: by less than what records are kept
    /// for, and producers are remembered.
    fn jump_a_clock(&mut self, broker: i32) {
        let node = if self.fate.once_in(3) { Node::Controller(self.newest_controller) } else { Node::Broker(broker) };
        if self.fate.once_in(2) {
            self.network.jump(node, Duration::from_millis(self.fate.below(20_000)));
        } else {
            let hours = i64::try_from(self.fate.below(20)).unwrap_or(0) - 10;
            self.network.set_wall_ahead(node, hours * 3_600_000);
        }
    }

    pub(super) fn any_broker(&mut self) -> i32 {
        1 + i32::try_from(self.random.below(u64::from(self.setup.brokers.unsigned_abs()))).unwrap_or(0)
    }

    fn any_fated_broker(&mut self) -> i32 {
        1 + i32::try_from(self.fate.below(u64::from(self.setup.brokers.unsigned_abs()))).unwrap_or(0)
    }

    fn any_member(&mut self) -> usize {
        self.below(self.members.len())
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.fate.below(bound as u64)).unwrap_or(0)
    }

    /// One machine, with all that was not synced, whatever else goes on. More than that nobody promises to survive.
    fn lose_a_machine(&mut self, broker: i32) {
        if self.may_lose(broker) {
            self.crash_broker(broker, Crash::Machine);
        }
    }

    /// Every other loss is known to the controller, and somebody else has every record, on a disk without any damage: of two
    /// damaged ones each might lead what only the other one can read. While there is damage, which nobody knows of, no word of a
    /// leader is on its way either: it may dismiss whoever is without, for the sake of the one that is lost.
    fn may_lose(&self, broker: i32) -> bool {
        let is_damaged = self.remains.values().any(|remains| !remains.damaged.is_empty());
        let is_settled = self.brokers.values().all(|node| node.proposed().is_empty());
        (is_settled || !is_damaged) && self.others_hold(broker, |remains, _| remains.damaged.is_empty())
    }

    /// As [`Self::may_lose`], where a partition may have moved away from whoever was without damage.
    fn may_replace(&self, broker: i32) -> bool {
        self.others_hold(broker, |remains, place| !remains.damaged.contains(place))
    }

    fn others_hold(&self, broker: i32, is_whole: fn(&Remains, &Place) -> bool) -> bool {
        let has_whole = |id: &BrokerId, place| self.remains.get(&id.0).is_some_and(|remains| is_whole(remains, place));
        let is_held = |(place, holders): (_, &BTreeSet<BrokerId>)| {
            holders.iter().any(|id| id.0 != broker && has_whole(id, place))
        };
        let mut places = Place::all(self.setup.partitions);
        places.all(|place| place.minimum_in(&self.store.image) >= MIN_IN_SYNC)
            && self.losses_are_known()
            && self.store.holders.iter().all(is_held)
    }

    fn losses_are_known(&self) -> bool {
        let is_known = |id: i32| {
            let life = self.remains.get(&id).and_then(|remains| remains.log_life);
            self.store.image.brokers.get(&BrokerId(id)).is_some_and(|known| known.has_logs_of(life))
        };
        (1..=self.setup.brokers).all(is_known)
    }
}
