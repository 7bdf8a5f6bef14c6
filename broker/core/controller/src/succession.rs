//! What follows for partitions when a broker comes or goes: who leads, who stays in the ISR.
//!
//! These rules run where a record is applied, so that one small record stands for ten thousand elections. They are part
//! of the stored format: the same record has to lead to the same image in every version that reads it. A rule that
//! changes needs another record.

use crate::image::{ClusterImage, PartitionImage};
use model::{
    BrokerId,
    mistakes::{Mistake, is_made},
};
use std::sync::Arc;

impl PartitionImage {
    /// The first replica in order that is in the ISR and may lead; the first of all is the preferred one.
    pub(crate) fn eligible_leader(&self, may_lead: impl Fn(BrokerId) -> bool) -> Option<BrokerId> {
        self.replicas
            .iter()
            .copied()
            .find(|id| (self.isr.contains(id) || is_made(Mistake::ElectOutsideIsr)) && may_lead(*id))
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

    /// Ends a change of the replicas: a leader that is not among them is succeeded, and the epoch of one that stays ends
    /// when a replica left (KIP-841), which may not be counted on any more.
    pub(crate) fn settle(&mut self, before: &Self, isr: Vec<BrokerId>, may_lead: impl Fn(BrokerId) -> bool) {
        self.isr.clone_from(&isr);
        let stays = self.leader.filter(|leader| self.replicas.contains(leader));
        let leader = stays.or_else(|| self.leader.and_then(|_| self.eligible_leader(may_lead)));
        self.succeed(leader, isr);
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

    /// The broker leads no more and leaves the ISR, unless nobody else is in it: the last member is never removed, only it
    /// is known to have every acknowledged record.
    fn without(&self, broker: BrokerId, may_lead: impl Fn(BrokerId) -> bool, keeps_last: bool) -> Option<Self> {
        let is_last = self.isr == [broker] && !is_made(Mistake::EmptyIsr);
        let led = self.leader == Some(broker);
        if !self.isr.contains(&broker) && !led || is_last && (keeps_last || !led) {
            return None;
        }
        let mut next = self.clone();
        let isr: Vec<_> = self.isr.iter().copied().filter(|id| *id != broker || is_last).collect();
        next.isr.clone_from(&isr);
        let leader = if led { next.eligible_leader(|id| id != broker && may_lead(id)) } else { self.leader };
        next.succeed(leader, isr);
        Some(next)
    }
}

impl ClusterImage {
    /// The broker is gone: others lead.
    pub(crate) fn succeed_lost(&mut self, broker: BrokerId) {
        self.succeed_everywhere(broker, false);
    }

    /// The broker is about to go: others lead where they can; what only it can lead it leads until it is gone.
    pub(crate) fn succeed_leaving(&mut self, broker: BrokerId) {
        self.succeed_everywhere(broker, true);
    }

    fn succeed_everywhere(&mut self, broker: BrokerId, keeps_last: bool) {
        let brokers = Arc::clone(&self.brokers);
        let may_lead = |id| brokers.get(&id).is_some_and(crate::BrokerRegistration::is_usable);
        self.change_partitions(|partition| partition.without(broker, may_lead, keeps_last));
    }

    /// The broker may lead: it takes what nobody leads and it is in sync with.
    pub(crate) fn offer_leaderless(&mut self, broker: BrokerId) {
        self.change_partitions(|partition| {
            (partition.leader.is_none() && partition.isr.contains(&broker)).then(|| {
                let mut next = partition.clone();
                next.succeed(Some(broker), partition.isr.clone());
                next
            })
        });
    }

    /// The same leader in a new life: what the life before may have appended is told apart by the epoch.
    pub(crate) fn begin_epochs_of(&mut self, broker: BrokerId) {
        self.change_partitions(|partition| {
            (partition.leader == Some(broker)).then(|| PartitionImage {
                leader_epoch: partition.leader_epoch.next(),
                partition_epoch: partition.partition_epoch.next(),
                ..partition.clone()
            })
        });
    }

    /// Topics of which nothing changes stay shared with the image before.
    fn change_partitions(&mut self, change: impl Fn(&PartitionImage) -> Option<PartitionImage>) {
        let changed = self.topics.iter().any(|topic| topic.partitions.iter().any(|one| change(one).is_some()));
        if !changed {
            return;
        }
        for topic in Arc::make_mut(&mut self.topics).iter_mut() {
            let Some(first) = topic.partitions.iter().position(|partition| change(partition).is_some()) else {
                continue;
            };
            for partition in &mut Arc::make_mut(topic).partitions[first..] {
                if let Some(next) = change(partition) {
                    *partition = next;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
