//! One member of a group.

use crate::{
    decision::ReplyTo,
    ids::{InstanceId, MemberId},
    request::MemberProtocol,
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) instance: Option<InstanceId>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    /// In the member's order of preference.
    pub(crate) protocols: Arc<[MemberProtocol]>,
    pub(crate) assignment: Bytes,
    /// Has never completed a join: it has no session yet and may be dropped while it waits.
    pub(crate) is_new: bool,
    pub(crate) awaiting_join: Option<ReplyTo>,
    pub(crate) awaiting_sync: Option<ReplyTo>,
}

impl Member {
    pub(crate) fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        self.protocols.iter().find(|known| &*known.name == protocol).map(|known| &known.metadata)
    }

    pub(crate) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|known| &*known.name == protocol)
    }

    /// Same protocols, same order, same metadata: joining again like this changes nothing.
    pub(crate) fn matches(&self, protocols: &[MemberProtocol]) -> bool {
        *self.protocols == *protocols
    }

    /// A parked request proves that the member is there, except for one that never completed a join.
    pub(crate) fn session_is_satisfied(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(crate) fn session_timeout(&self) -> Duration {
        timeout(self.session_timeout_ms)
    }
}

/// Wire milliseconds as a duration; what makes no sense is no wait.
pub(crate) fn timeout(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
