//! JoinGroup.

use super::{ClassicGroup, GroupState, member::Member, step::Step};
use crate::{
    config::GroupConfig,
    decision::{Decision, Now, ReplyTo},
    errors::GroupError,
    ids::MemberId,
    records::Record,
    reply::{JoinRefusal, Reply},
    request::JoinGroup,
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

/// A member that has never completed a join cannot send heartbeats, and its parked request hides a closed connection.
/// So that such members do not pile up, they are dropped after this long (KAFKA-7610).
pub(crate) const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Ids handed out in one group and not used yet. Each costs memory and a timer for a session timeout of up to half an
/// hour, and a client can ask for them as fast as it can write: far above any real group, far below what would hurt.
pub(crate) const MAX_PENDING_MEMBERS: usize = 10_000;

/// `known` is the group if there is one.
pub(crate) fn decide(
    config: &GroupConfig,
    known: Option<&ClassicGroup>,
    to: ReplyTo,
    request: JoinGroup,
    now: Now,
) -> Decision {
    if let Err(error) = validate(config, known, &request) {
        let member = request.member.clone();
        return Decision::reply(to, Reply::Join(Err(JoinRefusal { error, member })));
    }
    let is_created = known.is_none();
    let group = known.cloned().unwrap_or_else(|| ClassicGroup::new(request.group.clone(), now.wall));
    let mut step = Step::new(config, now, group);
    if !accepts_one_more(config, &step.group, &request.member) {
        if !request.member.is_unknown() {
            step.remove_member(&request.member, "group is over its maximum size");
        }
        step.refuse_join(to, GroupError::GroupMaxSizeReached, MemberId::unknown());
    } else if !step.group.supports_protocols(&request.protocol_type, &request.protocols) {
        step.refuse_join(to, GroupError::InconsistentGroupProtocol, request.member);
        if is_created {
            // A refusal leaves no group behind.
            return step.out;
        }
    } else if request.member.is_unknown() {
        step.join_as_new(to, request);
    } else {
        step.join_as_known(to, request);
    }
    if is_created && step.out.records.is_empty() {
        // The group must be there again after a restart, because an id for it was handed out.
        let value = Some(Arc::new(step.group.to_empty_record()));
        step.out.records.push(Record::Group { group: step.group.id.clone(), value });
    }
    step.finish()
}

fn validate(config: &GroupConfig, known: Option<&ClassicGroup>, request: &JoinGroup) -> Result<(), GroupError> {
    if request.group.is_empty() {
        return Err(GroupError::InvalidGroupId);
    }
    let session = u64::try_from(request.session_timeout_ms).map(Duration::from_millis);
    let bounds = config.min_session_timeout..=config.max_session_timeout;
    if !session.is_ok_and(|session| bounds.contains(&session)) {
        return Err(GroupError::InvalidSessionTimeout);
    }
    if known.is_none() && !request.member.is_unknown() {
        return Err(GroupError::UnknownMemberId);
    }
    Ok(())
}

/// `group.max.size` counts those who wait during a join phase, so that after the limit was lowered the last to come
/// are the ones to go.
fn accepts_one_more(config: &GroupConfig, group: &ClassicGroup, member: &MemberId) -> bool {
    let known = group.members.get(member);
    match group.state {
        GroupState::Empty | GroupState::Dead => true,
        GroupState::PreparingRebalance => {
            known.is_some_and(|known| known.awaiting_join.is_some()) || group.awaiting_join() < config.max_group_size
        }
        GroupState::CompletingRebalance | GroupState::Stable => {
            known.is_some() || group.members.len() < config.max_group_size
        }
    }
}

impl Step<'_> {
    fn join_as_new(&mut self, to: ReplyTo, request: JoinGroup) {
        let beginning = request.instance.as_deref().unwrap_or(&request.client_id);
        let member = MemberId::from(format!("{beginning}-{}", request.unique_suffix));
        let current = request.instance.as_ref().and_then(|instance| self.group.static_members.get(instance)).cloned();
        if let Some(current) = current {
            self.replace_static_member(to, request, &current, member);
        } else if request.instance.is_none() && request.requires_known_member_id {
            if self.group.pending_members.len() >= MAX_PENDING_MEMBERS {
                return self.refuse_join(to, GroupError::GroupMaxSizeReached, MemberId::unknown());
            }
            // KIP-394: an id first, so that a client which repeats its first join does not become many members.
            self.group.pending_members.insert(member.clone());
            let timer = self.session_timer(&member);
            self.arm(timer, super::member::timeout(request.session_timeout_ms));
            self.refuse_join(to, GroupError::MemberIdRequired, member);
        } else {
            self.add_member(to, request, member);
        }
    }

    fn join_as_known(&mut self, to: ReplyTo, request: JoinGroup) {
        let member = request.member.clone();
        if self.group.pending_members.contains(&member) && request.instance.is_none() {
            return self.add_member(to, request, member);
        }
        if let Err(error) = self.group.validate_member(&member, request.instance.as_ref()) {
            return self.refuse_join(to, error, member);
        }
        let is_unchanged = self.group.members.get(&member).is_some_and(|known| known.matches(&request.protocols));
        let is_leader = self.group.is_leader(&member);
        match self.group.state {
            GroupState::PreparingRebalance => self.update_member(to, request, "joins during a rebalance"),
            // The answer to the first join may have been lost: the same again.
            GroupState::CompletingRebalance if is_unchanged => {
                let joined = self.joined(&member, is_leader);
                self.reply(to, Reply::Join(Ok(joined)));
            }
            GroupState::CompletingRebalance => self.update_member(to, request, "changed its metadata"),
            // The leader may have reasons that its metadata does not show, such as new partitions of a topic.
            GroupState::Stable if is_leader => self.update_member(to, request, "leads and joined again"),
            GroupState::Stable if !is_unchanged => self.update_member(to, request, "changed its metadata"),
            GroupState::Stable => {
                let joined = self.joined(&member, false);
                self.reply(to, Reply::Join(Ok(joined)));
            }
            GroupState::Empty | GroupState::Dead => self.refuse_join(to, GroupError::UnknownMemberId, member),
        }
    }

    fn add_member(&mut self, to: ReplyTo, request: JoinGroup, member: MemberId) {
        if let Some(delay) = &mut self.group.initial_delay {
            delay.member_came = true;
        }
        let reason = joining_reason(&member, "is new", &request);
        self.group.add(
            Member {
                id: member.clone(),
                instance: request.instance,
                client_id: request.client_id,
                client_host: request.client_host,
                rebalance_timeout_ms: request.rebalance_timeout_ms,
                session_timeout_ms: request.session_timeout_ms,
                protocols: Arc::from(request.protocols),
                assignment: Bytes::new(),
                is_new: true,
                awaiting_join: Some(to),
                awaiting_sync: None,
            },
            request.protocol_type,
        );
        let timer = self.session_timer(&member);
        self.arm(timer, NEW_MEMBER_JOIN_TIMEOUT);
        self.rebalance_or_complete_join(&reason);
    }

    fn update_member(&mut self, to: ReplyTo, request: JoinGroup, why: &str) {
        let reason = joining_reason(&request.member, why, &request);
        let member = request.member.clone();
        self.park_join(to, &member, request);
        self.rebalance_or_complete_join(&reason);
    }

    /// Takes over what the member says about itself and lets its request wait.
    pub(crate) fn park_join(&mut self, to: ReplyTo, member: &MemberId, request: JoinGroup) {
        // An older request of the same member can only be left over from a connection that is gone.
        let refusal = JoinRefusal { error: GroupError::RebalanceInProgress, member: member.clone() };
        self.answer_join(member, Err(refusal));
        if let Some(member) = self.group.member_mut(member) {
            member.protocols = Arc::from(request.protocols);
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
            member.session_timeout_ms = request.session_timeout_ms;
            member.awaiting_join = Some(to);
        }
    }
}

/// For the log: who, why, and what the client itself says (KIP-800).
pub(crate) fn joining_reason(member: &MemberId, why: &str, request: &JoinGroup) -> String {
    let said = request.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("not provided");
    format!("member {member} {why}; client reason: {said}")
}
