//! What is reported of a topic.

use super::{plan::has_configs, valid_topic::ValidTopic};
use controller::{ClusterImage, PartitionImage, TopicImage};
use custom_resources::{
    Topic, TopicStatus,
    conditions::{Finding, conditions},
    topic::{MOST_UNHEALTHY, UnhealthyPartition, condition, reason},
};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use std::{sync::Arc, time::Duration};

/// What came of a reconciliation.
#[derive(Debug, Clone)]
pub struct Outcome {
    is_ready: bool,
    reason: &'static str,
    message: String,
    there: Option<There>,
    did: Did,
    /// Until the topic is made all the same.
    wait: Option<Duration>,
}

/// The topic, where it is the resource's.
#[derive(Debug, Clone)]
pub struct There {
    image: Arc<ClusterImage>,
    topic: Arc<TopicImage>,
}

/// What a reconciliation did that no later one can see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Did {
    /// The topic was deleted, and was brought back.
    pub restored: bool,
    /// Its configuration was changed.
    pub configured: bool,
}

impl There {
    pub fn in_image(image: &Arc<ClusterImage>, topic: &ValidTopic) -> Option<Self> {
        let there = image.topic(&topic.name).filter(|there| topic.owns(there.id) || topic.adopts)?;
        Some(Self { image: Arc::clone(image), topic: Arc::clone(there) })
    }

    fn count(&self, matches: impl Fn(&&PartitionImage) -> bool) -> i32 {
        i32::try_from(self.topic.partitions.iter().filter(matches).count()).unwrap_or(i32::MAX)
    }

    fn is_below_minimum(&self, partition: &PartitionImage) -> bool {
        self.image.is_under_min_isr(&self.topic, partition)
    }

    fn unhealthy(&self) -> Vec<UnhealthyPartition> {
        let numbered = (0..).zip(&self.topic.partitions);
        let unhealthy = numbered.filter(|(_, known)| known.leader.is_none() || self.is_below_minimum(known));
        let shown = unhealthy.map(|(partition, known)| UnhealthyPartition {
            partition,
            leader: known.leader.map(|leader| leader.0),
            isr: known.isr.iter().map(|broker| broker.0).collect(),
        });
        shown.take(MOST_UNHEALTHY).collect()
    }
}

impl Outcome {
    pub fn good(there: Option<There>) -> Self {
        Self {
            is_ready: true,
            reason: reason::AS_EXPECTED,
            message: String::new(),
            there,
            did: Did::default(),
            wait: None,
        }
    }

