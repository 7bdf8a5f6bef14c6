//! Following the cluster image: partitions come, change and go as the controller commits it.

use super::{
    Host, Partitions, Topic,
    maintenance::delete_delay,
    partition::{Partition, State},
    queue::Need,
    settings::log_config,
};
use arc_swap::ArcSwap;
use controller::{
    ClusterImage, PartitionImage, TopicImage,
    image::ConfigMap,
    topic_config::{BrokerLayers, TopicConfig},
};
use futures_util::future::join_all;
use model::{PartitionIndex, TopicPartition};
use replication::Assignment;
use std::{collections::BTreeMap, sync::Arc};

impl Partitions {
    /// Makes what this broker holds agree with `after`, given that it agreed with `before`. When it returns, new
    /// partitions are served and deleted ones are out of the way of topics with their names.
    pub(crate) async fn apply(&self, before: &ClusterImage, after: &ClusterImage) {
        self.host.brokers.store(Arc::clone(&after.brokers));
        self.host.tombstones.store(Arc::clone(&after.tombstones));
        self.host.broker_configs.store(Arc::clone(&after.broker_configs));
        let deleted: Vec<&Arc<TopicImage>> =
            before.topics.iter().filter(|topic| after.topic_by_id(topic.id).is_none()).collect();
        let (kept, gone): (Vec<_>, Vec<_>) =
            deleted.into_iter().partition(|topic| after.tombstones.contains_key(&topic.id));
        self.remove(self.taken_out(&gone)).await;
        self.bury(self.taken_out(&kept)).await;
        self.follow_tombstones(before, after).await;
        self.leave(before, after).await;
        let mut resolved = Resolver { partitions: self, image: after, known: BTreeMap::new() };
        let mut under_way = Vec::new();
        let configs_changed = !Arc::ptr_eq(&before.broker_configs, &after.broker_configs);
        for topic in after.topics.iter() {
            match before.topic_by_id(topic.id) {
                Some(old) if Arc::ptr_eq(old, topic) && !configs_changed => {}
                old => under_way.extend(self.take_over(topic, old.map(|old| &**old), &mut resolved)),
            }
        }
        self.reconsider_followers(before, after);
        let known = self.host.known.lock().take();
        if let Some(known) = known {
            self.put_strays_aside(&known, after).await;
            // After a crash partitions serve one by one, as each is recovered.
            return;
        }
        let done = under_way.iter().map(|partition| partition.exclusive(Need::Nothing, |_, _| ()));
        join_all(done).await;
    }

    /// Answers the partitions that are not yet what the image says, because the device is asked.
    fn take_over(
        &self,
        image: &TopicImage,
        old: Option<&TopicImage>,
        resolved: &mut Resolver<'_>,
    ) -> Vec<Arc<Partition>> {
        let mut under_way = Vec::new();
        let settings = resolved.settings(&image.configs);
        let topic = self.topic_for(image, &settings);
        let settings_changed = *topic.settings.swap(Arc::clone(&settings)) != *settings;
        for (index, partition) in image.indexed_partitions() {
            let held = partition.replicas.contains(&self.host.me).then(|| self.held(&topic, index));
            let assigned = old.and_then(|old| old.partition(index)) == Some(partition);
            let Some(held) = held.filter(|_| !assigned || settings_changed) else { continue };
            let assignment = assignment(partition, &settings);
            // A log that is open or in doubt starts its epoch on the device; a closed one when it opens.
            let need = match held.state() {
                State::Recovering => Need::LogAndDevice,
                _ if held.view().is_some() => Need::Device,
                _ => Need::Nothing,
            };
            let settings = settings_changed.then(|| Arc::clone(&settings));
            held.queue_job(need, move |partition, writer| {
                if let Some(settings) = settings
                    && let Some(log) = writer.log()
                {
                    log.set_config(log_config(&settings, partition.host.log_settings, 0));
                }
                partition.assign(writer, assignment);
            });
            // Whoever asks for a log in doubt waits for it. All others must not: this is also how heartbeats stay in time.
            if need == Need::Device {
                under_way.push(held);
            }
        }
        under_way
    }

