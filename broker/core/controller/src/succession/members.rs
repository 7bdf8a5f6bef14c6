//! The rules of one partition.

use super::{Absence, TopicRules};
use crate::image::PartitionImage;
use model::{
    BrokerId,
    mistakes::{Mistake, is_made},
};

impl PartitionImage {
    /// The first replica in order that is in the ISR and may lead, else the first that is eligible without being in sync; the
    /// first of all is the preferred one.
    pub(crate) fn eligible_leader(&self, may_lead: impl Fn(BrokerId) -> bool) -> Option<BrokerId> {
        let first_of =
            |members: &[BrokerId]| self.replicas.iter().copied().find(|id| members.contains(id) && may_lead(*id));
        if is_made(Mistake::ElectOutsideIsr) {
            return first_of(&self.replicas);
        }
        first_of(&self.isr).or_else(|| first_of(&self.elr))
    }

    /// A later state of the partition: every change raises the partition epoch, another leader the leader epoch.
    pub(crate) fn succeed(&mut self, leader: Option<BrokerId>, isr: Vec<BrokerId>) {
        if self.leader != leader {
            self.leader = leader;
            if !is_made(Mistake::KeepLeaderEpoch) {
                self.leader_epoch = self.leader_epoch.next();
            }
        }
        self.isr = isr;
        self.partition_epoch = self.partition_epoch.next();
    }

    /// A replica leads that has all records. One outside the ISR begins with an ISR of its own, and those of the old one, who
    /// have all records too, stay eligible.
    pub(crate) fn led_by(&self, leader: BrokerId, rules: &TopicRules<'_>) -> Self {
        let mut next = self.clone();
        let isr = if self.isr.contains(&leader) { self.isr.clone() } else { vec![leader] };
        next.succeed(Some(leader), isr);
        next.remember_eligible(self, rules);
        next
    }

    /// Ends a change of the replicas: a leader that is not among them is succeeded, and the epoch of one that stays ends
    /// when a replica left (KIP-841), which may not be counted on any more.
    pub(crate) fn settle(&mut self, before: &Self, isr: Vec<BrokerId>, rules: &TopicRules<'_>) {
        self.isr.clone_from(&isr);
        let stays = self.leader.filter(|leader| self.replicas.contains(leader));
        let leader = stays.or_else(|| self.leader.and_then(|_| self.eligible_leader(|id| rules.may_lead(id))));
        let isr = match leader {
            Some(leader) if !isr.contains(&leader) && self.elr.contains(&leader) => vec![leader],
            _ => isr,
        };
        self.succeed(leader, isr);
        self.remember_eligible(before, rules);
        let left = before.replicas.iter().any(|id| !self.replicas.contains(id));
        if left && self.leader_epoch == before.leader_epoch {
            self.leader_epoch = before.leader_epoch.next();
        }
    }

    /// The replicas once the running reassignment is over.
    pub(crate) fn target_replicas(&self) -> Vec<BrokerId> {
        self.replicas.iter().copied().filter(|id| !self.removing_replicas.contains(id)).collect()
    }

    pub(crate) fn drop_removing_replicas(&mut self) {
        self.replicas = self.target_replicas();
        self.adding_replicas.clear();
        self.removing_replicas.clear();
    }

    /// The broker leads no more and leaves the ISR, unless nobody else is known to have every record: see the table of
    /// [`super`]. `None` where that changes nothing.
    pub(super) fn without(&self, broker: BrokerId, absence: Absence, rules: &TopicRules<'_>) -> Option<Self> {
        let led = self.leader == Some(broker);
        let has_others = self.isr.iter().chain(&self.elr).any(|id| *id != broker);
        let is_forgotten = absence == Absence::LogLost && has_others && rules.remembers();
        if !(self.isr.contains(&broker) || led || is_forgotten && self.elr.contains(&broker)) {
            return None;
        }
        let stays = self.isr == [broker] && !is_forgotten && !is_made(Mistake::EmptyIsr);
        let mut next = self.clone();
        next.isr.retain(|id| *id != broker || stays);
        next.elr.retain(|id| *id != broker);
        let leader = if led || self.leader.is_none() && rules.remembers() {
            next.eligible_leader(|id| id != broker && rules.may_lead(id))
        } else {
            self.leader
        };
        if stays && leader.is_none() && (!led || absence == Absence::Stopping) {
            return None;
        }
        match leader {
            Some(leader) if next.elr.contains(&leader) => next.isr = vec![leader],
            None if next.isr.is_empty() && is_forgotten => next.isr = next.first_eligible(),
            _ => {}
        }
        let isr = next.isr.clone();
        next.succeed(leader, isr);
        next.remember_eligible(self, rules);
        if is_forgotten {
            next.elr.retain(|id| *id != broker);
        }
        Some(next)
    }

    /// Nobody leads, and the ISR lost its last member: who leads next is one of those that are eligible.
    fn first_eligible(&self) -> Vec<BrokerId> {
        self.replicas.iter().copied().find(|id| self.elr.contains(id)).into_iter().collect()
    }

    /// Who had all records before has them still as long as nothing more is committed, and a leader commits nothing before it
    /// has had its ISR confirmed ([`Self::released`]). Until then nobody knows whether those that stay are there: they may have
    /// lost their machines without a sound, and one that leaves because it was silent may be the last that has everything.
    fn remember_eligible(&mut self, before: &Self, rules: &TopicRules<'_>) {
        let is_forgotten =
            !rules.remembers() || is_made(Mistake::ReleaseUnasked) && rules.are_enough(&self.isr, &self.replicas);
        let had_all = |id: &BrokerId| !is_forgotten && (before.elr.contains(id) || before.isr.contains(id));
        let outside = self.replicas.iter().copied().filter(|id| had_all(id) && !self.isr.contains(id));
        self.elr = outside.collect();
    }

    /// The leader asked for this state: with enough in sync it commits more, once it knows, and nobody else is eligible.
    pub(crate) fn released(mut self, rules: &TopicRules<'_>) -> Self {
        if rules.are_enough(&self.isr, &self.replicas) {
            self.elr.clear();
        }
        self
    }

    /// Nothing but the word of this leader is missing.
    pub(crate) fn awaits_word_of(&self, leader: BrokerId, rules: &TopicRules<'_>) -> bool {
        self.leader == Some(leader)
            && !self.elr.is_empty()
            && !self.recovering
            && !self.is_being_reassigned()
            && rules.are_enough(&self.isr, &self.replicas)
    }

    /// The leader gave it.
    pub(super) fn confirmed(&self) -> Self {
        Self { elr: Vec::new(), partition_epoch: self.partition_epoch.next(), ..self.clone() }
    }
}
