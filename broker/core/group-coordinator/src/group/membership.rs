//! Heartbeat and LeaveGroup, and what happens when a member is not heard of.

use super::{ClassicGroup, GroupState, step::Step};
use crate::{
    config::GroupConfig,
    decision::{Decision, Now, ReplyTo, Timer, TimerChange},
    errors::GroupError,
    ids::MemberId,
    reply::{Left, Reply},
    request::{Heartbeat, LeaveGroup, LeavingMember},
};

/// `known` is the group if there is one. Nothing of the group changes: only the session starts again.
pub(crate) fn decide_heartbeat(known: Option<&ClassicGroup>, to: ReplyTo, request: &Heartbeat) -> Decision {
    match validate_heartbeat(known, request) {
        Err(error) => Decision::reply(to, Reply::Heartbeat(Err(error))),
        Ok(group) => {
            let rebalances = group.state == GroupState::PreparingRebalance;
            let result = if rebalances { Err(GroupError::RebalanceInProgress) } else { Ok(()) };
            let mut decision = Decision::reply(to, Reply::Heartbeat(result));
            decision.timers.extend(session_restart(group, &request.member));
            decision
        }
    }
}

fn validate_heartbeat<'a>(
    known: Option<&'a ClassicGroup>,
    request: &Heartbeat,
) -> Result<&'a ClassicGroup, GroupError> {
    if request.group.is_empty() {
        return Err(GroupError::InvalidGroupId);
    }
    let group = known.ok_or(GroupError::UnknownMemberId)?;
    group.validate_member(&request.member, request.instance.as_ref())?;
    if request.generation != group.generation {
        return Err(GroupError::IllegalGeneration);
    }
    Ok(group)
}

/// The session of a member, started again without a copy of its group.
pub(crate) fn session_restart(group: &ClassicGroup, member: &MemberId) -> Option<TimerChange> {
    let after = group.members.get(member)?.session_timeout();
    Some(TimerChange::Arm { timer: Timer::Session { group: group.id.clone(), member: member.clone() }, after })
}

/// `known` is the group if there is one.
pub(crate) fn decide_leave(
    config: &GroupConfig,
    known: Option<&ClassicGroup>,
    to: ReplyTo,
    request: LeaveGroup,
    now: Now,
) -> Decision {
    if request.group.is_empty() {
        return Decision::reply(to, Reply::Leave(Err(GroupError::InvalidGroupId)));
    }
    let Some(group) = known else {
        return Decision::reply(to, Reply::Leave(Err(GroupError::UnknownMemberId)));
    };
    let mut step = Step::new(config, now, group.clone());
    let mut left = Vec::with_capacity(request.members.len());
    for member in request.members {
        let result = step.leave(&member);
        left.push(Left { member: member.member, instance: member.instance, result });
    }
    // An id that was handed out and never used is no reason for others to rebalance.
    if step.group.members.len() < group.members.len() {
        step.rebalance_or_complete_join("members left");
    } else {
        step.complete_join_if_all_joined();
    }
    step.reply(to, Reply::Leave(Ok(left)));
    step.finish()
}

impl Step<'_> {
    fn leave(&mut self, leaving: &LeavingMember) -> Result<(), GroupError> {
        if leaving.member.is_unknown() {
            // An administrator removes a static member by its instance id alone.
            let known = leaving.instance.as_ref().and_then(|instance| self.group.static_members.get(instance));
            let member = known.cloned().ok_or(GroupError::UnknownMemberId)?;
            self.remove_member(&member, "left by instance id");
            return Ok(());
        }
        if !self.group.pending_members.contains(&leaving.member) {
            self.group.validate_member(&leaving.member, leaving.instance.as_ref())?;
        }
        self.remove_member(&leaving.member, "left");
        Ok(())
    }

    /// A member was silent for its session timeout.
    pub(crate) fn session_is_due(&mut self, member: &MemberId) {
        if self.group.pending_members.contains(member) {
            self.remove_member(member, "never used its member id");
            return self.complete_join_after_removal();
        }
        let Some(known) = self.group.members.get(member) else { return };
        if known.session_is_satisfied() {
            return;
        }
        self.remove_member(member, "session timed out");
        if self.group.can_rebalance() && !self.group.is_empty() {
            self.prepare_rebalance(&format!("session of member {member} timed out"));
        } else {
            self.complete_join_after_removal();
        }
    }

    /// Unlike a join, a removal may end even the first wait of a group.
    fn complete_join_after_removal(&mut self) {
        if self.group.state == GroupState::PreparingRebalance && self.group.all_joined() {
            self.complete_join();
        }
    }

    /// Members that joined and then did not ask for their assignment hold the others up no longer.
    pub(crate) fn sync_phase_is_due(&mut self) {
        let is_open = matches!(self.group.state, GroupState::CompletingRebalance | GroupState::Stable);
        let missing: Vec<MemberId> = self.group.pending_sync.iter().cloned().collect();
        if !is_open || missing.is_empty() {
            return;
        }
        for member in &missing {
            self.remove_member(member, "did not sync in time");
        }
        self.prepare_rebalance("members did not sync in time");
    }
}
