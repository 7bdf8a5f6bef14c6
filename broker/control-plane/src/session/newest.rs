//! Which session of a broker is its newest: what became of an earlier one says nothing of the broker.
//!
//! A connection that a node or a gateway forgot ends half a minute later here, and the broker has long come back by another.

use model::BrokerId;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Of one controller.
#[derive(Debug, Default)]
pub(super) struct NewestSessions {
    numbers: Mutex<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    /// Of those that were let in.
    newest: BTreeMap<BrokerId, u64>,
}

/// In the order in which sessions came.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionNumber(u64);

impl NewestSessions {
    pub(super) fn next(&self) -> SessionNumber {
        self.with(|numbers| {
            numbers.last += 1;
            SessionNumber(numbers.last)
        })
    }

    pub(super) fn let_in(&self, broker: BrokerId, SessionNumber(number): SessionNumber) {
        self.with(|numbers| {
            let newest = numbers.newest.entry(broker).or_default();
            *newest = number.max(*newest);
        });
    }

    pub(super) fn is_newest(&self, broker: BrokerId, SessionNumber(number): SessionNumber) -> bool {
        self.with(|numbers| numbers.newest.get(&broker) == Some(&number))
    }

    fn with<R>(&self, does: impl FnOnce(&mut Numbers) -> R) -> R {
        does(&mut self.numbers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
