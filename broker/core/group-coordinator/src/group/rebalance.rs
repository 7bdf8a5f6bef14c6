//! From the first reason to rebalance to the next generation.

use super::{GroupState, InitialDelay, member, step::Step};
use crate::{decision::Fact, errors::GroupError, ids::MemberId, records::Record};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

impl Step<'_> {
    /// Starts a rebalance where the state allows one; otherwise one is under way and may be complete now.
    pub(crate) fn rebalance_or_complete_join(&mut self, reason: &str) {
        if self.group.can_rebalance() { self.prepare_rebalance(reason) } else { self.complete_join_if_all_joined() }
    }

    pub(crate) fn prepare_rebalance(&mut self, reason: &str) {
        if self.group.state == GroupState::CompletingRebalance {
            self.drop_assignments(GroupError::RebalanceInProgress);
        }
        self.group.pending_sync.clear();
        let timer = self.sync_timer();
        self.cancel(timer);

        let is_first = self.group.is_empty();
        if is_first {
            let current = self.config.initial_rebalance_delay;
            let remaining = self.group.rebalance_timeout().saturating_sub(current);
            self.group.initial_delay = Some(InitialDelay { current, remaining, member_came: false });
            let timer = self.join_timer();
            self.arm(timer, current);
        }
        self.group.become_state(GroupState::PreparingRebalance, self.now.wall);
        let group = self.group.id.clone();
        self.out.facts.push(Fact::RebalanceStarted { group, reason: reason.to_owned() });

        if !is_first {
            if self.group.all_joined() {
                self.complete_join();
            } else {
                let (timer, wait) = (self.join_timer(), self.group.rebalance_timeout());
                self.arm(timer, wait);
            }
        }
    }

    /// A first rebalance always waits its delay, even when everybody known is there.
    pub(crate) fn complete_join_if_all_joined(&mut self) {
        let is_open = self.group.state == GroupState::PreparingRebalance && self.group.initial_delay.is_none();
        if is_open && self.group.all_joined() {
            self.complete_join();
        }
    }

    /// The wait of the join phase is over.
    pub(crate) fn join_phase_is_due(&mut self) {
        if self.group.state != GroupState::PreparingRebalance {
            return;
        }
        let longest = self.config.initial_rebalance_delay;
        match &mut self.group.initial_delay {
            Some(delay) if delay.member_came && delay.remaining > Duration::ZERO => {
                let next = longest.min(delay.remaining);
                delay.remaining = delay.remaining.saturating_sub(delay.current);
                delay.current = next;
                delay.member_came = false;
                let timer = self.join_timer();
                self.arm(timer, next);
            }
            _ => self.complete_join(),
        }
    }

    /// Ends the join phase: members who did not come are dropped, static ones stay until their session ends (KIP-345).
    pub(crate) fn complete_join(&mut self) {
        let timer = self.join_timer();
        self.cancel(timer);
        let absent = |member: &&Arc<member::Member>| member.awaiting_join.is_none() && member.instance.is_none();
        let absent: Vec<MemberId> =
            self.group.members.values().filter(absent).map(|member| member.id.clone()).collect();
        for member in &absent {
            self.remove_member(member, "did not rejoin in time");
        }
        if !self.group.elect_joined_leader() && !self.group.members.is_empty() {
            // Only absent static members are left: wait until their sessions end or one of them comes.
            let (timer, wait) = (self.join_timer(), self.group.rebalance_timeout());
            return self.arm(timer, wait);
        }
        self.group.start_next_generation(self.now.wall);
        if self.group.is_empty() {
            let value = Some(Arc::new(self.group.to_record(|_| Bytes::new())));
            self.out.records.push(Record::Group { group: self.group.id.clone(), value });
        } else {
            self.open_sync_phase();
        }
        self.out.facts.push(Fact::GenerationStarted {
            group: self.group.id.clone(),
            generation: self.group.generation.0,
            members: self.group.members.len(),
        });
    }

    fn open_sync_phase(&mut self) {
        let members: Vec<MemberId> = self.group.members.keys().cloned().collect();
        for member in &members {
            let joined = self.joined(member, self.group.is_leader(member));
            self.answer_join(member, Ok(joined));
            if let Some(member) = self.group.member_mut(member) {
                member.is_new = false;
            }
            self.restart_session(member);
            self.group.pending_sync.insert(member.clone());
        }
        let (timer, wait) = (self.sync_timer(), self.group.rebalance_timeout());
        self.arm(timer, wait);
    }

    /// Members who waited for an assignment learn that there will be none.
    fn drop_assignments(&mut self, error: GroupError) {
        let members: Vec<MemberId> = self.group.members.keys().cloned().collect();
        for member in &members {
            if let Some(member) = self.group.member_mut(member) {
                member.assignment = Bytes::new();
            }
            if self.answer_sync(member, Err(error)) {
                self.restart_session(member);
            }
        }
    }
}
