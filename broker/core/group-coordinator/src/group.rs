//! One group of the classic protocol: who is in it, and where its rebalance stands.
//!
//! This file holds the state and its small moves. What requests and timers do to it is in [`join`], [`sync`],
//! [`membership`] and [`rebalance`], each written as moves of a [`step::Step`].

pub(crate) mod describe;
pub(crate) mod join;
pub(crate) mod member;
pub(crate) mod membership;
pub(crate) mod protocols;
pub(crate) mod rebalance;
pub(crate) mod snapshot;
pub(crate) mod static_member;
pub(crate) mod step;
pub(crate) mod subscription;
pub(crate) mod sync;
#[cfg(test)]
mod tests;

use crate::{
    errors::GroupError,
    ids::{Generation, InstanceId, MemberId},
};
use member::Member;
use model::{GroupId, TopicName, WallTime};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Where a group stands.
///
/// | State | JoinGroup | SyncGroup | Heartbeat | OffsetCommit | Next |
/// |---|---|---|---|---|---|
/// | Empty | first member starts a delayed rebalance | unknown member | unknown member | generation -1 only | PreparingRebalance, Dead |
/// | PreparingRebalance | parked until all are in or time is up | rebalance in progress | rebalance in progress, session kept | right generation | CompletingRebalance, Empty, Dead |
/// | CompletingRebalance | same metadata: current generation; else rebalance | parked until the leader's | ok | rebalance in progress | Stable, PreparingRebalance, Dead |
/// | Stable | follower unchanged: current generation; leader or change: rebalance | current assignment | ok | right generation | PreparingRebalance, Dead |
/// | Dead | coordinator not available | same | same | same | none |
///
/// A dead group is one that is no longer in the coordinator's map, so no request ever meets it here: the state exists
/// because DescribeGroups names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupState {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
    Dead,
}

impl GroupState {
    /// As Kafka prints it in DescribeGroups and ListGroups.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }

    const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Empty => matches!(next, Self::PreparingRebalance | Self::Dead),
            Self::PreparingRebalance => matches!(next, Self::CompletingRebalance | Self::Empty | Self::Dead),
            Self::CompletingRebalance => matches!(next, Self::Stable | Self::PreparingRebalance | Self::Dead),
            Self::Stable => matches!(next, Self::PreparingRebalance | Self::Dead),
            Self::Dead => false,
        }
    }
}

/// The first rebalance of a group waits a little for more members (KIP-134).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InitialDelay {
    /// The wait that is running.
    pub(crate) current: Duration,
    /// What may still be added to it.
    pub(crate) remaining: Duration,
    /// A member came since the wait began, so it will be extended.
    pub(crate) member_came: bool,
}

/// Members are shared, so that a decision can work on a copy of a large group at little cost.
#[derive(Debug, Clone)]
pub struct ClassicGroup {
    pub(crate) id: GroupId,
    pub(crate) state: GroupState,
    /// When the group came to its state; unknown for groups loaded from old records.
    pub(crate) state_since: Option<WallTime>,
    /// Set while the rebalance in progress began with an empty group.
    pub(crate) initial_delay: Option<InitialDelay>,
    pub(crate) generation: Generation,
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) protocol: Option<Arc<str>>,
    pub(crate) leader: Option<MemberId>,
    pub(crate) members: BTreeMap<MemberId, Arc<Member>>,
    pub(crate) static_members: BTreeMap<InstanceId, MemberId>,
    /// Ids handed out with MEMBER_ID_REQUIRED and not yet used (KIP-394).
    pub(crate) pending_members: BTreeSet<MemberId>,
    /// Members of the current generation that have not asked for their assignment yet.
    pub(crate) pending_sync: BTreeSet<MemberId>,
    /// What the members of a `consumer` group subscribe to; `None` where that is not known.
    pub(crate) subscribed_topics: Option<Arc<BTreeSet<TopicName>>>,
}

/// The protocol type of Kafka's consumers, the only one whose metadata a coordinator looks into.
pub(crate) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

impl ClassicGroup {
    pub(crate) fn new(id: GroupId, now: WallTime) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            state_since: Some(now),
            initial_delay: None,
            generation: Generation(0),
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_members: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            subscribed_topics: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state == GroupState::Empty
    }

    pub(crate) fn is_leader(&self, member: &MemberId) -> bool {
        self.leader.as_ref() == Some(member)
    }

    /// A change of the member, copied first where another copy of the group still holds it.
    pub(crate) fn member_mut(&mut self, member: &str) -> Option<&mut Member> {
        self.members.get_mut(member).map(Arc::make_mut)
    }

    pub(crate) fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.awaiting_join.is_some()).count()
    }

    /// Nobody is missing: members and ids handed out alike.
    pub(crate) fn all_joined(&self) -> bool {
        self.pending_members.is_empty() && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    /// The largest of the members' rebalance timeouts: how long the slowest says it needs.
    pub(crate) fn rebalance_timeout(&self) -> Duration {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0);
        member::timeout(longest)
    }

    pub(crate) fn can_rebalance(&self) -> bool {
        self.state.may_become(GroupState::PreparingRebalance)
    }

    pub(crate) fn become_state(&mut self, next: GroupState, now: WallTime) {
        debug_assert!(self.state.may_become(next), "{} -> {}", self.state.name(), next.name());
        self.state = next;
        self.state_since = Some(now);
    }

    /// The member that sends a request must be the one the group knows by that id and instance id.
    pub(crate) fn validate_member(&self, member: &MemberId, instance: Option<&InstanceId>) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            match self.static_members.get(instance) {
                None => return Err(GroupError::UnknownMemberId),
                Some(current) if current != member => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
    }

    pub(crate) fn add(&mut self, member: Member, protocol_type: Arc<str>) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type);
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        if let Some(instance) = &member.instance {
            self.static_members.insert(instance.clone(), member.id.clone());
        }
        self.pending_members.remove(&member.id);
        self.members.insert(member.id.clone(), Arc::new(member));
    }

    /// Takes a member out; leadership goes to another at once. Its parked requests are the caller's to answer first.
    pub(crate) fn remove(&mut self, member: &MemberId) {
        if let Some(removed) = self.members.remove(member)
            && let Some(instance) = &removed.instance
        {
            self.static_members.remove(instance);
        }
        if self.is_leader(member) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_members.remove(member);
        self.pending_sync.remove(member);
    }

    /// At the end of a join phase the leader must be one who joined. `false`: nobody did.
    pub(crate) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = self.leader.as_ref().and_then(|leader| self.members.get(leader)) else {
            return false;
        };
        if leader.awaiting_join.is_some() {
            return true;
        }
        let joined = self.members.values().find(|member| member.awaiting_join.is_some());
        let Some(joined) = joined.map(|member| member.id.clone()) else {
            return false;
        };
        self.leader = Some(joined);
        true
    }

    /// Begins the next generation with the members who joined.
    pub(crate) fn start_next_generation(&mut self, now: WallTime) {
        self.generation = self.generation.next();
        self.initial_delay = None;
        self.pending_sync.clear();
        if self.members.is_empty() {
            self.protocol = None;
            self.subscribed_topics = self.compute_subscribed_topics();
            self.become_state(GroupState::Empty, now);
        } else {
            self.protocol = self.select_protocol();
            self.subscribed_topics = self.compute_subscribed_topics();
            self.become_state(GroupState::CompletingRebalance, now);
        }
    }

    /// Where the topics are not known, a group of consumers counts as subscribed to all of them.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }
}
