//! What follows for partitions when a broker comes or goes: who leads, who stays in the ISR, who may lead besides.
//!
//! These rules run where a record is applied, so that one small record stands for ten thousand elections. They are part
//! of the stored format: the same record has to lead to the same image in every version that reads it. A rule that
//! changes needs another record, or another feature level.
//!
//! Eligible leader replicas (KIP-966, [`crate::features::ELIGIBLE_LEADER_REPLICAS`]): a member that leaves an ISR has everything
//! that is committed until something more is committed without it. For that the leader needs `min.insync.replicas` members, and
//! has to have said that it is there and had the ISR confirmed: before that who knows whether those that stay still have their
//! logs. Until then whoever left stays eligible, unless it comes back without its log. KIP-966 takes an ISR that is large enough
//! for one that is there.
//!
//! | the broker | in the ISR | eligible |
//! |---|---|---|
//! | fenced, about to stop, or back with its log | leaves, unless it is the last | becomes, until the leader has enough and says so |
//! | back without its log | leaves | leaves |
//! | the same, and nobody else is in the ISR or eligible | stays: what is left is with it, if its disk is not empty | – |

mod members;
#[cfg(test)]
mod tests;

use crate::{
    features::ELIGIBLE_LEADER_REPLICAS,
    image::{BrokerRegistration, ClusterImage, ConfigMap, PartitionImage, TopicImage},
};
use model::{
    BrokerId,
    mistakes::{Mistake, is_made},
};
use std::{collections::BTreeMap, sync::Arc};

/// Why a broker leads nothing from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// It asked for leave to stop: what only it can lead it leads until it is gone.
    Stopping,
    /// It is fenced, or in another life with the log of the one before.
    Gone,
    /// It may have lost what was not flushed.
    LogLost,
}

/// What the rules depend on besides the partition.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    brokers: Arc<BTreeMap<BrokerId, BrokerRegistration>>,
    /// `min.insync.replicas` where the topic has none of its own; `None`: nobody outside an ISR is eligible.
    default_floor: Option<usize>,
}

/// The rules for the partitions of one topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TopicRules<'a> {
    rules: &'a Rules,
    floor: Option<usize>,
}

impl Rules {
    pub(crate) fn of(image: &ClusterImage) -> Self {
        let is_on = image.feature_level(ELIGIBLE_LEADER_REPLICAS) > 0 && !is_made(Mistake::ForgetEligible);
        let by_default = usize::try_from(image.default_min_insync_replicas).unwrap_or(usize::MAX);
        let default_floor = is_on.then(|| own_floor(&image.broker_configs.cluster).unwrap_or(by_default));
        Self { brokers: Arc::clone(&image.brokers), default_floor }
    }

    /// Replicas outside an ISR may be eligible.
    pub(crate) fn remember(&self) -> bool {
        self.default_floor.is_some()
    }

    pub(crate) fn of_topic(&self, topic: &TopicImage) -> TopicRules<'_> {
        let floor = self.default_floor.map(|floor| own_floor(&topic.configs).unwrap_or(floor));
        TopicRules { rules: self, floor }
    }
}

fn own_floor(configs: &ConfigMap) -> Option<usize> {
    configs.get("min.insync.replicas")?.trim().parse().ok()
}

impl TopicRules<'_> {
    pub(crate) fn may_lead(&self, broker: BrokerId) -> bool {
        self.rules.brokers.get(&broker).is_some_and(BrokerRegistration::is_usable)
    }

    fn remembers(&self) -> bool {
        self.rules.remember()
    }

    /// As they are for the word of a leader that acts by this minimum: where that was lowered since, it is a word of before, and the
    /// leader may have lost its machine meanwhile.
    pub(crate) fn known_with(self, minimum: Option<usize>) -> Self {
        Self { floor: self.floor.map(|floor| floor.max(minimum.unwrap_or(0))), ..self }
    }

    /// Something may be committed with these members alone.
    pub(crate) fn are_enough(&self, isr: &[BrokerId], replicas: &[BrokerId]) -> bool {
        self.floor.is_none_or(|floor| isr.len() >= floor.min(replicas.len()))
    }
}

