//! Who is alive, as far as the controller heard. Nothing here is stored: a controller that takes over gives every broker
//! a full session timeout to come to it.
//!
//! | a broker is lost when | after |
//! |---|---|
//! | its connection broke and it did not come back | [`SessionSettings::reconnect_grace`] |
//! | it is silent on an open connection | [`SessionSettings::timeout`] |
//! | it said that it goes | at once, however many go |
//! | more than half of the other brokers seem lost within one `timeout` | one more `timeout` in which none of them is heard: more often it is the controller that is cut off |

use model::{BrokerEpoch, BrokerId, ControllerEpoch, MetadataVersion, MonotonicTime};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// `broker.session.timeout.ms`.
    pub timeout: Duration,
    /// A killed process breaks its connection at once; a live one whose connection broke is back within this time.
    pub reconnect_grace: Duration,
}

impl SessionSettings {
    /// The only broker is the controller's own process: no one has to be heard.
    pub const NEVER_LOST: Self = Self { timeout: Duration::MAX, reconnect_grace: Duration::MAX };
}

/// What a broker says of itself when it is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    pub id: BrokerId,
    pub epoch: BrokerEpoch,
    /// The newest metadata that the broker acts by.
    pub applied: MetadataVersion,
    pub condition: BrokerCondition,
}

/// How a broker is doing: for people, for who restarts and drains brokers, and for who hands back leadership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerCondition {
    /// The highest controller epoch that it has acted by.
    pub controller_epoch: ControllerEpoch,
    /// Of the volume of its data.
    pub free_bytes: Option<u64>,
    pub total_bytes: Option<u64>,
    /// Replicas held, and those of which the log is still to be recovered from a crash.
    pub logs: u32,
    pub logs_to_recover: u32,
}

impl Default for BrokerCondition {
    /// Of a broker that does not say.
    fn default() -> Self {
        let controller_epoch = ControllerEpoch(0);
        Self { controller_epoch, free_bytes: None, total_bytes: None, logs: 0, logs_to_recover: 0 }
    }
}

#[derive(Debug)]
pub(crate) struct Sessions {
    settings: SessionSettings,
    by_broker: BTreeMap<BrokerId, Session>,
    /// Since when most brokers seem lost.
    most_lost_since: Option<MonotonicTime>,
}

#[derive(Debug)]
struct Session {
    epoch: BrokerEpoch,
    /// It has been here since then, as far as this controller knows.
    since: MonotonicTime,
    last_heard: MonotonicTime,
    /// By this controller. Otherwise it is only known from the store, which says nothing of what it does now.
    was_heard: bool,
    has_departed: bool,
    /// When it was given as lost, without a farewell and never heard since.
    lost_at: Option<MonotonicTime>,
    /// Its connection broke: when it is no longer waited for.
    given_up_at: Option<MonotonicTime>,
    applied: MetadataVersion,
    condition: BrokerCondition,
}

impl Session {
    fn unheard(epoch: BrokerEpoch, now: MonotonicTime) -> Self {
        let applied = MetadataVersion(0);
        Self {
            epoch,
            since: now,
            last_heard: now,
            was_heard: false,
            has_departed: false,
            lost_at: None,
            given_up_at: None,
            applied,
            condition: BrokerCondition::default(),
        }
    }
}

impl Sessions {
    pub(crate) fn new(settings: SessionSettings) -> Self {
        Self { settings, by_broker: BTreeMap::new(), most_lost_since: None }
    }

    /// Begins a session, or goes on with it. What an earlier life of the broker sends late changes nothing.
    pub(crate) fn heard(&mut self, heartbeat: Heartbeat, now: MonotonicTime) {
        let Heartbeat { id, epoch, applied, condition } = heartbeat;
        match self.by_broker.get_mut(&id) {
            Some(session) if session.epoch > epoch => {}
            Some(session) if session.epoch == epoch => {
                if session.lost_at.is_some() || session.has_departed {
                    session.since = now;
                }
                session.last_heard = now;
                session.was_heard = true;
                session.has_departed = false;
                session.lost_at = None;
                session.given_up_at = None;
                session.applied = session.applied.max(applied);
                session.condition = condition;
            }
            _ => {
                let session = Session { applied, condition, was_heard: true, ..Session::unheard(epoch, now) };
                self.by_broker.insert(id, session);
            }
        }
    }

    pub(crate) fn disconnected(&mut self, id: BrokerId, epoch: BrokerEpoch, now: MonotonicTime) {
        if let Some(session) = self.by_broker.get_mut(&id).filter(|session| session.epoch == epoch) {
            session.given_up_at.get_or_insert(now + self.settings.reconnect_grace);
        }
    }

    /// It is not waited for.
    pub(crate) fn departed(&mut self, id: BrokerId, epoch: BrokerEpoch, now: MonotonicTime) {
        if let Some(session) = self.by_broker.get_mut(&id).filter(|session| session.epoch == epoch) {
            session.given_up_at = Some(now);
            session.has_departed = true;
        }
    }

