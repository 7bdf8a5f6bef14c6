//! Telling those who wait for a partition that it moved.

use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Weak,
        atomic::{AtomicBool, Ordering, fence},
    },
};

/// What moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Followers may read this many more bytes. Told only where there are followers.
    Appended { bytes: usize },
    /// Consumers may read this many more bytes, about.
    Committed { bytes: usize },
    /// The log start moved; worth telling, not worth waking for.
    LogStart,
    /// The leader forgot what followers told: whoever keeps what one asked asks it again, with its next request.
    Forgotten,
    /// Leadership, epoch or storage state changed, or the partition is gone: every waiter must look again.
    State,
}

/// Waits for partitions, each known to it by an index of its own choice. Called under a short lock, from any thread:
/// mark and wake, nothing more.
pub(crate) trait Watcher: Send + Sync + std::fmt::Debug {
    fn changed(&self, index: u32, change: Change);
}

/// Names one subscription of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Everyone who waits for one partition. Costs an append nothing but one load while nobody does.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    any: AtomicBool,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    next: u64,
    watches: BTreeMap<u64, (Weak<dyn Watcher>, u32)>,
}

impl Watchers {
    /// Subscribe first, then read the positions: a change between the two is told as well.
    pub(super) fn subscribe(&self, watcher: Weak<dyn Watcher>, index: u32) -> Ticket {
        let mut list = self.list.lock();
        let ticket = list.next;
        list.next += 1;
        list.watches.insert(ticket, (watcher, index));
        self.any.store(true, Ordering::Relaxed);
        // With the fence of `tell`: either that sees the subscriber, or the subscriber sees what was stored before it.
        fence(Ordering::SeqCst);
        Ticket(ticket)
    }

    pub(super) fn unsubscribe(&self, ticket: Ticket) {
        let mut list = self.list.lock();
        list.watches.remove(&ticket.0);
        self.any.store(!list.watches.is_empty(), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Positions are stored before this is called.
    pub(super) fn tell(&self, change: Change) {
        // Without it the look at `any` may come before the positions are visible, and both sides miss each other.
        fence(Ordering::SeqCst);
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let mut list = self.list.lock();
        list.watches.retain(|_, (watcher, index)| match watcher.upgrade() {
            Some(watcher) => {
                watcher.changed(*index, change);
                true
            }
            None => false,
        });
        self.any.store(!list.watches.is_empty(), Ordering::Relaxed);
    }
}
