//! A static member that comes back under a new member id (KIP-345, KIP-814).

use super::{GroupState, join::joining_reason, member::Member, step::Step};
use crate::{
    decision::ReplyTo,
    errors::GroupError,
    ids::MemberId,
    records::Record,
    reply::{JoinRefusal, Joined},
    request::JoinGroup,
};
use std::sync::Arc;

impl Step<'_> {
    /// `current` holds the instance id and is fenced from now on; `member` takes over its place and assignment.
    pub(crate) fn replace_static_member(
        &mut self,
        to: ReplyTo,
        request: JoinGroup,
        current: &MemberId,
        member: MemberId,
    ) {
        let former_leader = self.group.leader.clone();
        let skips_assignment = request.supports_skipping_assignment;
        let reason = joining_reason(&member, "replaces a static member", &request);
        self.fence(current);
        self.rename(current, &member);
        self.restart_session(&member);
        self.park_join(to, &member, request);

        match self.group.state {
            GroupState::Stable if self.group.select_protocol() == self.group.protocol => {
                // The next generation would choose the same protocol, so this one goes on. The new id has to survive a
                // restart of the coordinator: it is recorded before it is answered.
                let value = Some(Arc::new(self.group.to_record(|member| member.assignment.clone())));
                self.out.records.push(Record::Group { group: self.group.id.clone(), value });
                let joined = self.rejoined(&member, former_leader, skips_assignment);
                self.answer_join(&member, Ok(joined));
            }
            GroupState::Stable => self.rebalance_or_complete_join(&reason),
            // The leader may already be assigning to the former id, so what it sends would not fit.
            GroupState::CompletingRebalance => self.prepare_rebalance(&reason),
            _ => self.complete_join_if_all_joined(),
        }
    }

    /// A leader that comes back must not assign again. Before v9 it cannot be told so; then it is told of a leader that
    /// it is not: its own former id.
    fn rejoined(&self, member: &MemberId, former_leader: Option<MemberId>, skips_assignment: bool) -> Joined {
        let is_leader = self.group.is_leader(member);
        let mut joined = self.joined(member, is_leader && skips_assignment);
        if skips_assignment {
            joined.skip_assignment = is_leader;
        } else {
            joined.leader = former_leader.unwrap_or_else(MemberId::unknown);
        }
        joined
    }

    fn fence(&mut self, member: &MemberId) {
        let error = GroupError::FencedInstanceId;
        self.answer_join(member, Err(JoinRefusal { error, member: member.clone() }));
        self.answer_sync(member, Err(error));
        let timer = self.session_timer(member);
        self.cancel(timer);
    }

    fn rename(&mut self, current: &MemberId, member: &MemberId) {
        let Some(known) = self.group.members.remove(current) else { return };
        let renamed = Member { id: member.clone(), is_new: false, ..Member::clone(&known) };
        if let Some(instance) = &renamed.instance {
            self.group.static_members.insert(instance.clone(), member.clone());
        }
        if self.group.is_leader(current) {
            self.group.leader = Some(member.clone());
        }
        if self.group.pending_sync.remove(current) {
            self.group.pending_sync.insert(member.clone());
        }
        self.group.members.insert(member.clone(), Arc::new(renamed));
    }
}
