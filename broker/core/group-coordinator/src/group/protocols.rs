//! Which way of assigning a group uses.

use super::{ClassicGroup, GroupState};
use crate::request::MemberProtocol;
use std::{collections::BTreeMap, sync::Arc};

impl ClassicGroup {
    /// Whether a member with these protocols can take part. With members there, one of its protocols must be known to
    /// all of them.
    pub(crate) fn supports_protocols(&self, protocol_type: &str, protocols: &[MemberProtocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.is_known_to_all(&protocol.name))
    }

    fn is_known_to_all(&self, protocol: &str) -> bool {
        self.members.values().all(|member| member.supports(protocol))
    }

    /// Every member votes for the first of its protocols that all know; most votes win, and among equals the name that
    /// sorts first, so that every replay of the same joins chooses the same.
    pub(crate) fn select_protocol(&self) -> Option<Arc<str>> {
        let first = self.members.values().next()?;
        let candidates: Vec<&Arc<str>> =
            first.protocols.iter().map(|protocol| &protocol.name).filter(|name| self.is_known_to_all(name)).collect();
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.protocols.iter().map(|protocol| &protocol.name).find(|name| candidates.contains(name));
            if let Some(vote) = vote {
                *votes.entry(vote).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| Arc::clone(name))
    }
}
