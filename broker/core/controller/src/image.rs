//! What the cluster is right now: an immutable picture that readers share and the controller replaces.
//!
//! Parts that a change does not touch stay shared between the old picture and the new one, so publishing costs what
//! changed, and a reader may compare topics by pointer.

use crate::{features::FeatureLevels, holds::Hold};
use model::{
    BrokerEpoch, BrokerId, ClusterId, ControllerEpoch, Incarnation, LeaderEpoch, LogLife, MetadataVersion,
    PartitionEpoch, PartitionIndex, ProducerId, TopicId, TopicName, TopicPartition,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// Keys and values as users gave them; keys are Kafka's configuration names.
pub type ConfigMap = BTreeMap<String, String>;

/// One version of the cluster's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterImage {
    pub cluster_id: ClusterId,
    pub controller_epoch: ControllerEpoch,
    /// Counts committed changes.
    pub metadata_version: MetadataVersion,
    /// The first producer id that was never handed out.
    pub next_producer_id: ProducerId,
    /// See [`crate::features`].
    #[serde(default, skip_serializing_if = "FeatureLevels::is_empty")]
    pub features: FeatureLevels,
    /// `min.insync.replicas` of topics that have none, where the dynamic default of the brokers says nothing.
    #[serde(default = "one")]
    pub default_min_insync_replicas: u32,
    pub brokers: Arc<BTreeMap<BrokerId, BrokerRegistration>>,
    /// What people keep brokers from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holds: BTreeMap<BrokerId, Hold>,
    pub broker_configs: Arc<BrokerConfigs>,
    pub topics: Arc<TopicsImage>,
    /// Deleted, and kept for a while in case that was a mistake.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub tombstones: Arc<BTreeMap<TopicId, Tombstone>>,
}

/// A deleted topic whose records are still there. For clients it is gone, and its name is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// What brokers that come and go mean for its partitions is followed as for any other.
    pub topic: Arc<TopicImage>,
    /// The change that deleted it.
    pub deleted_at: MetadataVersion,
}

/// A broker as it registered last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerRegistration {
    pub id: BrokerId,
    /// Given at registration: the metadata version of that change.
    pub epoch: BrokerEpoch,
    #[serde(default)]
    pub incarnation: Incarnation,
    /// `None`: whatever happens, the broker is taken for one that lost its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_life: Option<LogLife>,
    pub rack: Option<String>,
    /// `advertised.listeners`, in their order.
    pub endpoints: Vec<Endpoint>,
    /// A fenced broker leads nothing and takes no new replicas.
    pub fenced: bool,
    /// It is about to stop: it leads only what nobody else can, and joins no ISR.
    #[serde(default, skip_serializing_if = "is_false")]
    pub in_controlled_shutdown: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

fn is_empty(tombstones: &Arc<BTreeMap<TopicId, Tombstone>>) -> bool {
    tombstones.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &i16) -> bool {
    *value == 0
}

fn one() -> u32 {
    1
}

/// Where clients of one listener reach a broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub listener: String,
    pub host: String,
    pub port: u16,
}

/// Broker configuration set at run time, above the static file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerConfigs {
    /// For every broker (Kafka's empty resource name).
    pub cluster: ConfigMap,
    pub per_broker: BTreeMap<BrokerId, ConfigMap>,
}

