//! The list of partitions that moved since a set of them was looked at last.

use crate::partitions::{Change, Watcher};
use parking_lot::Mutex;
use std::collections::{BTreeSet, VecDeque};
use tokio::sync::Notify;

/// Shared by all partitions of one set: each marks itself here. At most one request waits at a time.
#[derive(Debug)]
pub(super) struct Waiter {
    /// A follower waits for what is appended, a consumer for what is committed.
    for_follower: bool,
    ready: Mutex<Ready>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Ready {
    queue: VecDeque<u32>,
    /// Per partition: it is in the queue.
    queued: Vec<bool>,
    /// Bytes committed since the request parked, against what it waits for.
    bytes: usize,
    wanted: usize,
    /// Something happened that has to be told whatever the bytes are.
    urgent: bool,
    /// Their leaders are to be told again what the follower asked.
    forgotten: BTreeSet<u32>,
}

impl Waiter {
    pub(super) fn new(for_follower: bool) -> Self {
        Self { for_follower, ready: Mutex::default(), wake: Notify::new() }
    }

    pub(super) fn mark(&self, index: u32) {
        self.ready.lock().mark(index);
    }

    /// Everything marked, in order of marking; from now on each may be marked again.
    pub(super) fn take(&self) -> VecDeque<u32> {
        let mut ready = self.ready.lock();
        let queue = std::mem::take(&mut ready.queue);
        for index in &queue {
            ready.queued[*index as usize] = false;
        }
        queue
    }

    /// These come first next time: there was no room for them.
    pub(super) fn put_back(&self, indexes: impl DoubleEndedIterator<Item = u32>) {
        let mut ready = self.ready.lock();
        for index in indexes.rev() {
            if !ready.set_queued(index) {
                ready.queue.push_front(index);
            }
        }
    }

    pub(super) fn take_forgotten(&self) -> BTreeSet<u32> {
        std::mem::take(&mut self.ready.lock().forgotten)
    }

    /// Counts anew. Before a pass, so that what is committed during it counts (perhaps twice, never not at all).
    pub(super) fn begin(&self) {
        let mut ready = self.ready.lock();
        ready.bytes = 0;
        ready.wanted = usize::MAX;
        ready.urgent = false;
    }

    /// Wake for this many bytes since [`Waiter::begin`].
    pub(super) fn want(&self, bytes: usize) {
        self.ready.lock().wanted = bytes;
    }

    /// Resolves when what is wanted may be there.
    pub(super) async fn wanted(&self) {
        loop {
            let wake = self.wake.notified();
            if self.ready.lock().is_wanted() {
                return;
            }
            wake.await;
        }
    }

    /// A change that nobody announced because nobody was subscribed.
    pub(super) fn missed(&self, index: u32) {
        self.changed(index, Change::State);
    }
}

impl Ready {
    fn mark(&mut self, index: u32) {
        if !self.set_queued(index) {
            self.queue.push_back(index);
        }
    }

    fn set_queued(&mut self, index: u32) -> bool {
        let position = index as usize;
        if self.queued.len() <= position {
            self.queued.resize(position + 1, false);
        }
        std::mem::replace(&mut self.queued[position], true)
    }

    fn is_wanted(&self) -> bool {
        self.urgent || self.bytes >= self.wanted
    }
}

impl Watcher for Waiter {
    fn changed(&self, index: u32, change: Change) {
        if !self.for_follower && matches!(change, Change::Appended { .. }) {
            return;
        }
        let mut ready = self.ready.lock();
        if change == Change::Forgotten {
            if self.for_follower {
                ready.forgotten.insert(index);
            }
            return;
        }
        ready.mark(index);
        let was_wanted = ready.is_wanted();
        match change {
            // What is committed a follower is told with the next records.
            Change::Committed { .. } if self.for_follower => {}
            Change::Appended { bytes } | Change::Committed { bytes } => ready.bytes = ready.bytes.saturating_add(bytes),
            Change::State => ready.urgent = true,
            Change::LogStart | Change::Forgotten => {}
        }
        if !was_wanted && ready.is_wanted() {
            self.wake.notify_one();
        }
    }
}