    pub fn refused(reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_ready: false, reason, message: message.into(), there: None, did: Did::default(), wait: None }
    }

    pub fn with(self, there: Option<There>) -> Self {
        Self { there, ..self }
    }

    /// Brokers that are about to serve are to have their share of a topic that is made. Reported nowhere: the wait is short.
    pub fn awaiting_brokers(wait: Duration) -> Self {
        let refused = Self::refused(reason::NOT_ENOUGH_BROKERS, "brokers that are about to serve are waited for");
        Self { wait: Some(wait), ..refused }
    }

    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    pub fn having_done(self, did: Did) -> Self {
        Self { did, ..self }
    }

    pub fn did(&self) -> Did {
        self.did
    }

    /// What it waits for says nothing when it comes.
    pub fn is_to_be_retried(&self) -> bool {
        self.is_absence() || [reason::NAMESPACE_NOT_ALLOWED, reason::TOPIC_NAME_CONFLICT].contains(&self.reason)
    }

    /// Nobody here knows of the topic.
    pub fn is_absence(&self) -> bool {
        [reason::NO_CONTROLLER, reason::CLUSTER_NOT_FOUND].contains(&self.reason)
    }

    /// What was known of the topic stays where it is not seen now.
    pub fn status(&self, resource: &Topic, now: Timestamp) -> TopicStatus {
        let before = resource.status.clone().unwrap_or_default();
        let before_keys = before.config_keys.clone();
        let generation = resource.metadata.generation;
        let mut conditions = conditions(&before.conditions, self.findings(resource), generation, now);
        if self.there.is_none() {
            let of_topic = [condition::FULLY_REPLICATED, condition::CONFIG_APPLIED];
            conditions.extend(before.conditions.iter().filter(|known| of_topic.contains(&&*known.type_)).cloned());
        }
        let name = resource.spec.topic_name.clone().unwrap_or_else(|| resource.name_any());
        let status = TopicStatus { observed_generation: generation, conditions, topic_name: Some(name), ..before };
        let Some(there) = &self.there else { return status };
        TopicStatus {
            config_keys: self.config_keys(resource, &before_keys, &there.topic),
            topic_id: Some(there.topic.id.0.to_string()),
            partitions: there.count(|_| true),
            replicas: i32::try_from(there.topic.replication_factor()).unwrap_or(i32::MAX),
            offline_partitions: there.count(|partition| partition.leader.is_none()),
            under_replicated_partitions: there.count(is_under_replicated),
            under_min_isr_partitions: there.count(|partition| there.is_below_minimum(partition)),
            unhealthy_partitions: there.unhealthy(),
            ..status
        }
    }

    /// Of a topic that is not seen only whether it is ready, and why not.
    fn findings(&self, resource: &Topic) -> Vec<Finding> {
        let mut findings = vec![Finding::new(condition::READY, self.is_ready, self.reason, self.message.clone())];
        if self.reason == reason::TOPIC_NAME_CONFLICT {
            findings.push(Finding::new(condition::CONFLICT, true, self.reason, self.message.clone()));
        }
        let Some(there) = &self.there else { return findings };
        let told = |type_, is_so: bool, otherwise, message: String| match is_so {
            true => Finding::new(type_, true, reason::AS_EXPECTED, ""),
            false => Finding::new(type_, false, otherwise, message),
        };
        let lacking = there.count(is_under_replicated);
        let message = format!("{lacking} partitions with a replica that is not in sync");
        findings.push(told(condition::FULLY_REPLICATED, lacking == 0, reason::REPLICAS_OUT_OF_SYNC, message));
        if let Ok(valid) = ValidTopic::new(resource) {
            let has_all = has_configs(&valid, &there.topic);
            findings.push(told(condition::CONFIG_APPLIED, has_all, reason::CONFIG_DIFFERS, self.message.clone()));
        }
        findings
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

fn is_under_replicated(partition: &&PartitionImage) -> bool {
    partition.isr.len() < partition.replicas.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcilers::{cluster::testing::image, topic::valid_topic::tests::resource};

    fn there(image: &ClusterImage) -> Option<There> {
        Some(There { image: Arc::new(image.clone()), topic: Arc::clone(image.topic("topic-0").unwrap()) })
    }

    fn truth(status: &TopicStatus, type_: &str) -> Option<(String, String)> {
        let found = status.conditions.iter().find(|known| known.type_ == type_)?;
        Some((found.status.clone(), found.reason.clone()))
    }

    fn said(truth: &str, reason: &str) -> Option<(String, String)> {
        Some((truth.to_owned(), reason.to_owned()))
    }

    #[test]
    fn partitions_that_cannot_be_written_to_are_shown() {
        let mut image =
            image(3, &[], &[&[(&[0, 1, 2], &[0, 1, 2]), (&[1, 2, 0], &[1, 2]), (&[2, 0, 1], &[2]), (&[0, 1, 2], &[])]]);
        image.default_min_insync_replicas = 2;
        let status = Outcome::good(there(&image)).status(&resource("{}"), Timestamp::UNIX_EPOCH);
        let counts = (status.offline_partitions, status.under_min_isr_partitions, status.under_replicated_partitions);
        assert_eq!(counts, (1, 2, 3));
        let shown = |partition, leader, isr: &[i32]| UnhealthyPartition { partition, leader, isr: isr.to_vec() };
        assert_eq!(status.unhealthy_partitions, [shown(2, Some(2), &[2]), shown(3, None, &[])]);
        assert_eq!(truth(&status, condition::FULLY_REPLICATED), said("False", reason::REPLICAS_OUT_OF_SYNC));
    }

    #[test]
    fn what_was_known_stays_while_the_topic_is_not_seen() {
        let image = image(1, &[], &[&[(&[0], &[0])]]);
        let seen = Outcome::good(there(&image)).status(&resource("{}"), Timestamp::UNIX_EPOCH);
        let before = Topic { status: Some(seen.clone()), ..resource("{}") };
        let unseen = Outcome::refused(reason::NO_CONTROLLER, "").status(&before, Timestamp::now());
        assert_eq!(truth(&unseen, condition::READY), said("False", reason::NO_CONTROLLER));
        for type_ in [condition::FULLY_REPLICATED, condition::CONFIG_APPLIED] {
            let of = |status: &TopicStatus| status.conditions.iter().find(|known| known.type_ == type_).cloned();
            assert_eq!(of(&unseen), of(&seen));
        }
        assert_eq!(unseen.partitions, 1);
    }

    #[test]
    fn at_most_so_many_are_shown() {
        let offline: Vec<(&[i32], &[i32])> = vec![(&[0], &[]); MOST_UNHEALTHY + 5];
        let image = image(1, &[], &[&offline]);
        let status = Outcome::good(there(&image)).status(&resource("{}"), Timestamp::UNIX_EPOCH);
        assert_eq!(status.unhealthy_partitions.len(), MOST_UNHEALTHY);
    }

    #[test]
    fn configuration_is_applied_once_the_topic_has_it() {
        let mut image = image(1, &[], &[&[(&[0], &[0])]]);
        let wants = resource("{config: {retention.ms: 1}}");
        let without = Outcome::refused(reason::INVALID_CONFIG, "no").with(there(&image));
        let status = without.status(&wants, Timestamp::UNIX_EPOCH);
        assert_eq!(truth(&status, condition::CONFIG_APPLIED), said("False", reason::CONFIG_DIFFERS));
        let mut topic = TopicImage::clone(image.topic("topic-0").unwrap());
        topic.configs.insert("retention.ms".to_owned(), "1".to_owned());
        image.topics = Arc::new(vec![Arc::new(topic)].into());
        let status = Outcome::good(there(&image)).status(&wants, Timestamp::UNIX_EPOCH);
        assert_eq!(truth(&status, condition::CONFIG_APPLIED), said("True", reason::AS_EXPECTED));
        assert_eq!(truth(&status, condition::FULLY_REPLICATED), said("True", reason::AS_EXPECTED));
    }

    #[test]
    fn conflict_is_a_condition_while_there_is_one() {
        let conflict = Outcome::refused(reason::TOPIC_NAME_CONFLICT, "an older one")
            .status(&resource("{}"), Timestamp::UNIX_EPOCH);
        assert_eq!(truth(&conflict, condition::CONFLICT), said("True", reason::TOPIC_NAME_CONFLICT));
        let image = image(1, &[], &[&[(&[0], &[0])]]);
        let over = Topic { status: Some(conflict), ..resource("{}") };
        let status = Outcome::good(there(&image)).status(&over, Timestamp::UNIX_EPOCH);
        assert_eq!(truth(&status, condition::CONFLICT), None);
    }

    #[test]
    fn key_that_was_taken_out_is_remembered_until_it_is_reset() {
        let mut image = image(1, &[], &[&[(&[0], &[0])]]);
        let mut topic = TopicImage::clone(image.topic("topic-0").unwrap());
        topic.configs.insert("retention.ms".to_owned(), "1".to_owned());
        image.topics = Arc::new(vec![Arc::new(topic)].into());
        let mut resource = resource("{config: {segment.ms: 5}}");
        let keys = ["retention.ms", "segment.bytes"].map(str::to_owned);
        resource.status = Some(TopicStatus { config_keys: keys.into(), ..TopicStatus::default() });
        let there = there(&image);
        let refused = Outcome::refused(reason::INVALID_CONFIG, "no").with(there.clone());
        let status = refused.status(&resource, Timestamp::UNIX_EPOCH);
        assert_eq!(status.config_keys, ["retention.ms", "segment.ms"]);
        let good = Outcome::good(there).status(&resource, Timestamp::UNIX_EPOCH);
        assert_eq!(good.config_keys, ["segment.ms"]);
        let unseen = Outcome::refused(reason::NO_CONTROLLER, "").status(&resource, Timestamp::UNIX_EPOCH);
        assert_eq!(unseen.config_keys, ["retention.ms", "segment.bytes"], "as it was");
    }
}