/// All topics, by name and by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Arc<TopicImage>>", into = "Vec<Arc<TopicImage>>")]
pub struct TopicsImage {
    by_name: BTreeMap<TopicName, Arc<TopicImage>>,
    by_id: BTreeMap<TopicId, TopicName>,
    /// Names holding `.` or `_`, written with `_` only: two topics may not share one (their metrics would).
    by_collision_key: BTreeMap<String, TopicName>,
    partition_count: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicImage {
    pub id: TopicId,
    pub name: TopicName,
    /// The index in this list is the partition's index.
    pub partitions: Vec<PartitionImage>,
    /// Only what was set on this topic; see [`crate::topic_config`] for what is in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: ConfigMap,
    /// Of an internal topic: the replication factor that was seen to once, so that what a person chooses later stays.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub raised_to: i16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionImage {
    /// The first one is the preferred leader.
    pub replicas: Vec<BrokerId>,
    pub isr: Vec<BrokerId>,
    /// Eligible leader replicas (KIP-966): outside the ISR, and with every committed record nevertheless.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elr: Vec<BrokerId>,
    /// `None`: nobody leads, clients are told to wait.
    pub leader: Option<BrokerId>,
    pub leader_epoch: LeaderEpoch,
    pub partition_epoch: PartitionEpoch,
    /// Replicas a running reassignment adds; part of `replicas`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adding_replicas: Vec<BrokerId>,
    /// Replicas a running reassignment removes at its end; part of `replicas`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removing_replicas: Vec<BrokerId>,
    /// An unclean election made the leader; the ISR does not grow before the leader says that it has recovered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub recovering: bool,
}

impl ClusterImage {
    /// A cluster nobody has registered with yet.
    pub fn empty(cluster_id: ClusterId) -> Self {
        Self {
            cluster_id,
            controller_epoch: ControllerEpoch(0),
            metadata_version: MetadataVersion(0),
            next_producer_id: ProducerId(0),
            features: FeatureLevels::new(),
            default_min_insync_replicas: one(),
            brokers: Arc::default(),
            holds: BTreeMap::new(),
            broker_configs: Arc::default(),
            topics: Arc::default(),
            tombstones: Arc::default(),
        }
    }

    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topics.get_by_id(id)
    }

    pub fn partition(&self, partition: &TopicPartition) -> Option<&PartitionImage> {
        self.topic(&partition.topic)?.partition(partition.partition)
    }

    /// Brokers that may lead and take replicas.
    pub fn usable_brokers(&self) -> impl Iterator<Item = &BrokerRegistration> {
        self.brokers.values().filter(|broker| broker.is_usable())
    }

    pub fn is_usable(&self, broker: BrokerId) -> bool {
        self.brokers.get(&broker).is_some_and(BrokerRegistration::is_usable)
    }

    /// In-sync replicas that are heard. The last member stays in the ISR when it is gone, so this is what clients feel.
    pub fn live_in_sync_replicas(&self, partition: &PartitionImage) -> usize {
        let is_heard = |id: &&BrokerId| self.brokers.get(id).is_some_and(|broker| !broker.fenced);
        partition.isr.iter().filter(is_heard).count()
    }

    /// In-sync replicas without which acks=all is refused for this topic: its own `min.insync.replicas`, the dynamic
    /// default of the brokers, or the default of the cluster.
    pub fn min_insync_replicas(&self, topic: &TopicImage) -> usize {
        let own = |configs: &ConfigMap| configs.get("min.insync.replicas")?.trim().parse().ok();
        let by_default = || usize::try_from(self.default_min_insync_replicas).unwrap_or(usize::MAX);
        own(&topic.configs).or_else(|| own(&self.broker_configs.cluster)).unwrap_or_else(by_default)
    }

    /// What that is for one of its partitions: of fewer replicas all.
    pub fn effective_min_insync_replicas(&self, topic: &TopicImage, partition: &PartitionImage) -> usize {
        self.min_insync_replicas(topic).min(partition.replicas.len())
    }

    /// Fewer of its replicas live and are in sync than acks=all needs.
    pub fn is_under_min_isr(&self, topic: &TopicImage, partition: &PartitionImage) -> bool {
        self.live_in_sync_replicas(partition) < self.effective_min_insync_replicas(topic, partition)
    }
}

impl TopicsImage {
    pub fn get(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.by_name.get(name)
    }

