//! Where the partitions of one request leave their results.

use crate::partitions::{AppendError, AppendSink, Appended};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// One slot per awaited partition. The request waits at most once, so one permit of the notification is enough.
#[derive(Debug, Default)]
pub(super) struct Answers {
    slots: Mutex<Slots>,
    done: Notify,
}

#[derive(Debug, Default)]
struct Slots {
    results: SmallVec<[Option<Result<Appended, AppendError>>; 1]>,
    missing: usize,
}

impl Answers {
    pub(super) fn expect(&self, count: usize) {
        let mut slots = self.slots.lock();
        slots.results.resize(count, None);
        slots.missing = count;
    }

    pub(super) fn complete(&self) -> bool {
        self.slots.lock().missing == 0
    }

    pub(super) async fn wait(&self) {
        while !self.complete() {
            self.done.notified().await;
        }
    }

    pub(super) async fn wait_until(&self, deadline: Instant) {
        // Out of time is an answer of its own: whatever is missing then has timed out.
        timeout_at(deadline, self.wait()).await.ok();
    }

    /// What is there, in the order the slots were filled in; a missing one timed out.
    pub(super) fn take(&self) -> impl Iterator<Item = Result<Appended, AppendError>> {
        let results = std::mem::take(&mut self.slots.lock().results);
        results.into_iter().map(|result| result.unwrap_or(Err(AppendError::TimedOut)))
    }
}

impl AppendSink for Answers {
    fn appended(&self, index: u32, result: Result<Appended, AppendError>) {
        let mut slots = self.slots.lock();
        // After a timeout nobody wants the result any more.
        let Some(slot) = slots.results.get_mut(index as usize) else { return };
        if slot.replace(result).is_none() {
            slots.missing -= 1;
            if slots.missing == 0 {
                self.done.notify_one();
            }
        }
    }
}
