//! The only place that changes an image.

use crate::{
    holds::Hold,
    image::{BrokerRegistration, ClusterImage, ConfigMap, Tombstone, TopicImage},
    record::{ConfigChange, MetadataChange, MetadataRecord},
    succession::Absence,
};
use model::{
    BrokerEpoch, BrokerId,
    mistakes::{Mistake, is_made},
};
use std::sync::Arc;
use thiserror::Error;

/// Records that do not fit the image: the store holds something this controller never wrote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplayError {
    #[error("version {found} follows version {last}")]
    VersionGap { last: u64, found: u64 },
    #[error("a record names the unknown topic id {0}")]
    UnknownTopic(String),
    #[error("a record names partition {1} of topic '{0}', which has none")]
    UnknownPartition(String, i32),
    #[error("a record creates the topic '{0}', which exists")]
    TopicExists(String),
    #[error("a record names a registration of broker {0} that is not the current one")]
    UnknownBroker(i32),
}

impl ClusterImage {
    /// Replays one committed change. After an error the image is of no use.
    pub fn apply(&mut self, change: &MetadataChange) -> Result<(), ReplayError> {
        if change.version != self.metadata_version.next() {
            return Err(ReplayError::VersionGap { last: self.metadata_version.0, found: change.version.0 });
        }
        for record in &change.records {
            self.apply_record(record)?;
        }
        self.metadata_version = change.version;
        Ok(())
    }

