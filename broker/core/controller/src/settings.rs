//! The static configuration decisions depend on.

use crate::{leaving::Leaving, sessions::SessionSettings};
use std::time::Duration;

/// [`Settings::deletion_undo_window`] of a cluster where nobody says another.
pub const DELETION_UNDO_WINDOW: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication: DefaultReplication,
    /// `min.insync.replicas`: has to be what the brokers' own files say.
    pub min_insync_replicas: u32,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// A deletion can be undone for this long; 0: it is final at once, and so is the loss of the records.
    pub deletion_undo_window: Duration,
    /// The replicas of internal topics where there are as many brokers.
    pub internal_replication_factor: i16,
    pub sessions: SessionSettings,
    /// `auto.leader.rebalance.enable`.
    pub hand_back: Option<HandBack>,
    /// Until [`crate::requests::Request::SetLeaving`] says something else.
    pub leaving: Leaving,
}

impl Default for Settings {
    /// Kafka's defaults, for a broker that is alone with its controller.
    fn default() -> Self {
        Self {
            num_partitions: 1,
            default_replication: DefaultReplication::Exactly(1),
            min_insync_replicas: 1,
            delete_topic_enable: true,
            deletion_undo_window: Duration::ZERO,
            internal_replication_factor: 3,
            sessions: SessionSettings::NEVER_LOST,
            hand_back: None,
            leaving: Leaving::NOBODY,
        }
    }
}

/// How many replicas a topic gets when nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultReplication {
    /// What a person set; without as many brokers there is no topic.
    Exactly(i16),
    /// So many, or as many as there are brokers.
    AtMost(i16),
}

impl DefaultReplication {
    /// Where so many brokers are registered and stay.
    pub(crate) fn factor(self, brokers: usize) -> i16 {
        match self {
            Self::Exactly(factor) => factor,
            Self::AtMost(factor) => factor.min(i16::try_from(brokers).unwrap_or(i16::MAX)).max(1),
        }
    }
}

/// When preferred leaders lead again by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandBack {
    /// `leader.imbalance.check.interval.seconds`.
    pub interval: Duration,
    /// `leader.imbalance.per.broker.percentage`.
    pub percentage: u32,
    /// For how long a broker has to be here before it is given what it led: where its address is another after a restart,
    /// clients may not reach it before.
    pub min_here: Duration,
}
