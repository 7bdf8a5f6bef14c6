//! A `Topic` with everything decided that its spec leaves open.

use crate::valid_cluster::ClusterKey;
use controller::topic_name;
use custom_resources::{
    Topic,
    topic::{ADOPT_ANNOTATION, DeletionPolicy},
};
use kube::Resource as _;
use model::TopicId;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use thiserror::Error;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidTopic {
    pub cluster: ClusterKey,
    /// Of the resource, as its name and its UID.
    pub namespace: String,
    pub resource: String,
    pub uid: String,
    pub generation: Option<i64>,
    /// Seconds and UID: the older of two resources of one name has it.
    pub age: (i64, String),
    pub name: String,
    pub partitions: Option<i32>,
    pub replicas: Option<i16>,
    pub configs: BTreeMap<String, String>,
    pub deletion: DeletionPolicy,
    pub adopts: bool,
    pub is_paused: bool,
    /// Keys that this resource has set, as far as was reported.
    pub known_keys: Vec<String>,
    /// The topic that was this resource's when it was last looked at.
    pub known_id: Option<TopicId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidTopic {
    #[error("the object has no {0}: it was not read from an API server")]
    Incomplete(&'static str),
    #[error("topicName: {0}")]
    Name(String),
}

impl ValidTopic {
    pub fn new(topic: &Topic) -> Result<Self, InvalidTopic> {
        let meta = topic.meta();
        let own_name = meta.name.clone().ok_or(InvalidTopic::Incomplete("name"))?;
        let namespace = meta.namespace.clone().ok_or(InvalidTopic::Incomplete("namespace"))?;
        let uid = meta.uid.clone().ok_or(InvalidTopic::Incomplete("uid"))?;
        let spec = &topic.spec;
        let name = spec.topic_name.clone().unwrap_or_else(|| own_name.clone());
        topic_name::validate(&name).map_err(|error| InvalidTopic::Name(error.to_string()))?;
        let cluster = ClusterKey {
            namespace: spec.cluster_ref.namespace.clone().unwrap_or_else(|| namespace.clone()),
            name: spec.cluster_ref.name.clone(),
        };
        let adopts = meta.annotations.as_ref().and_then(|annotations| annotations.get(ADOPT_ANNOTATION));
        let created = meta.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
        let known_id = topic.status.as_ref().and_then(|status| status.topic_id.as_deref());
        Ok(Self {
            cluster,
            namespace,
            resource: own_name,
            generation: meta.generation,
            age: (created, uid.clone()),
            uid,
            name,
            partitions: spec.partitions,
            replicas: spec.replicas,
            configs: spec.config.iter().map(|(key, value)| (key.clone(), value.to_string())).collect(),
            deletion: spec.deletion_policy,
            adopts: adopts.is_some_and(|value| value == "true"),
            is_paused: spec.paused,
            known_keys: topic.status.as_ref().map(|status| status.config_keys.clone()).unwrap_or_default(),
            known_id: known_id.and_then(|id| Uuid::parse_str(id).ok()).map(TopicId),
        })
    }

    /// The id that this resource gives the topic that it makes next: made of its UID and of the topic that it had before.
    /// So a topic whose creation was committed and not reported is known again, and no id is used twice.
    pub fn next_id(&self) -> TopicId {
        let before = self.known_id.map(|id| id.0.to_string()).unwrap_or_default();
        let digest = Sha256::digest(format!("{}/{before}", self.uid));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        TopicId(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    pub fn owns(&self, id: TopicId) -> bool {
        self.known_id == Some(id) || self.next_id() == id
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn resource(spec: &str) -> Topic {
        let mut spec: serde_json::Value = serde_yaml::from_str(spec).unwrap();
        spec["clusterRef"] = serde_json::json!({"name": "events"});
        let metadata = serde_json::json!({"name": "orders", "namespace": "shop", "uid": "u-1", "generation": 1});
        let body =
            serde_json::json!({"apiVersion": "weir.dev/v1alpha1", "kind": "Topic", "metadata": metadata, "spec": spec});
        serde_json::from_value(body).unwrap()
    }

    pub(crate) fn topic(spec: &str) -> ValidTopic {
        ValidTopic::new(&resource(spec)).unwrap()
    }

    #[test]
    fn name_that_kafka_does_not_take_is_refused() {
        let error = ValidTopic::new(&resource("{topicName: 'a b'}")).unwrap_err();
        assert!(error.to_string().starts_with("topicName: "), "{error}");
    }

    #[test]
    fn ids_follow_from_the_resource_and_what_it_had() {
        let first = topic("{}");
        assert_eq!(first.next_id(), topic("{}").next_id());
        assert!(first.owns(first.next_id()) && !first.owns(TopicId(Uuid::from_u128(1))));
        let second = ValidTopic { known_id: Some(first.next_id()), ..first.clone() };
        assert!(second.owns(first.next_id()) && second.next_id() != first.next_id());
    }
}
