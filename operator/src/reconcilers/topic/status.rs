//! What is reported of a topic.

use controller::TopicImage;
use custom_resources::{
    Topic, TopicStatus,
    conditions::{Finding, conditions},
    topic::{condition, reason},
};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use std::sync::Arc;

/// What came of a reconciliation.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    is_ready: bool,
    reason: &'static str,
    message: String,
    /// The topic, where it is the resource's.
    there: Option<Arc<TopicImage>>,
    /// It was deleted, and was brought back.
    is_restored: bool,
}

impl Outcome {
    pub(super) fn good(there: Option<Arc<TopicImage>>) -> Self {
        Self { is_ready: true, reason: reason::AS_EXPECTED, message: String::new(), there, is_restored: false }
    }

    pub(super) fn refused(reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_ready: false, reason, message: message.into(), there: None, is_restored: false }
    }

    pub(super) fn with(self, there: Option<Arc<TopicImage>>) -> Self {
        Self { there, ..self }
    }

    pub(super) fn restored(self, is_restored: bool) -> Self {
        Self { is_restored, ..self }
    }

    pub(super) fn is_restored(&self) -> bool {
        self.is_restored
    }

    /// What it waits for says nothing when it comes.
    pub(super) fn is_to_be_retried(&self) -> bool {
        [reason::NO_CONTROLLER, reason::CLUSTER_NOT_FOUND, reason::NAMESPACE_NOT_ALLOWED, reason::TOPIC_NAME_CONFLICT]
            .contains(&self.reason)
    }

    /// What was known of the topic stays where it is not seen now.
    pub(super) fn status(&self, resource: &Topic, now: Timestamp) -> TopicStatus {
        let before = resource.status.clone().unwrap_or_default();
        let before_keys = before.config_keys.clone();
        let generation = resource.metadata.generation;
        let finding = Finding::new(condition::READY, self.is_ready, self.reason, self.message.clone());
        let conditions = conditions(&before.conditions, vec![finding], generation, now);
        let name = resource.spec.topic_name.clone().unwrap_or_else(|| resource.name_any());
        let status = TopicStatus { observed_generation: generation, conditions, topic_name: Some(name), ..before };
        let Some(topic) = &self.there else { return status };
        let count = |matches: fn(&&controller::PartitionImage) -> bool| {
            i32::try_from(topic.partitions.iter().filter(matches).count()).unwrap_or(i32::MAX)
        };
        TopicStatus {
            config_keys: self.config_keys(resource, &before_keys, topic),
            topic_id: Some(topic.id.0.to_string()),
            partitions: count(|_| true),
            replicas: i32::try_from(topic.replication_factor()).unwrap_or(i32::MAX),
            offline_partitions: count(|partition| partition.leader.is_none()),
            under_replicated_partitions: count(|partition| partition.isr.len() < partition.replicas.len()),
            ..status
        }
    }

    /// What the resource has set: what it names now, and what it named before and was not reset yet.
    fn config_keys(&self, resource: &Topic, before: &[String], topic: &TopicImage) -> Vec<String> {
        let named = &resource.spec.config;
        let is_left = |key: &&String| !self.is_ready && !named.contains_key(*key) && topic.configs.contains_key(*key);
        let mut keys: Vec<_> = named.keys().chain(before.iter().filter(is_left)).cloned().collect();
        keys.sort();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcilers::{cluster::testing::image, topic::valid_topic::tests::resource};

    #[test]
    fn key_that_was_taken_out_is_remembered_until_it_is_reset() {
        let mut image = image(1, &[], &[&[(&[0], &[0])]]);
        let mut there = TopicImage::clone(image.topic("topic-0").unwrap());
        there.configs.insert("retention.ms".to_owned(), "1".to_owned());
        image.topics = Arc::new(vec![Arc::new(there)].into());
        let mut resource = resource("{config: {segment.ms: 5}}");
        let keys = ["retention.ms", "segment.bytes"].map(str::to_owned);
        resource.status = Some(TopicStatus { config_keys: keys.into(), ..TopicStatus::default() });
        let there = image.topic("topic-0").cloned();
        let refused = Outcome::refused(reason::INVALID_CONFIG, "no").with(there.clone());
        let status = refused.status(&resource, Timestamp::UNIX_EPOCH);
        assert_eq!(status.config_keys, ["retention.ms", "segment.ms"]);
        let good = Outcome::good(there).status(&resource, Timestamp::UNIX_EPOCH);
        assert_eq!(good.config_keys, ["segment.ms"]);
        let unseen = Outcome::refused(reason::NO_CONTROLLER, "").status(&resource, Timestamp::UNIX_EPOCH);
        assert_eq!(unseen.config_keys, ["retention.ms", "segment.bytes"], "as it was");
    }
}