    pub fn get_by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.by_name.get(self.by_id.get(&id)?)
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.by_name.values()
    }

    /// Topics whose name is `first` or later, in order.
    pub fn iter_from<'a>(&'a self, first: &str) -> impl Iterator<Item = &'a Arc<TopicImage>> {
        self.by_name.range::<str, _>((std::ops::Bound::Included(first), std::ops::Bound::Unbounded)).map(|(_, t)| t)
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// The topic whose name differs from `name` only in `.` and `_`, if there is one.
    pub fn colliding_with(&self, name: &str) -> Option<&TopicName> {
        self.by_collision_key.get(&crate::topic_name::collision_key(name)?)
    }

    pub(crate) fn insert(&mut self, topic: Arc<TopicImage>) {
        if let Some(key) = crate::topic_name::collision_key(&topic.name) {
            self.by_collision_key.insert(key, topic.name.clone());
        }
        self.by_id.insert(topic.id, topic.name.clone());
        self.partition_count += topic.partitions.len();
        if let Some(old) = self.by_name.insert(topic.name.clone(), topic) {
            self.partition_count -= old.partitions.len();
        }
    }

    pub(crate) fn remove(&mut self, id: TopicId) -> Option<Arc<TopicImage>> {
        let name = self.by_id.remove(&id)?;
        if let Some(key) = crate::topic_name::collision_key(&name) {
            self.by_collision_key.remove(&key);
        }
        let topic = self.by_name.remove(&name)?;
        self.partition_count -= topic.partitions.len();
        Some(topic)
    }

    /// Changes one topic in place; `None` when there is no such topic.
    pub(crate) fn update<R>(&mut self, id: TopicId, change: impl FnOnce(&mut TopicImage) -> R) -> Option<R> {
        let topic = self.by_name.get_mut(self.by_id.get(&id)?)?;
        let before = topic.partitions.len();
        let result = change(Arc::make_mut(topic));
        self.partition_count = self.partition_count - before + topic.partitions.len();
        Some(result)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Arc<TopicImage>> {
        self.by_name.values_mut()
    }
}

impl From<Vec<Arc<TopicImage>>> for TopicsImage {
    fn from(topics: Vec<Arc<TopicImage>>) -> Self {
        let mut image = Self::default();
        for topic in topics {
            image.insert(topic);
        }
        image
    }
}

impl From<TopicsImage> for Vec<Arc<TopicImage>> {
    fn from(image: TopicsImage) -> Self {
        image.by_name.into_values().collect()
    }
}

impl TopicImage {
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionImage> {
        self.partitions.get(usize::try_from(index.0).ok()?)
    }

    pub fn is_internal(&self) -> bool {
        crate::topic_name::is_internal(&self.name)
    }

    /// Once what is being reassigned has come to its end: until then there are more.
    pub fn replication_factor(&self) -> usize {
        self.partitions
            .first()
            .map_or(0, |partition| partition.replicas.len().saturating_sub(partition.removing_replicas.len()))
    }

    /// Every partition with its index.
    pub fn indexed_partitions(&self) -> impl Iterator<Item = (PartitionIndex, &PartitionImage)> {
        (0..).map(PartitionIndex).zip(&self.partitions)
    }
}

impl PartitionImage {
    pub fn is_being_reassigned(&self) -> bool {
        !self.adding_replicas.is_empty() || !self.removing_replicas.is_empty()
    }

    pub(crate) fn same_but_epochs(&self, other: &Self) -> bool {
        let epochs = (other.leader_epoch, other.partition_epoch);
        Self { leader_epoch: epochs.0, partition_epoch: epochs.1, ..self.clone() } == *other
    }
}

impl BrokerRegistration {
    /// May lead and join ISRs.
    pub fn is_usable(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// The same, in that life of it.
    pub fn is_usable_as(&self, epoch: BrokerEpoch) -> bool {
        self.epoch == epoch && self.is_usable()
    }

    /// The logs are those of this life. One that is not known is no life.
    pub fn has_logs_of(&self, life: Option<LogLife>) -> bool {
        life.is_some() && self.log_life == life
    }

    /// The endpoint of a listener, whose names compare without regard to case.
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.listener.eq_ignore_ascii_case(listener))
    }
}

impl BrokerConfigs {
    pub fn of(&self, broker: BrokerId) -> Option<&ConfigMap> {
        self.per_broker.get(&broker)
    }
}
