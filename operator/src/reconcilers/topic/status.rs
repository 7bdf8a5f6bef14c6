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
}

impl Outcome {
    pub(super) fn good(there: Option<Arc<TopicImage>>) -> Self {
        Self { is_ready: true, reason: reason::AS_EXPECTED, message: String::new(), there }
    }

    pub(super) fn refused(reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_ready: false, reason, message: message.into(), there: None }
    }

    pub(super) fn with(self, there: Option<Arc<TopicImage>>) -> Self {
        Self { there, ..self }
    }

    /// What it waits for says nothing when it comes.
    pub(super) fn is_to_be_retried(&self) -> bool {
        [reason::NO_CONTROLLER, reason::CLUSTER_NOT_FOUND, reason::NAMESPACE_NOT_ALLOWED, reason::TOPIC_NAME_CONFLICT]
            .contains(&self.reason)
    }

    /// What was known of the topic stays where it is not seen now.
    pub(super) fn status(&self, resource: &Topic, now: Timestamp) -> TopicStatus {
        let before = resource.status.clone().unwrap_or_default();
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
            topic_id: Some(topic.id.0.to_string()),
            partitions: count(|_| true),
            replicas: i32::try_from(topic.replication_factor()).unwrap_or(i32::MAX),
            offline_partitions: count(|partition| partition.leader.is_none()),
            under_replicated_partitions: count(|partition| partition.isr.len() < partition.replicas.len()),
            ..status
        }
    }
}
