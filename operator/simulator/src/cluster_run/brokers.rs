//! The cluster's controller, committed to at once, and the processes of brokers that it hears.

use super::kubernetes::SimPod;
use controller::{
    BrokerCondition, ClusterImage, Controller, Effect, Event, Heartbeat, Leaving, RequestId, Settings,
    requests::{AlterPartitions, BrokerSession, IsrProposal, RegisterBroker, Reply, Request},
};
use model::{BrokerEpoch, BrokerId, ClusterId, Incarnation, LogLife, MonotonicTime};
use simulator::random::Random;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// What a broker's container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Running(BrokerEpoch),
    /// It was told to stop, and asked for leave.
    Stopping(BrokerEpoch),
    /// It ended and is to be started again.
    Dead,
}

#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) pod: String,
    pub(super) state: State,
    /// Its node says nothing any more.
    pub(super) is_silent: bool,
}

#[derive(Debug)]
pub(super) struct Brokers {
    settings: Settings,
    leaving: Leaving,
    controller: Controller,
    image: Arc<ClusterImage>,
    pub(super) processes: BTreeMap<i32, Process>,
    now: MonotonicTime,
    requests: u64,
    lives: u128,
}

impl Brokers {
    pub(super) fn new(settings: Settings) -> Self {
        let image = Arc::new(ClusterImage::empty(ClusterId::from("simulated")));
        let controller = Controller::new(settings.clone(), Arc::clone(&image), MonotonicTime::ZERO);
        let (processes, now) = (BTreeMap::new(), MonotonicTime::ZERO);
        Self { settings, leaving: Leaving::NOBODY, controller, image, processes, now, requests: 0, lives: 0 }
    }

    /// What is committed.
    pub(super) fn image(&self) -> &Arc<ClusterImage> {
        &self.image
    }

    /// Another operator decides, with what the store has.
    pub(super) fn take_over(&mut self) {
        let settings = Settings { leaving: self.leaving, ..self.settings.clone() };
        self.controller = Controller::new(settings, Arc::clone(&self.image), self.now);
        self.handle(Event::Tick);
    }

    /// The controller's settings follow the spec, by a start of its own.
    pub(super) fn set(&mut self, settings: Settings) {
        if self.settings != settings {
            self.settings = settings;
            self.take_over();
        }
    }

    pub(super) fn leaving(&self) -> Leaving {
        self.leaving
    }

    /// The controller is told who is about to go.
    pub(super) fn set_leaving(&mut self, leaving: Leaving) {
        self.leaving = leaving;
        self.ask(Request::SetLeaving(leaving));
    }

    fn handle(&mut self, event: Event) -> Vec<Reply> {
        let mut effects = self.controller.handle(event, self.now);
        let mut replies = Vec::new();
        while !effects.is_empty() {
            match effects.remove(0) {
                Effect::Commit(commit) => {
                    self.image = commit.image;
                    effects.extend(self.controller.handle(Event::Committed, self.now));
                }
                Effect::Reply { reply, .. } => replies.push(reply),
                Effect::Publish { .. } => {}
                Effect::Look | Effect::Deposed => unreachable!("nobody else commits"),
            }
        }
        replies
    }

    pub(super) fn ask(&mut self, request: Request) -> Reply {
        self.requests += 1;
        let replies = self.handle(Event::Request { id: RequestId(self.requests), request });
        replies.into_iter().next_back().expect("a request is answered")
    }

    /// Time passes, and whoever runs is heard.
    pub(super) fn pass(&mut self, ms: u64) {
        self.now = self.now + std::time::Duration::from_millis(ms);
        let heard: Vec<_> = self
            .processes
            .iter()
            .filter(|(_, process)| !process.is_silent)
            .filter_map(|(id, process)| match process.state {
                State::Running(epoch) | State::Stopping(epoch) => Some((BrokerId(*id), epoch)),
                State::Starting | State::Dead => None,
            })
            .collect();
        for (id, epoch) in heard {
            let (applied, condition) = (self.image.metadata_version, BrokerCondition::default());
            self.handle(Event::Heard(Heartbeat { id, epoch, applied, condition }));
        }
        self.handle(Event::Tick);
    }

