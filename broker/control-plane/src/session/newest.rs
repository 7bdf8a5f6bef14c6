//! Which session of a broker is its newest, and since when nothing was heard in it: what became of an earlier one says nothing of
//! the broker.
//!
//! A connection that a node or a gateway forgot ends half a minute later here, and the broker has long come back by another.

use model::BrokerId;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tokio::time::Instant;

/// Of one controller.
#[derive(Debug, Default)]
pub(super) struct NewestSessions {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last: u64,
    /// Of those that were let in.
    newest: BTreeMap<BrokerId, Newest>,
}

#[derive(Debug)]
struct Newest {
    number: u64,
    is_open: bool,
    /// When it was heard last, or ended; `None`: it said farewell.
    silent_since: Option<Instant>,
    /// Of its program, as it said.
    software_version: Option<String>,
}

/// In the order in which sessions came.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionNumber(u64);

impl NewestSessions {
    pub(super) fn next(&self) -> SessionNumber {
        self.with(|known| {
            known.last += 1;
            SessionNumber(known.last)
        })
    }

    pub(super) fn let_in(
        &self,
        broker: BrokerId,
        SessionNumber(number): SessionNumber,
        software_version: Option<String>,
    ) {
        self.with(|known| {
            if known.newest.get(&broker).is_none_or(|newest| newest.number < number) {
                let newest = Newest { number, is_open: true, silent_since: Some(Instant::now()), software_version };
                known.newest.insert(broker, newest);
            }
        });
    }

    pub(super) fn heard(&self, broker: BrokerId, number: SessionNumber) {
        self.in_newest(broker, number, |newest| newest.silent_since = Some(Instant::now()));
    }

    /// Whether it was the newest that ended.
    pub(super) fn ended(&self, broker: BrokerId, number: SessionNumber, departed: bool) -> bool {
        self.in_newest(broker, number, |newest| {
            newest.is_open = false;
            newest.silent_since = (!departed).then(Instant::now);
        })
    }

    pub(super) fn open(&self) -> usize {
        self.with(|known| known.newest.values().filter(|newest| newest.is_open).count())
    }

    pub(super) fn silent_since(&self, broker: BrokerId) -> Option<Instant> {
        self.with(|known| known.newest.get(&broker)?.silent_since)
    }

    pub(super) fn software_version(&self, broker: BrokerId) -> Option<String> {
        self.with(|known| known.newest.get(&broker)?.software_version.clone())
    }

    fn in_newest(
        &self,
        broker: BrokerId,
        SessionNumber(number): SessionNumber,
        does: impl FnOnce(&mut Newest),
    ) -> bool {
        self.with(|known| {
            let newest = known.newest.get_mut(&broker).filter(|newest| newest.number == number);
            newest.map(does).is_some()
        })
    }

    fn with<R>(&self, does: impl FnOnce(&mut Known) -> R) -> R {
        does(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const BROKER: BrokerId = BrokerId(1);

    #[tokio::test(start_paused = true)]
    async fn only_the_newest_session_tells_of_a_broker() {
        let sessions = NewestSessions::default();
        let (first, second) = (sessions.next(), sessions.next());
        sessions.let_in(BROKER, first, None);
        sessions.let_in(BROKER, second, Some("0.2.0".to_owned()));
        assert_eq!(sessions.software_version(BROKER).as_deref(), Some("0.2.0"));
        let came = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        sessions.heard(BROKER, first);
        assert!(!sessions.ended(BROKER, first, false));
        assert_eq!((sessions.open(), sessions.silent_since(BROKER)), (1, Some(came)));
        sessions.heard(BROKER, second);
        assert_eq!(sessions.silent_since(BROKER), Some(Instant::now()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(sessions.ended(BROKER, second, false));
        assert_eq!((sessions.open(), sessions.silent_since(BROKER)), (0, Some(Instant::now())));
    }

    #[tokio::test]
    async fn who_said_farewell_is_not_missed() {
        let sessions = NewestSessions::default();
        let number = sessions.next();
        sessions.let_in(BROKER, number, None);
        assert!(sessions.ended(BROKER, number, true));
        assert_eq!((sessions.open(), sessions.silent_since(BROKER)), (0, None));
    }
}