    /// Does not touch the version.
    pub(crate) fn apply_record(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::ControllerEpochRaised(epoch) => self.controller_epoch = *epoch,
            MetadataRecord::FeatureLevelSet { name, level } => {
                self.features.insert(name.clone(), *level);
            }
            MetadataRecord::DefaultsSet { min_insync_replicas } => {
                self.default_min_insync_replicas = *min_insync_replicas;
            }
            MetadataRecord::BrokerRegistered(registration) => self.apply_registration(registration),
            MetadataRecord::BrokerFenced { id, epoch } => {
                self.update_broker(*id, *epoch, |broker| broker.fenced = true)?;
                self.succeed(*id, Absence::Gone);
            }
            MetadataRecord::BrokerUnfenced { id, epoch } => {
                self.update_broker(*id, *epoch, |broker| broker.fenced = false)?;
                self.offer_leaderless(*id);
            }
            MetadataRecord::BrokerShutdownBegan { id, epoch } => {
                self.update_broker(*id, *epoch, |broker| broker.in_controlled_shutdown = true)?;
                self.succeed(*id, Absence::Stopping);
            }
            MetadataRecord::LeaderConfirmed { id, epoch } => {
                self.update_broker(*id, *epoch, |_| {})?;
                self.release_led_by(*id);
            }
            MetadataRecord::BrokerHeld { id, hold } if *hold == Hold::NONE => {
                self.holds.remove(id);
            }
            MetadataRecord::BrokerHeld { id, hold } => {
                self.holds.insert(*id, *hold);
            }
            MetadataRecord::BrokerUnregistered { id } => {
                Arc::make_mut(&mut self.brokers).remove(id).ok_or(ReplayError::UnknownBroker(id.0))?;
                self.holds.remove(id);
            }
            MetadataRecord::TopicCreated { id, name, partitions } => {
                if self.topic(name).is_some() || self.topic_by_id(*id).is_some() || self.tombstones.contains_key(id) {
                    return Err(ReplayError::TopicExists(name.to_string()));
                }
                let topic = TopicImage {
                    id: *id,
                    name: name.clone(),
                    partitions: partitions.clone(),
                    configs: ConfigMap::new(),
                    raised_to: 0,
                };
                Arc::make_mut(&mut self.topics).insert(Arc::new(topic));
            }
            MetadataRecord::TopicTombstoned { id } => {
                let topic = Arc::make_mut(&mut self.topics).remove(*id);
                let topic = topic.ok_or_else(|| ReplayError::UnknownTopic(id.to_string()))?;
                let deleted_at = self.metadata_version.next();
                Arc::make_mut(&mut self.tombstones).insert(*id, Tombstone { topic, deleted_at });
            }
            MetadataRecord::TopicRestored { id } => self.restore_topic(*id)?,
            MetadataRecord::TopicDeleted { id } => {
                if self.tombstones.contains_key(id) {
                    Arc::make_mut(&mut self.tombstones).remove(id);
                } else {
                    let removed = Arc::make_mut(&mut self.topics).remove(*id);
                    removed.ok_or_else(|| ReplayError::UnknownTopic(id.to_string()))?;
                }
            }
            MetadataRecord::InternalReplicationRaised { id, factor } => {
                self.update_topic(*id, |topic| topic.raised_to = *factor)?;
            }
            MetadataRecord::PartitionsAdded { id, partitions } => {
                self.update_topic(*id, |topic| topic.partitions.extend_from_slice(partitions))?;
            }
            MetadataRecord::PartitionChanged { id, partition, state } => self.update_topic(*id, |topic| {
                let name = topic.name.clone();
                let slot = usize::try_from(partition.0).ok().and_then(|index| topic.partitions.get_mut(index));
                *slot.ok_or_else(|| ReplayError::UnknownPartition(name.to_string(), partition.0))? = state.clone();
                Ok(())
            })??,
            MetadataRecord::TopicConfigChanged { id, changes } => {
                self.update_topic(*id, |topic| apply_config(&mut topic.configs, changes))?;
            }
            MetadataRecord::BrokerConfigChanged { broker, changes } => {
                let configs = Arc::make_mut(&mut self.broker_configs);
                match broker {
                    None => apply_config(&mut configs.cluster, changes),
                    Some(id) => {
                        let own = configs.per_broker.entry(*id).or_default();
                        apply_config(own, changes);
                        if own.is_empty() {
                            configs.per_broker.remove(id);
                        }
                    }
                }
            }
            MetadataRecord::ProducerIdsReserved { next } => self.next_producer_id = *next,
        }
        Ok(())
    }

    fn update_topic<R>(
        &mut self,
        id: model::TopicId,
        change: impl FnOnce(&mut TopicImage) -> R,
    ) -> Result<R, ReplayError> {
        let result = Arc::make_mut(&mut self.topics).update(id, change);
        result.ok_or_else(|| ReplayError::UnknownTopic(id.to_string()))
    }

    /// Whoever leads begins anew: the roles of before ended with the deletion.
    fn restore_topic(&mut self, id: model::TopicId) -> Result<(), ReplayError> {
        let tombstone = Arc::make_mut(&mut self.tombstones).remove(&id);
        let Tombstone { mut topic, .. } = tombstone.ok_or_else(|| ReplayError::UnknownTopic(id.to_string()))?;
        if self.topic(&topic.name).is_some() {
            return Err(ReplayError::TopicExists(topic.name.to_string()));
        }
        for partition in &mut Arc::make_mut(&mut topic).partitions {
            partition.leader_epoch = partition.leader_epoch.next();
            partition.partition_epoch = partition.partition_epoch.next();
        }
        Arc::make_mut(&mut self.topics).insert(topic);
        Ok(())
    }

    /// A broker that serves at once is alone with its controller and leads on. Any other comes up fenced: others led
    /// meanwhile, or would have.
    fn apply_registration(&mut self, registration: &BrokerRegistration) {
        let broker = registration.id;
        let before = Arc::make_mut(&mut self.brokers).insert(broker, registration.clone());
        if registration.fenced {
            let kept_its_log = before.is_some_and(|before| before.has_logs_of(registration.log_life))
                || is_made(Mistake::TrustLostLog);
            if !is_made(Mistake::KeepIsrAtRegistration) {
                self.succeed_life_before(broker, if kept_its_log { Absence::Gone } else { Absence::LogLost });
            }
        } else {
            self.begin_epochs_of(broker);
        }
    }

    fn update_broker(
        &mut self,
        id: BrokerId,
        epoch: BrokerEpoch,
        change: impl FnOnce(&mut BrokerRegistration),
    ) -> Result<(), ReplayError> {
        let broker = Arc::make_mut(&mut self.brokers).get_mut(&id).filter(|broker| broker.epoch == epoch);
        broker.map(change).ok_or(ReplayError::UnknownBroker(id.0))
    }
}

fn apply_config(configs: &mut ConfigMap, changes: &[ConfigChange]) {
    for change in changes {
        match &change.value {
            Some(value) => configs.insert(change.name.clone(), value.clone()),
            None => configs.remove(&change.name),
        };
    }
}
