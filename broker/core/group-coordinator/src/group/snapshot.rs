//! A group as its record has it, and back.

use super::{ClassicGroup, GroupState, member::Member};
use crate::{
    ids::MemberId,
    records::{GroupMetadata, RecordedMember},
    reply::JoinedMember,
    request::MemberProtocol,
};
use bytes::Bytes;
use model::{
    GroupId, WallTime,
    mistakes::{Mistake, is_made},
};
use std::sync::Arc;

impl ClassicGroup {
    /// The record of the group with the assignments that `assignment_of` gives.
    pub(crate) fn to_record(&self, assignment_of: impl Fn(&Member) -> Bytes) -> GroupMetadata {
        let members = self.members.values().map(|member| RecordedMember {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client_id: Arc::clone(&member.client_id),
            client_host: Arc::clone(&member.client_host),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: self.metadata_of(member),
            assignment: assignment_of(member),
        });
        GroupMetadata {
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| "".into()),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since,
            members: members.collect(),
        }
    }

    /// The record of a group that nobody has joined yet.
    pub(crate) fn to_empty_record(&self) -> GroupMetadata {
        GroupMetadata {
            protocol_type: "".into(),
            generation: crate::ids::Generation(0),
            protocol: None,
            leader: None,
            current_state_timestamp: self.state_since,
            members: Vec::new(),
        }
    }

    /// A group with members was stable when it was recorded; one without is empty.
    pub(crate) fn from_record(id: GroupId, record: &GroupMetadata) -> Self {
        let mut group = Self::new(id, WallTime::NONE);
        let protocol_type = (!record.protocol_type.is_empty()).then(|| Arc::clone(&record.protocol_type));
        for recorded in &record.members {
            let protocol = MemberProtocol {
                name: record.protocol.clone().unwrap_or_else(|| "".into()),
                metadata: recorded.subscription.clone(),
            };
            let member = Member {
                id: recorded.member.clone(),
                instance: recorded.instance.clone(),
                client_id: Arc::clone(&recorded.client_id),
                client_host: Arc::clone(&recorded.client_host),
                rebalance_timeout_ms: recorded.rebalance_timeout_ms,
                session_timeout_ms: recorded.session_timeout_ms,
                protocols: Arc::from(vec![protocol]),
                assignment: recorded.assignment.clone(),
                is_new: false,
                awaiting_join: None,
                awaiting_sync: None,
            };
            group.add(member, Arc::clone(&record.protocol_type));
        }
        group.state = if record.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        group.state_since = record.current_state_timestamp;
        if !is_made(Mistake::ForgetGeneration) {
            group.generation = record.generation;
        }
        group.protocol_type = protocol_type;
        group.protocol = record.protocol.clone();
        group.leader = record.leader.clone().filter(|leader| group.members.contains_key(leader)).or(group.leader);
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    /// What the leader needs to assign: every member with its metadata for the chosen protocol.
    pub(crate) fn joined_members(&self) -> Vec<JoinedMember> {
        let members = self.members.values();
        members
            .map(|member| JoinedMember {
                member: MemberId::clone(&member.id),
                instance: member.instance.clone(),
                metadata: self.metadata_of(member),
            })
            .collect()
    }

    pub(crate) fn metadata_of(&self, member: &Member) -> Bytes {
        let metadata = self.protocol.as_deref().and_then(|protocol| member.metadata(protocol));
        metadata.cloned().unwrap_or_default()
    }
}
