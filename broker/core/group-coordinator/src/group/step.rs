//! One decision about one group in the making: a copy of the group that moves, and what the host is asked to do.

use super::ClassicGroup;
use crate::{
    config::GroupConfig,
    decision::{Decision, Fact, Now, ReplyTo, Timer, TimerChange},
    errors::GroupError,
    ids::MemberId,
    reply::{JoinRefusal, Joined, Reply, Synced},
};
use std::time::Duration;

pub(crate) struct Step<'a> {
    pub(crate) config: &'a GroupConfig,
    pub(crate) now: Now,
    pub(crate) group: ClassicGroup,
    pub(crate) out: Decision,
}

impl<'a> Step<'a> {
    pub(crate) fn new(config: &'a GroupConfig, now: Now, group: ClassicGroup) -> Self {
        Self { config, now, group, out: Decision::default() }
    }

    pub(crate) fn finish(mut self) -> Decision {
        self.out.groups.push((self.group.id.clone(), Some(self.group)));
        self.out
    }

    pub(crate) fn reply(&mut self, to: ReplyTo, reply: Reply) {
        self.out.replies.push((to, reply));
    }

    pub(crate) fn arm(&mut self, timer: Timer, after: Duration) {
        self.out.timers.push(TimerChange::Arm { timer, after });
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        self.out.timers.push(TimerChange::Cancel(timer));
    }

    pub(crate) fn session_timer(&self, member: &MemberId) -> Timer {
        Timer::Session { group: self.group.id.clone(), member: member.clone() }
    }

    pub(crate) fn join_timer(&self) -> Timer {
        Timer::JoinPhase { group: self.group.id.clone() }
    }

    pub(crate) fn sync_timer(&self) -> Timer {
        Timer::SyncPhase { group: self.group.id.clone() }
    }

    /// The member was heard of: its session starts again.
    pub(crate) fn restart_session(&mut self, member: &MemberId) {
        if let Some(session) = self.group.members.get(member).map(|member| member.session_timeout()) {
            let timer = self.session_timer(member);
            self.arm(timer, session);
        }
    }

    /// Answers a parked JoinGroup, if there is one.
    pub(crate) fn answer_join(&mut self, member: &MemberId, reply: Result<Joined, JoinRefusal>) -> bool {
        let parked = self.group.member_mut(member).and_then(|member| member.awaiting_join.take());
        parked.is_some_and(|to| {
            self.reply(to, Reply::Join(reply));
            true
        })
    }

    /// Answers a parked SyncGroup, if there is one.
    pub(crate) fn answer_sync(&mut self, member: &MemberId, reply: Result<Synced, GroupError>) -> bool {
        let parked = self.group.member_mut(member).and_then(|member| member.awaiting_sync.take());
        parked.is_some_and(|to| {
            self.reply(to, Reply::Sync(reply));
            true
        })
    }

    pub(crate) fn refuse_join(&mut self, to: ReplyTo, error: GroupError, member: MemberId) {
        self.reply(to, Reply::Join(Err(JoinRefusal { error, member })));
    }

    /// The current generation as a member sees it; the list of members is for the leader.
    pub(crate) fn joined(&self, member: &MemberId, members_listed: bool) -> Joined {
        Joined {
            generation: self.group.generation,
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol.clone(),
            leader: self.group.leader.clone().unwrap_or_else(MemberId::unknown),
            member: member.clone(),
            skip_assignment: false,
            members: if members_listed { self.group.joined_members() } else { Vec::new() },
        }
    }

    /// Takes a member out of the group. One that waits for its join learns that it is unknown, so that it starts again
    /// if it is still there.
    pub(crate) fn remove_member(&mut self, member: &MemberId, reason: &'static str) {
        let refusal = JoinRefusal { error: GroupError::UnknownMemberId, member: MemberId::unknown() };
        self.answer_join(member, Err(refusal));
        self.answer_sync(member, Err(GroupError::UnknownMemberId));
        let timer = self.session_timer(member);
        self.cancel(timer);
        self.group.remove(member);
        let group = self.group.id.clone();
        self.out.facts.push(Fact::MemberRemoved { group, member: member.clone(), reason });
    }
}