    /// The process ends without a word; where its node lives, its connection breaks.
    pub(super) fn kill(&mut self, id: i32) {
        let Some(process) = self.processes.get_mut(&id) else { return };
        let before = std::mem::replace(&mut process.state, State::Dead);
        let is_heard = !process.is_silent;
        if let State::Running(epoch) | State::Stopping(epoch) = before
            && is_heard
        {
            self.handle(Event::Disconnected(BrokerSession { id: BrokerId(id), epoch }));
        }
    }

    /// The kubelet looks at a pod: it starts, stops or probes its container. `true`: the pod has ended and goes.
    pub(super) fn sync_pod(&mut self, id: i32, pod: &mut SimPod) -> bool {
        let is_of_pod = |process: &&mut Process| process.pod == pod.uid;
        let Some(process) = self.processes.get_mut(&id).filter(is_of_pod) else {
            // What ran in an earlier pod of the name is not there any more: its volume is mounted once.
            self.kill(id);
            if pod.is_going {
                return true;
            }
            let process = Process { pod: pod.uid.clone(), state: State::Starting, is_silent: false };
            self.processes.insert(id, process);
            return false;
        };
        let state = process.state;
        match state {
            State::Starting | State::Dead if pod.is_going => return self.end(id),
            State::Starting if !pod.is_broken => self.register(id),
            State::Starting => {}
            State::Dead => process.state = State::Starting,
            State::Running(epoch) if pod.is_going => {
                self.ask(Request::BeginShutdown(BrokerSession { id: BrokerId(id), epoch }));
                self.set_state(id, State::Stopping(epoch));
            }
            State::Running(_) => {}
            State::Stopping(epoch) => {
                self.handle(Event::Departed(BrokerSession { id: BrokerId(id), epoch }));
                return self.end(id);
            }
        }
        let runs = self.processes.get(&id).is_some_and(|process| matches!(process.state, State::Running(_)));
        pod.set_ready(runs && self.image.brokers.get(&BrokerId(id)).is_some_and(|broker| !broker.fenced));
        false
    }

    fn set_state(&mut self, id: i32, state: State) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.state = state;
        }
    }

    fn end(&mut self, id: i32) -> bool {
        self.processes.remove(&id);
        true
    }

    fn register(&mut self, id: i32) {
        self.lives += 1;
        let reply = self.ask(Request::RegisterBroker(RegisterBroker {
            id: BrokerId(id),
            incarnation: Incarnation(Uuid::from_u128(self.lives)),
            log_life: Some(LogLife(Uuid::from_u128(u128::from(id.unsigned_abs())))),
            serves_at_once: false,
            rack: Some(format!("zone-{}", id % 3)),
            endpoints: Vec::new(),
            began_empty: false,
            follows: None,
        }));
        // One that is taken for alive in another process comes again.
        if let Reply::BrokerRegistered(epoch) = reply {
            self.set_state(id, State::Running(epoch));
        }
    }

    /// Followers of one topic have caught up, and their leaders propose them.
    pub(super) fn catch_up(&mut self, random: &mut Random) {
        let image = Arc::clone(&self.image);
        if image.topics.is_empty() {
            return;
        }
        let place = usize::try_from(random.below(image.topics.len() as u64)).unwrap_or(0);
        let Some(topic) = image.topics.iter().nth(place) else { return };
        for (index, partition) in topic.indexed_partitions() {
            let Some(leader) = partition.leader.and_then(|id| image.brokers.get(&id)) else { continue };
            let runs = |id: &BrokerId| {
                let process = self.processes.get(&id.0);
                process.is_some_and(|process| matches!(process.state, State::Running(_)) && !process.is_silent)
            };
            let joins = |id: &&BrokerId| !partition.isr.contains(id) && image.is_usable(**id) && runs(id);
            let joining: Vec<_> = partition.replicas.iter().filter(joins).copied().collect();
            if joining.is_empty() || !runs(&leader.id) {
                continue;
            }
            let members = partition.isr.iter().copied().chain(joining);
            let isr = members.filter_map(|id| Some((id, image.brokers.get(&id)?.epoch))).collect();
            let proposal = IsrProposal {
                topic_id: topic.id,
                partition: index,
                leader_epoch: partition.leader_epoch,
                partition_epoch: partition.partition_epoch,
                isr,
                recovered: true,
                min_in_sync: None,
            };
            let (broker, broker_epoch) = (leader.id, leader.epoch);
            self.ask(Request::AlterPartitions(AlterPartitions { broker, broker_epoch, proposals: vec![proposal] }));
        }
    }
}