    fn topic_for(&self, image: &TopicImage, settings: &Arc<TopicConfig>) -> Arc<Topic> {
        let mut topics = self.host.topics.write();
        if let Some(topic) = topics.by_id.get(&image.id) {
            return Arc::clone(topic);
        }
        let topic = Arc::new(Topic {
            id: image.id,
            name: image.name.clone(),
            internal: image.is_internal(),
            settings: ArcSwap::new(Arc::clone(settings)),
            metrics: self.host.metrics.topic(&image.name),
            partitions: parking_lot::RwLock::default(),
        });
        topics.by_name.insert(image.name.clone(), Arc::clone(&topic));
        topics.by_id.insert(image.id, Arc::clone(&topic));
        topic
    }

    fn held(&self, topic: &Arc<Topic>, index: PartitionIndex) -> Arc<Partition> {
        let position = usize::try_from(index.0).expect("partitions of an image count from 0");
        let mut partitions = topic.partitions.write();
        if partitions.len() <= position {
            partitions.resize(position + 1, None);
        }
        let make = || {
            let id = TopicPartition { topic: topic.name.clone(), partition: index };
            let (closed, state) = self.host.known_at_start(&id.to_string(), topic.id);
            let partition = Partition::new(id, Arc::clone(topic), Arc::clone(&self.host), state, closed);
            Arc::new(partition)
        };
        Arc::clone(partitions[position].get_or_insert_with(make))
    }

    /// Gives up replicas that are another broker's now.
    async fn leave(&self, before: &ClusterImage, after: &ClusterImage) {
        let mut doomed = Vec::new();
        for image in after.topics.iter() {
            let is_unchanged = before.topic_by_id(image.id).is_some_and(|old| Arc::ptr_eq(old, image));
            let held = if is_unchanged { None } else { self.topic_by_id(image.id) };
            let Some(topic) = held else { continue };
            for held in topic.partitions.write().iter_mut() {
                let moved_away = held.take_if(|held| {
                    let partition = image.partition(held.id.partition);
                    partition.is_some_and(|partition| !partition.replicas.contains(&self.host.me))
                });
                doomed.extend(moved_away);
            }
        }
        self.remove(doomed).await;
    }

    /// Nobody finds these topics any more; answers what is held of them.
    fn taken_out(&self, images: &[&Arc<TopicImage>]) -> Vec<Arc<Partition>> {
        let mut held = Vec::new();
        let mut topics = self.host.topics.write();
        for image in images {
            if let Some(topic) = topics.by_id.remove(&image.id) {
                topics.by_name.remove(&image.name);
                self.host.metrics.remove_topic(&image.name);
                held.extend(topic.partitions.write().drain(..).flatten());
            }
        }
        held
    }

    async fn remove(&self, doomed: Vec<Arc<Partition>>) {
        let delay = doomed.iter().map(|partition| delete_delay(&partition.settings())).max();
        doomed.iter().for_each(Partition::give_up_recovery);
        let moved = doomed.into_iter().map(|partition| async move {
            let folder = partition.exclusive(Need::Device, |partition, writer| partition.delete(writer)).await;
            partition.host.manifest.remove(&partition.folder());
            folder.flatten()
        });
        let folders: Vec<String> = join_all(moved).await.into_iter().flatten().collect();
        self.host.remove_folders_after(folders, delay.unwrap_or_default());
    }
}

/// Topics with the same settings share them: 10,000 topics resolve a handful of times.
struct Resolver<'a> {
    partitions: &'a Partitions,
    image: &'a ClusterImage,
    known: BTreeMap<ConfigMap, Arc<TopicConfig>>,
}

impl Resolver<'_> {
    fn settings(&mut self, configs: &ConfigMap) -> Arc<TopicConfig> {
        if let Some(settings) = self.known.get(configs) {
            return Arc::clone(settings);
        }
        let host: &Host = &self.partitions.host;
        let layers = BrokerLayers::new(&self.image.broker_configs, host.me, &host.static_configs, host.default_configs);
        let settings = Arc::new(TopicConfig::resolve(configs, &layers));
        self.known.insert(configs.clone(), Arc::clone(&settings));
        settings
    }
}

/// What the replicas of a partition have to know of its image.
pub(crate) fn assignment(partition: &PartitionImage, settings: &TopicConfig) -> Assignment {
    Assignment {
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        replicas: partition.replicas.clone(),
        in_sync: partition.isr.clone(),
        others_are_eligible: !partition.elr.is_empty(),
        min_in_sync: usize::try_from(settings.min_insync_replicas).unwrap_or(usize::MAX),
        recovering: partition.recovering,
    }
}
