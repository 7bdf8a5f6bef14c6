//! Virtual time and what happens in it: messages on their way, timers, faults. One queue, one order.

use super::message::{Message, Node};
use crate::random::Random;
use model::MonotonicTime;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// Reaches the life of the node that it was sent to, if that lasts.
    Arrives {
        from: Node,
        message: Message,
    },
    Timer(Timer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// What a node looks at again and again.
    Tick,
    /// A follower's turn to fetch, or a client's to ask.
    Next,
    /// A node that died comes back.
    Rise,
    /// A commit reaches the store, or its answer the controller.
    Commit,
}

#[derive(Debug)]
struct Entry {
    at: MonotonicTime,
    order: u64,
    node: Node,
    life: u64,
    happening: Happening,
}

/// How bad the network is; all odds are "once in".
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) lost_once_in: u64,
    pub(super) doubled_once_in: u64,
    pub(super) late_once_in: u64,
}

impl Weather {
    pub(super) const CALM: Self = Self { lost_once_in: 0, doubled_once_in: 0, late_once_in: 0 };
}

/// Messages that are on their way for long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slow {
    pub(super) from: Node,
    /// `None`: to anybody.
    pub(super) to: Option<Node>,
    pub(super) what: What,
    pub(super) by: Duration,
    /// A copy of each comes in time.
    pub(super) also_prompt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Everything,
    IsrChanges,
}

impl Slow {
    fn applies(&self, from: Node, to: Node, message: &Message) -> bool {
        let is_meant = self.what == What::Everything || matches!(message, Message::Alter(_));
        self.from == from && self.to.is_none_or(|known| known == to) && is_meant
    }
}

#[derive(Debug)]
pub(super) struct Network {
    pub(super) now: MonotonicTime,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    lives: BTreeMap<Node, u64>,
    paused_until: BTreeMap<Node, MonotonicTime>,
    /// From, to: nothing passes in this direction.
    cut: BTreeSet<(Node, Node)>,
    pub(super) weather: Weather,
    pub(super) slow: Option<Slow>,
    pub(super) delivered: u64,
}

impl Network {
    pub(super) fn new() -> Self {
        Self {
            now: MonotonicTime::ZERO,
            queue: BinaryHeap::new(),
            order: 0,
            lives: BTreeMap::new(),
            paused_until: BTreeMap::new(),
            cut: BTreeSet::new(),
            weather: Weather::CALM,
            slow: None,
            delivered: 0,
        }
    }

    pub(super) fn life(&self, node: Node) -> u64 {
        self.lives.get(&node).copied().unwrap_or(0)
    }

    /// The node dies: what was sent to it, and its timers, go with it.
    pub(super) fn end_life(&mut self, node: Node) {
        *self.lives.entry(node).or_insert(0) += 1;
        self.paused_until.remove(&node);
    }

    pub(super) fn pause(&mut self, node: Node, wait: Duration) {
        self.paused_until.insert(node, self.now + wait);
    }

    pub(super) fn cut(&mut self, from: Node, to: Node) {
        self.cut.insert((from, to));
    }

    pub(super) fn mend(&mut self, from: Node, to: Node) {
        self.cut.remove(&(from, to));
    }

    /// The link breaks, in both directions, and what is on it is lost.
    pub(super) fn tear(&mut self, one: Node, other: Node) {
        self.cut(one, other);
        self.cut(other, one);
        self.queue.retain(|Reverse(Entry { node, happening, .. })| match happening {
            Happening::Arrives { from, .. } => (*from, *node) != (one, other) && (*from, *node) != (other, one),
            Happening::Timer(_) => true,
        });
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.paused_until.clear();
        self.weather = Weather::CALM;
        self.slow = None;
    }

    pub(super) fn send(&mut self, from: Node, to: Node, message: Message, random: &mut Random) {
        if self.cut.contains(&(from, to)) || happens(self.weather.lost_once_in, random) {
            return;
        }
        if let Some(slow) = self.slow.filter(|slow| slow.applies(from, to, &message)) {
            self.put(to, slow.by, Happening::Arrives { from, message: message.clone() });
            if !slow.also_prompt {
                return;
            }
        }
        let may_stray = !message.keeps_its_place();
        let copies = if may_stray && happens(self.weather.doubled_once_in, random) { 2 } else { 1 };
        for _ in 0..copies {
            let wait = if may_stray && happens(self.weather.late_once_in, random) {
                Duration::from_millis(random.below(2000))
            } else {
                Duration::from_micros(100 + random.below(900))
            };
            self.put(to, wait, Happening::Arrives { from, message: message.clone() });
        }
    }

    pub(super) fn set_timer(&mut self, node: Node, wait: Duration, timer: Timer) {
        self.put(node, wait, Happening::Timer(timer));
    }

    fn put(&mut self, node: Node, wait: Duration, happening: Happening) {
        self.order += 1;
        let entry = Entry { at: self.now + wait, order: self.order, node, life: self.life(node), happening };
        self.queue.push(Reverse(entry));
    }

    /// What happens next, before `end`.
    pub(super) fn next(&mut self, end: MonotonicTime) -> Option<(Node, Happening)> {
        while self.queue.peek().is_some_and(|Reverse(entry)| entry.at < end) {
            let Reverse(mut entry) = self.queue.pop()?;
            self.now = self.now.max(entry.at);
            if entry.life != self.life(entry.node) {
                continue;
            }
            // A frozen process finds everything when it wakes, in order.
            if let Some(wakes) = self.paused_until.get(&entry.node).copied().filter(|wakes| *wakes > entry.at) {
                entry.at = wakes;
                self.queue.push(Reverse(entry));
                continue;
            }
            self.delivered += 1;
            return Some((entry.node, entry.happening));
        }
        self.now = self.now.max(end);
        None
    }
}

fn happens(once_in: u64, random: &mut Random) -> bool {
    once_in > 0 && random.once_in(once_in)
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
