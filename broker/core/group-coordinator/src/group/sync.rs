//! SyncGroup.

use super::{ClassicGroup, GroupState, step::Step};
use crate::{
    config::GroupConfig,
    decision::{Decision, Fact, Now, ReplyTo},
    errors::GroupError,
    ids::MemberId,
    records::Record,
    reply::{Reply, Synced},
    request::SyncGroup,
};
use bytes::Bytes;
use model::mistakes::{Mistake, is_made};
use std::{collections::BTreeMap, sync::Arc};

/// `known` is the group if there is one.
pub(crate) fn decide(
    config: &GroupConfig,
    known: Option<&ClassicGroup>,
    to: ReplyTo,
    request: SyncGroup,
    now: Now,
) -> Decision {
    let group = match validate(known, &request) {
        Ok(group) => group,
        Err(error) => return Decision::reply(to, Reply::Sync(Err(error))),
    };
    let mut step = Step::new(config, now, group.clone());
    step.member_synced(&request.member);
    if group.state == GroupState::Stable {
        let synced = step.synced(&request.member);
        step.reply(to, Reply::Sync(Ok(synced)));
    } else {
        step.park_sync(to, &request.member);
        if step.group.is_leader(&request.member) {
            step.take_assignments(request.assignments);
        }
    }
    step.finish()
}

fn validate<'a>(known: Option<&'a ClassicGroup>, request: &SyncGroup) -> Result<&'a ClassicGroup, GroupError> {
    if request.group.is_empty() {
        return Err(GroupError::InvalidGroupId);
    }
    let group = known.filter(|group| !group.is_empty()).ok_or(GroupError::UnknownMemberId)?;
    group.validate_member(&request.member, request.instance.as_ref())?;
    if request.generation != group.generation {
        return Err(GroupError::IllegalGeneration);
    }
    if differs(&request.protocol_type, &group.protocol_type) || differs(&request.protocol_name, &group.protocol) {
        return Err(GroupError::InconsistentGroupProtocol);
    }
    if group.state == GroupState::PreparingRebalance {
        return Err(GroupError::RebalanceInProgress);
    }
    Ok(group)
}

/// Before v5 a member does not say what it thinks was chosen, and that is fine (KIP-559).
fn differs(said: &Option<Arc<str>>, current: &Option<Arc<str>>) -> bool {
    said.is_some() && said != current
}

impl Step<'_> {
    fn member_synced(&mut self, member: &MemberId) {
        if self.group.pending_sync.remove(member) && self.group.pending_sync.is_empty() {
            let timer = self.sync_timer();
            self.cancel(timer);
        }
    }

    fn park_sync(&mut self, to: ReplyTo, member: &MemberId) {
        self.answer_sync(member, Err(GroupError::RebalanceInProgress));
        if let Some(member) = self.group.member_mut(member) {
            member.awaiting_sync = Some(to);
        }
    }

    fn synced(&self, member: &MemberId) -> Synced {
        Synced {
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol.clone(),
            assignment: self.group.members.get(member).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }

    /// The leader has assigned: the generation is recorded, and all who wait get their part. Members that the leader
    /// left out get an empty one.
    fn take_assignments(&mut self, assignments: Vec<(MemberId, Bytes)>) {
        let assignments: BTreeMap<MemberId, Bytes> = assignments.into_iter().collect();
        let members: Vec<MemberId> = self.group.members.keys().cloned().collect();
        for id in &members {
            let is_left_out = !assignments.contains_key(id);
            if let Some(member) =
                self.group.member_mut(id).filter(|_| !(is_left_out && is_made(Mistake::KeepAssignments)))
            {
                member.assignment = assignments.get(id).cloned().unwrap_or_default();
            }
        }
        self.group.become_state(GroupState::Stable, self.now.wall);
        let value = Some(Arc::new(self.group.to_record(|member| member.assignment.clone())));
        self.out.records.push(Record::Group { group: self.group.id.clone(), value });
        for member in &members {
            let synced = self.synced(member);
            if self.answer_sync(member, Ok(synced)) {
                self.restart_session(member);
            }
        }
        let (group, generation) = (self.group.id.clone(), self.group.generation.0);
        self.out.facts.push(Fact::GroupStabilized { group, generation });
    }
}
