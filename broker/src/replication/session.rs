//! The follower's side of an incremental fetch session (KIP-227): what the leader was told, and what it need not be told
//! again.

use kafka_protocol::ResponseError as Code;
use model::{PartitionIndex, TopicId};
use replication::NextFetch;
use std::collections::HashMap;

const NONE: i32 = 0;
const INITIAL_EPOCH: i32 = 0;

pub(super) type Key = (TopicId, PartitionIndex);

#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    /// One that the leader may still keep, though its connection is gone.
    replaces: i32,
    told: HashMap<Key, NextFetch>,
}

/// What the next request says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    pub(super) asked: Vec<(Key, NextFetch)>,
    pub(super) forgotten: Vec<Key>,
}

impl Session {
    /// On another connection. The first request there ends the session before.
    pub(super) fn begin_anew(&mut self) {
        let replaces = if self.id == NONE { self.replaces } else { self.id };
        *self = Self { replaces, ..Self::default() };
    }

    /// The leader knows of nothing: the next request has to tell everything.
    pub(super) fn is_new(&self) -> bool {
        self.id == NONE
    }

    pub(super) fn forget(&mut self) {
        self.told.clear();
    }

    /// From what may have changed: what is wanted of a partition now, `None` where it is nothing.
    pub(super) fn news(&mut self, changed: impl Iterator<Item = (Key, Option<NextFetch>)>) -> News {
        let session_id = if self.is_new() { self.replaces } else { self.id };
        let mut news = News { session_id, session_epoch: self.epoch, ..News::default() };
        for (key, wanted) in changed {
            match wanted {
                Some(next) if self.told.insert(key, next) != Some(next) => news.asked.push((key, next)),
                Some(_) => {}
                None => news.forgotten.extend(self.told.remove(&key).map(|_| key)),
            }
        }
        news
    }

    /// What the leader was asked of a partition.
    pub(super) fn asked(&self, key: Key) -> Option<NextFetch> {
        self.told.get(&key).copied()
    }

    /// What the leader answered about the session as a whole. An error begins a new one.
    pub(super) fn answered(&mut self, error_code: i16, session_id: i32) -> Result<(), Code> {
        if let Some(error) = Code::try_from_code(error_code) {
            *self = Self::default();
            return Err(error);
        }
        if session_id == NONE {
            // No room for a session there: everything is told each time.
            (self.id, self.epoch, self.replaces) = (NONE, INITIAL_EPOCH, NONE);
            return Ok(());
        }
        self.epoch = match self.epoch {
            i32::MAX => INITIAL_EPOCH + 1,
            epoch => epoch + 1,
        };
        (self.id, self.replaces) = (session_id, NONE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{BrokerId, LeaderEpoch, Offset};

    fn key(index: i32) -> Key {
        (TopicId::ZERO, PartitionIndex(index))
    }

    fn next(offset: i64) -> NextFetch {
        NextFetch {
            leader: BrokerId(1),
            leader_epoch: LeaderEpoch(1),
            offset: Offset(offset),
            last_fetched_epoch: LeaderEpoch(1),
            log_start: Offset(0),
        }
    }

    fn changed(all: &[(i32, Option<i64>)]) -> impl Iterator<Item = (Key, Option<NextFetch>)> {
        all.iter().map(|(index, offset)| (key(*index), offset.map(next)))
    }

    #[test]
    fn session_tells_what_changed_and_what_is_wanted_no_more() {
        let mut session = Session::default();
        let first = session.news(changed(&[(0, Some(5)), (1, Some(7)), (2, None)]));
        assert_eq!((first.session_id, first.session_epoch, first.asked.len()), (0, 0, 2));
        session.answered(0, 77).unwrap();
        let second = session.news(changed(&[(0, Some(6)), (1, None)]));
        let expected =
            News { session_id: 77, session_epoch: 1, asked: vec![(key(0), next(6))], forgotten: vec![key(1)] };
        assert_eq!(second, expected);
        session.answered(0, 77).unwrap();
        let third = session.news(changed(&[(0, Some(6)), (1, None)]));
        assert_eq!(third, News { session_id: 77, session_epoch: 2, ..News::default() });
        assert_eq!((session.asked(key(0)), session.asked(key(1))), (Some(next(6)), None));
    }

    #[test]
    fn without_a_session_everything_is_told_each_time() {
        let mut session = Session::default();
        for _ in 0..2 {
            assert!(session.is_new());
            session.forget();
            let news = session.news(changed(&[(0, Some(5))]));
            assert_eq!((news.session_id, news.session_epoch, news.asked.len()), (0, 0, 1));
            session.answered(0, 0).unwrap();
        }
    }

    #[test]
    fn session_on_another_connection_ends_the_one_before() {
        let mut session = Session::default();
        session.news(changed(&[(0, Some(5))]));
        session.answered(0, 77).unwrap();
        for _ in 0..2 {
            session.begin_anew();
            let news = session.news(changed(&[(0, Some(5))]));
            assert_eq!((news.session_id, news.session_epoch, news.asked.len()), (77, 0, 1));
        }
        session.answered(0, 78).unwrap();
        assert_eq!(session.news(changed(&[])).session_id, 78);
    }

    #[test]
    fn session_that_the_leader_lost_begins_anew() {
        let mut session = Session::default();
        session.news(changed(&[(0, Some(5))]));
        session.answered(0, 77).unwrap();
        session.news(changed(&[]));
        assert_eq!(session.answered(Code::FetchSessionIdNotFound.code(), 0), Err(Code::FetchSessionIdNotFound));
        let news = session.news(changed(&[(0, Some(5))]));
        assert_eq!((news.session_id, news.session_epoch, news.asked.len()), (0, 0, 1));
    }
}