impl ClusterImage {
    pub(crate) fn succeed(&mut self, broker: BrokerId, absence: Absence) {
        self.change_partitions(|rules, partition| partition.without(broker, absence, rules));
    }

    /// A broker registers in another life. It leads nothing any more: what its life before appended and this one lost would be
    /// told apart by nothing from what it appends in the same epoch.
    pub(crate) fn succeed_life_before(&mut self, broker: BrokerId, absence: Absence) {
        self.change_partitions(|rules, partition| {
            let leads_on = partition.leader == Some(broker) && is_made(Mistake::ReuseLeaderEpoch);
            if leads_on { None } else { partition.without(broker, absence, rules) }
        });
    }

    /// The broker may lead: it takes what nobody leads and it has all records of.
    pub(crate) fn offer_leaderless(&mut self, broker: BrokerId) {
        self.change_partitions(|rules, partition| {
            let has_all = partition.isr.contains(&broker) || partition.elr.contains(&broker);
            (partition.leader.is_none() && has_all).then(|| partition.led_by(broker, rules))
        });
    }

    /// The same leader in a new life: what the life before may have appended is told apart by the epoch.
    pub(crate) fn begin_epochs_of(&mut self, broker: BrokerId) {
        self.change_partitions(|_, partition| {
            (partition.leader == Some(broker)).then(|| PartitionImage {
                leader_epoch: partition.leader_epoch.next(),
                partition_epoch: partition.partition_epoch.next(),
                ..partition.clone()
            })
        });
    }

    /// The leader says that it is there, of all that waits for it. Of deleted topics nobody has the ISR confirmed.
    pub(crate) fn release_led_by(&mut self, leader: BrokerId) {
        let rules = Rules::of(self);
        self.change_topics(&|topic| {
            changed(topic, &rules.of_topic(topic), |rules, partition| {
                partition.awaits_word_of(leader, rules).then(|| partition.confirmed())
            })
        });
    }

    /// How many partitions wait for the word of this leader.
    pub(crate) fn awaiting_word_of(&self, leader: BrokerId) -> usize {
        let rules = Rules::of(self);
        let waiting = self.topics.iter().map(|topic| {
            let rules = rules.of_topic(topic);
            topic.partitions.iter().filter(|partition| partition.awaits_word_of(leader, &rules)).count()
        });
        waiting.sum()
    }

    /// Topics of which nothing changes stay shared with the image before.
    fn change_topics(&mut self, change: &impl Fn(&TopicImage) -> Option<TopicImage>) {
        if self.topics.iter().any(|topic| change(topic).is_some()) {
            for topic in Arc::make_mut(&mut self.topics).iter_mut() {
                change(topic).into_iter().for_each(|changed| *topic = Arc::new(changed));
            }
        }
    }

    /// Deleted topics that may be restored are followed too.
    fn change_partitions(&mut self, change: impl Fn(&TopicRules<'_>, &PartitionImage) -> Option<PartitionImage>) {
        let rules = Rules::of(self);
        let change = |topic: &TopicImage| changed(topic, &rules.of_topic(topic), &change);
        self.change_topics(&change);
        if self.tombstones.values().any(|tombstone| change(&tombstone.topic).is_some()) {
            for tombstone in Arc::make_mut(&mut self.tombstones).values_mut() {
                change(&tombstone.topic).into_iter().for_each(|changed| tombstone.topic = Arc::new(changed));
            }
        }
    }
}

fn changed(
    topic: &TopicImage,
    rules: &TopicRules<'_>,
    change: impl Fn(&TopicRules<'_>, &PartitionImage) -> Option<PartitionImage>,
) -> Option<TopicImage> {
    let first = topic.partitions.iter().position(|partition| change(rules, partition).is_some())?;
    let mut topic = topic.clone();
    for partition in &mut topic.partitions[first..] {
        if let Some(next) = change(rules, partition) {
            *partition = next;
        }
    }
    Some(topic)
}