    /// A broker that the store knows as alive and that may be on its way here.
    pub(crate) fn expect(&mut self, id: BrokerId, epoch: BrokerEpoch, now: MonotonicTime) {
        self.by_broker.insert(id, Session::unheard(epoch, now));
    }

    /// The controller itself stood still: nobody could be heard.
    pub(crate) fn forgive(&mut self, gap: Duration) {
        for session in self.by_broker.values_mut() {
            session.last_heard = session.last_heard + gap;
            session.given_up_at = session.given_up_at.map(|at| at + gap);
            session.lost_at = session.lost_at.map(|at| at + gap);
        }
        self.most_lost_since = self.most_lost_since.map(|since| since + gap);
    }

    /// Connected, and heard of within the timeout.
    pub(crate) fn is_live(&self, id: BrokerId, epoch: BrokerEpoch, now: MonotonicTime) -> bool {
        self.by_broker.get(&id).is_some_and(|session| {
            let is_connected = session.was_heard && session.given_up_at.is_none();
            session.epoch == epoch && is_connected && now < self.end_of(session)
        })
    }

    pub(crate) fn is_here_for(&self, id: BrokerId, at_least: Duration, now: MonotonicTime) -> bool {
        self.by_broker.get(&id).is_some_and(|session| session.since + at_least <= now)
    }

    pub(crate) fn applied(&self, id: BrokerId, epoch: BrokerEpoch) -> Option<MetadataVersion> {
        self.by_broker.get(&id).filter(|session| session.epoch == epoch).map(|session| session.applied)
    }

    /// What the broker said last, in the life that it is in. `None` where this controller has not heard it yet.
    pub(crate) fn condition(&self, id: BrokerId, epoch: BrokerEpoch) -> Option<(MetadataVersion, BrokerCondition)> {
        let session = self.by_broker.get(&id).filter(|session| session.epoch == epoch && session.was_heard)?;
        Some((session.applied, session.condition))
    }

    /// Those of the brokers (which the image has as alive) that are to be fenced now.
    pub(crate) fn lost(
        &mut self,
        alive: &[(BrokerId, BrokerEpoch)],
        now: MonotonicTime,
    ) -> Vec<(BrokerId, BrokerEpoch)> {
        for (id, epoch) in alive {
            // Registered by another controller, or before this one heard of it.
            if self.by_broker.get(id).is_none_or(|session| session.epoch < *epoch) {
                self.expect(*id, *epoch, now);
            }
        }
        let is_lost = |(id, epoch): &&(BrokerId, BrokerEpoch)| {
            let session = &self.by_broker[id];
            // A newer life of it has begun here: its registration does what there is to do.
            session.epoch == *epoch && now >= self.end_of(session)
        };
        let lost: Vec<_> = alive.iter().filter(is_lost).copied().collect();
        let (departed, vanished): (Vec<_>, Vec<_>) = lost.iter().partition(|(id, _)| self.by_broker[id].has_departed);
        let departing = alive.iter().filter(|(id, _)| self.by_broker[id].has_departed).count();
        // They seldom fall silent in the same moment: heartbeats lie apart.
        let lately = self.lost_lately(alive, now).count();
        if (vanished.len() + lately) * 2 <= alive.len() + lately - departing {
            self.most_lost_since = None;
        } else {
            let since = *self.most_lost_since.get_or_insert(now);
            if now < since + self.settings.timeout {
                return departed;
            }
        }
        for (id, _) in &vanished {
            self.by_broker.entry(*id).and_modify(|session| _ = session.lost_at.get_or_insert(now));
        }
        lost
    }

    /// When those that were lost within the last timeout were. They are fenced by now.
    fn lost_lately(
        &self,
        alive: &[(BrokerId, BrokerEpoch)],
        now: MonotonicTime,
    ) -> impl Iterator<Item = MonotonicTime> {
        let is_alive = |id: &BrokerId| alive.iter().any(|(alive, _)| alive == id);
        let lost =
            self.by_broker.iter().filter(move |(id, _)| !is_alive(id)).filter_map(|(_, session)| session.lost_at);
        lost.filter(move |at| now < *at + self.settings.timeout)
    }

    /// When [`Self::lost`] may answer more than at `now`.
    pub(crate) fn next_deadline(&self, alive: &[(BrokerId, BrokerEpoch)], now: MonotonicTime) -> Option<MonotonicTime> {
        let ends = alive.iter().filter_map(|(id, epoch)| {
            let session = self.by_broker.get(id).filter(|session| session.epoch == *epoch)?;
            Some(self.end_of(session)).filter(|end| *end > now)
        });
        let doubted = self.most_lost_since.iter().copied().chain(self.lost_lately(alive, now));
        ends.chain(doubted.map(|since| since + self.settings.timeout).filter(|end| *end > now)).min()
    }

    fn end_of(&self, session: &Session) -> MonotonicTime {
        let silent = session.last_heard + self.settings.timeout;
        session.given_up_at.map_or(silent, |at| silent.min(at))
    }
}

#[cfg(test)]
mod tests;
