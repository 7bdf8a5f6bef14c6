//! A broker that hears nobody: its leaders step aside and resume by the rule of the core, see [`replication::Isolation`].

use super::{World, broker_node::assignment, controller_node::SESSION, message::Node, place::Place};
use model::MonotonicTime;
use replication::{Isolation, IsolationStep, Silence as Heard};
use std::{collections::BTreeSet, time::Duration};

/// A connection to the controller on which nothing comes for so long is given up.
const KEEPALIVE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Silence {
    controller_heard: MonotonicTime,
    follower_heard: MonotonicTime,
    isolation: Isolation,
    aside: BTreeSet<Place>,
}

impl Silence {
    pub(super) fn since(now: MonotonicTime) -> Self {
        Self { controller_heard: now, follower_heard: now, isolation: Isolation::default(), aside: BTreeSet::new() }
    }

    fn at(&self, now: MonotonicTime) -> Heard {
        let of_controller = Some(now.since(self.controller_heard)).filter(|silent_for| *silent_for > KEEPALIVE);
        Heard { of_controller, of_followers: now.since(self.follower_heard), session_timeout: SESSION.timeout }
    }
}

impl World {
    pub(super) fn heard_controller(&mut self, id: i32) {
        let now = self.network.clock(Node::Broker(id));
        if let Some(node) = self.brokers.get_mut(&id) {
            node.silence.controller_heard = now;
        }
    }

    pub(super) fn heard_follower(&mut self, id: i32) {
        let now = self.network.clock(Node::Broker(id));
        if let Some(node) = self.brokers.get_mut(&id) {
            node.silence.follower_heard = now;
        }
    }

    pub(super) fn look_for_isolation(&mut self, id: i32) {
        let now = self.network.clock(Node::Broker(id));
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let heard = node.silence.at(now);
        match node.silence.isolation.look(heard) {
            Some(IsolationStep::StepAside) => self.step_aside(id),
            Some(IsolationStep::Resume) => self.resume(id),
            None => {}
        }
    }

    fn step_aside(&mut self, id: i32) {
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let steps = node.partitions.iter_mut().filter_map(|(place, one)| one.replica.step_aside().then_some(*place));
        for place in steps.collect::<Vec<_>>() {
            self.trace.story(self.network.now, format_args!("broker {id} steps aside from {place}"));
            if let Some(node) = self.brokers.get_mut(&id) {
                node.silence.aside.insert(place);
            }
            self.wake_followers(id, place);
            if place == Place::Offsets {
                self.follow_leadership(id);
            }
            self.publish(id, place);
        }
    }

    fn resume(&mut self, id: i32) {
        let Some(node) = self.brokers.get_mut(&id) else { return };
        let Some(image) = node.image.clone() else { return };
        for place in std::mem::take(&mut node.silence.aside) {
            let is_here = |state: &&controller::PartitionImage| state.replicas.iter().any(|replica| replica.0 == id);
            if let Some(state) = place.state_in(&image).filter(is_here) {
                self.trace.story(self.network.now, format_args!("broker {id} resumes {place}"));
                self.assign(id, place, assignment(state, place.minimum_in(&image)));
            }
        }
    }
}
