//! A person keeps a broker from something, or lets it again: [`crate::holds`].

use super::Draft;
use crate::{
    errors::HoldError,
    features::BROKER_HOLDS,
    holds::Hold,
    image::{ClusterImage, PartitionImage, TopicImage},
    leaving::Leaving,
    record::MetadataRecord,
    requests::{HeldBroker, HoldBroker, HoldChange, Reply},
};
use model::{BrokerId, PartitionIndex};

pub(super) fn decide(draft: &mut Draft, leaving: Leaving, request: &HoldBroker) -> Reply {
    Reply::BrokerHeld(draft.attempt(request.validate_only, |draft| change(draft, leaving, request)))
}

fn change(draft: &mut Draft, leaving: Leaving, request: &HoldBroker) -> Result<HeldBroker, HoldError> {
    let id = request.id;
    let image = draft.image();
    let broker = image.brokers.get(&id).ok_or(HoldError::UnknownBroker(id.0))?;
    let before = image.hold(id);
    let hold = match request.change {
        HoldChange::Fence => Hold { fenced: true, ..before },
        HoldChange::Unfence => Hold { fenced: false, ..before },
        HoldChange::Drain => Hold { drained: true, ..before },
        HoldChange::Undrain => Hold { drained: false, ..before },
    };
    let replicas = image.topics.iter().flat_map(|topic| &topic.partitions).filter(|one| one.replicas.contains(&id));
    let held = HeldBroker { hold, changed: hold != before, leaders_moved: 0, replicas: replicas.count() };
    if !held.changed {
        return Ok(held);
    }
    if image.feature_level(BROKER_HOLDS) < 1 {
        return Err(HoldError::FeatureOff);
    }
    if request.change == HoldChange::Drain {
        check_room(image, leaving, id)?;
    }
    let fences = hold.fenced && !broker.fenced;
    let mut records = vec![MetadataRecord::BrokerHeld { id, hold }];
    if fences {
        records.push(MetadataRecord::BrokerFenced { id, epoch: broker.epoch });
    }
    let mut after = image.clone();
    for record in &records {
        after.apply_record(record).expect("a record fits the image it was decided on");
    }
    let loss = Loss::between(image, &after);
    if !request.force {
        loss.check()?;
    }
    records.into_iter().for_each(|record| draft.add(record));
    Ok(HeldBroker { leaders_moved: loss.other_leader, ..held })
}

/// Everything that the broker has must find a place elsewhere. Brokers that are down for a moment count.
fn check_room(image: &ClusterImage, leaving: Leaving, id: BrokerId) -> Result<(), HoldError> {
    let takes = |other: &BrokerId| *other != id && !leaving.includes(*other) && image.hold(*other) == Hold::NONE;
    let brokers = image.brokers.keys().filter(|other| takes(other)).count();
    match image.topics.iter().find(|topic| topic.replication_factor() > brokers) {
        Some(topic) => Err(HoldError::TooFewBrokers {
            topic: topic.name.to_string(),
            replicas: topic.replication_factor(),
            brokers,
        }),
        None => Ok(()),
    }
}

/// What partitions lose from one image to a later one.
#[derive(Debug, Default)]
struct Loss {
    other_leader: usize,
    offline: usize,
    below_minimum: usize,
    first_offline: Option<String>,
    first_below: Option<String>,
}

impl Loss {
    fn between(before: &ClusterImage, after: &ClusterImage) -> Self {
        let mut loss = Self::default();
        for topic in after.topics.iter() {
            for (index, partition) in topic.indexed_partitions() {
                if let Some(old) = before.topic_by_id(topic.id).and_then(|topic| topic.partition(index)) {
                    loss.count(before, old, after, topic, index, partition);
                }
            }
        }
        loss
    }

    fn count(
        &mut self,
        before: &ClusterImage,
        old: &PartitionImage,
        after: &ClusterImage,
        topic: &TopicImage,
        index: PartitionIndex,
        new: &PartitionImage,
    ) {
        let name = || format!("{}-{index}", topic.name);
        let minimum = after.effective_min_insync_replicas(topic, new);
        if old.leader.is_some() && new.leader.is_none() {
            self.offline += 1;
            self.first_offline.get_or_insert_with(name);
        } else if old.leader != new.leader {
            self.other_leader += 1;
        }
        if before.live_in_sync_replicas(old) >= minimum && after.live_in_sync_replicas(new) < minimum {
            self.below_minimum += 1;
            self.first_below.get_or_insert_with(name);
        }
    }

    /// The worse first.
    fn check(&self) -> Result<(), HoldError> {
        if let Some(partition) = self.first_offline.clone() {
            return Err(HoldError::WouldTakeOffline { partition, count: self.offline });
        }
        match self.first_below.clone() {
            Some(partition) => Err(HoldError::WouldFallBelowMinimum { partition, count: self.below_minimum }),
            None => Ok(()),
        }
    }
}
