//! Virtual time and what happens in it: messages on their way, timers, faults. One queue, one order.

use super::message::{Message, Node};
use crate::random::Random;
use model::{MonotonicTime, WallTime};
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

/// When, in which order among those of the same moment, and where in [`Network::waiting`]: what the queue moves about is small.
type Turn = (MonotonicTime, u64, usize);

#[derive(Debug)]
struct Entry {
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
        let is_meant = self.what == What::Everything || matches!(message, Message::Alter { .. });
        self.from == from && self.to.is_none_or(|known| known == to) && is_meant
    }
}

/// How a node's clocks differ from the run's.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    ahead: Duration,
    wall_ahead_ms: i64,
}

/// When every run begins.
const BEGIN: WallTime = WallTime(1_700_000_000_000);

#[derive(Debug)]
pub(super) struct Network {
    pub(super) now: MonotonicTime,
    queue: BinaryHeap<Reverse<Turn>>,
    waiting: Vec<Option<Entry>>,
    free: Vec<usize>,
    order: u64,
    lives: BTreeMap<Node, u64>,
    paused_until: BTreeMap<Node, MonotonicTime>,
    clocks: BTreeMap<Node, Clock>,
    /// From, to: nothing passes in this direction.
    cut: BTreeSet<(Node, Node)>,
    pub(super) weather: Weather,
    pub(super) slow: Option<Slow>,
    /// When the last produce arrives that did not stray.
    last_produce: MonotonicTime,
    pub(super) delivered: u64,
}

impl Network {
    pub(super) fn new() -> Self {
        Self {
            now: MonotonicTime::ZERO,
            queue: BinaryHeap::new(),
            waiting: Vec::new(),
            free: Vec::new(),
            order: 0,
            lives: BTreeMap::new(),
            paused_until: BTreeMap::new(),
            clocks: BTreeMap::new(),
            cut: BTreeSet::new(),
            weather: Weather::CALM,
            slow: None,
            last_produce: MonotonicTime::ZERO,
            delivered: 0,
        }
    }

    /// What the node takes for the time that passed.
    pub(super) fn clock(&self, node: Node) -> MonotonicTime {
        self.now + self.clocks.get(&node).map_or(Duration::ZERO, |clock| clock.ahead)
    }

    /// What the node takes for the time of day.
    pub(super) fn wall(&self, node: Node) -> WallTime {
        let ahead = self.clocks.get(&node).map_or(0, |clock| clock.wall_ahead_ms);
        BEGIN.plus_ms(i64::try_from(self.now.since_start().as_millis()).unwrap_or(0) + ahead)
    }

    /// The node's clock of time that passed goes forward at once, as that of a machine that was suspended.
    pub(super) fn jump(&mut self, node: Node, by: Duration) {
        self.clocks.entry(node).or_default().ahead += by;
    }

    /// Somebody sets the node's time of day.
    pub(super) fn set_wall_ahead(&mut self, node: Node, ms: i64) {
        self.clocks.entry(node).or_default().wall_ahead_ms = ms;
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
        let wakes = self.paused_until.entry(node).or_insert(self.now);
        *wakes = (*wakes).max(self.now + wait);
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
        for entry in &mut self.waiting {
            let is_on_it = entry.as_ref().is_some_and(|Entry { node, happening, .. }| match happening {
                Happening::Arrives { from, .. } => (*from, *node) == (one, other) || (*from, *node) == (other, one),
                Happening::Timer(_) => false,
            });
            if is_on_it {
                *entry = None;
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.wake_all();
        self.weather = Weather::CALM;
        self.slow = None;
    }

    /// Whoever is frozen finds everything now: its own timers, too, without which it would be half awake.
    fn wake_all(&mut self) {
        let frozen = std::mem::take(&mut self.paused_until);
        let queue = std::mem::take(&mut self.queue);
        let woken = |Reverse((at, order, slot)): Reverse<Turn>| {
            let node = self.waiting[slot].as_ref().map(|entry| entry.node);
            let waits = node.and_then(|node| frozen.get(&node)).is_some_and(|wakes| *wakes == at);
            Reverse((if waits { self.now } else { at }, order, slot))
        };
        self.queue = queue.into_iter().map(woken).collect();
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
        let may_double = !message.comes_once();
        let copies = if may_double && happens(self.weather.doubled_once_in, random) { 2 } else { 1 };
        for _ in 0..copies {
            let wait = if happens(self.weather.late_once_in, random) {
                Duration::from_millis(random.below(2000))
            } else {
                let wait = Duration::from_micros(100 + random.below(900));
                // The producer has one connection to a broker, and it keeps the order.
                if message.is_produce() { self.behind_the_last_produce(wait) } else { wait }
            };
            self.put(to, wait, Happening::Arrives { from, message: message.clone() });
        }
    }

    fn behind_the_last_produce(&mut self, wait: Duration) -> Duration {
        self.last_produce = (self.last_produce + Duration::from_micros(1)).max(self.now + wait);
        self.last_produce.since(self.now)
    }

    pub(super) fn set_timer(&mut self, node: Node, wait: Duration, timer: Timer) {
        self.put(node, wait, Happening::Timer(timer));
    }

    fn put(&mut self, node: Node, wait: Duration, happening: Happening) {
        self.order += 1;
        let entry = Some(Entry { node, life: self.life(node), happening });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.waiting[slot] = entry;
                slot
            }
            None => {
                self.waiting.push(entry);
                self.waiting.len() - 1
            }
        };
        self.queue.push(Reverse((self.now + wait, self.order, slot)));
    }

    /// What happens next, before `end`.
    pub(super) fn next(&mut self, end: MonotonicTime) -> Option<(Node, Happening)> {
        while let Some(Reverse((at, order, slot))) = self.queue.peek().copied().filter(|Reverse(turn)| turn.0 < end) {
            self.queue.pop();
            self.now = self.now.max(at);
            let Some(node) = self.waiting[slot].as_ref().map(|entry| entry.node) else {
                self.free.push(slot);
                continue;
            };
            // A frozen process finds everything when it wakes, in order.
            if let Some(wakes) = self.paused_until.get(&node).copied().filter(|wakes| *wakes > at) {
                self.queue.push(Reverse((wakes, order, slot)));
                continue;
            }
            self.free.push(slot);
            let Some(entry) = self.waiting[slot].take().filter(|entry| entry.life == self.life(node)) else { continue };
            self.delivered += 1;
            return Some((node, entry.happening));
        }
        self.now = self.now.max(end);
        None
    }
}

fn happens(once_in: u64, random: &mut Random) -> bool {
    once_in > 0 && random.once_in(once_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: Node = Node::Broker(1);

    fn at(ms: u64) -> MonotonicTime {
        MonotonicTime::from_ms(ms)
    }

    #[test]
    fn frozen_node_finds_its_timers_when_it_wakes() {
        for healed in [false, true] {
            let mut network = Network::new();
            network.set_timer(NODE, Duration::from_millis(100), Timer::Tick);
            network.pause(NODE, Duration::from_millis(900));
            network.pause(NODE, Duration::from_millis(300));
            assert!(network.next(at(200)).is_none());
            if healed {
                network.heal();
            }
            let woken = network.next(at(1000));
            assert!(matches!(woken, Some((NODE, Happening::Timer(Timer::Tick)))));
            assert_eq!(network.now, if healed { at(200) } else { at(900) });
        }
    }
}
