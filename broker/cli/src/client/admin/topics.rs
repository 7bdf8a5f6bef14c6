//! Topics: make, describe, grow, delete.

use super::Admin;
use crate::client::{
    ClientError, Result, Topics,
    metadata::{Topic, some_broker},
    retry::Backoff,
    wire,
};
use kafka_protocol::messages::{
    BrokerId as WireBrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeTopicPartitionsRequest, ListPartitionReassignmentsRequest,
    create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic},
    create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig},
    delete_topics_request::DeleteTopicState,
    describe_topic_partitions_request::TopicRequest,
    describe_topic_partitions_response::{Cursor, DescribeTopicPartitionsResponsePartition},
};
use model::{BrokerId, PartitionIndex, TopicId, TopicName, TopicPartition};
use std::{collections::BTreeMap, time::Duration};

/// Partitions per answer when topics are described; as Kafka's own tool asks.
const DESCRIBED_PARTITIONS: i32 = 2000;

/// How long brokers may take to learn of a new topic before a command goes on without them.
const NEWS_TRAVEL: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Default)]
pub(crate) struct NewTopic {
    pub(crate) name: String,
    /// The broker's default where `None`.
    pub(crate) partitions: Option<i32>,
    /// The broker's default where `None`.
    pub(crate) replication_factor: Option<i16>,
    /// Brokers of each partition; with it the two counts stay unset.
    pub(crate) assignment: Vec<Vec<BrokerId>>,
    pub(crate) configs: BTreeMap<String, String>,
}

/// What came of a topic that was made.
#[derive(Debug, Clone)]
pub(crate) struct CreatedTopic {
    pub(crate) id: TopicId,
    pub(crate) partitions: i32,
    pub(crate) replication_factor: i16,
}

#[derive(Debug, Clone)]
pub(crate) struct TopicDescription {
    pub(crate) name: TopicName,
    pub(crate) id: TopicId,
    pub(crate) is_internal: bool,
    /// Sorted by index.
    pub(crate) partitions: Vec<PartitionDescription>,
}

#[derive(Debug, Clone)]
pub(crate) struct PartitionDescription {
    pub(crate) index: PartitionIndex,
    pub(crate) leader: Option<BrokerId>,
    pub(crate) leader_epoch: i32,
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) isr: Vec<BrokerId>,
    /// Eligible leaders outside the ISR (KIP-966); `None` from brokers that do not say.
    pub(crate) elr: Option<Vec<BrokerId>>,
    pub(crate) last_known_elr: Option<Vec<BrokerId>>,
}

/// Replicas of a partition while they move.
#[derive(Debug, Clone)]
pub(crate) struct Reassignment {
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) adding: Vec<BrokerId>,
    pub(crate) removing: Vec<BrokerId>,
}

impl Admin {
    pub(crate) async fn create_topic(&self, topic: &NewTopic, validate_only: bool) -> Result<CreatedTopic> {
        let assignments = (0..).zip(&topic.assignment).map(|(index, brokers)| {
            CreatableReplicaAssignment::default().with_partition_index(index).with_broker_ids(to_wire(brokers))
        });
        let configs = topic.configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default().with_name(wire::text(name)).with_value(Some(wire::text(value)))
        });
        let creatable = CreatableTopic::default()
            .with_name(wire::text(&topic.name).into())
            .with_num_partitions(topic.partitions.unwrap_or(-1))
            .with_replication_factor(topic.replication_factor.unwrap_or(-1))
            .with_assignments(assignments.collect())
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default()
            .with_topics(vec![creatable])
            .with_timeout_ms(self.timeout_ms())
            .with_validate_only(validate_only);
        let refusal =
            |code, message: Option<&str>| ClientError::from_code(code, message, format!("topic {}", topic.name));
        let answer = self
            .cluster
            .call_controller(&request, |answer| {
                answer.topics.first().and_then(|result| refusal(result.error_code, result.error_message.as_deref()))
            })
            .await?;
        let result = answer.topics.first().ok_or_else(|| missing("CreateTopics"))?;
        if let Some(error) = refusal(result.error_code, result.error_message.as_deref()) {
            return Err(error);
        }
        if !validate_only {
            self.await_topic(&TopicName::from(topic.name.as_str())).await;
        }
        Ok(CreatedTopic {
            id: TopicId(result.topic_id),
            partitions: result.num_partitions,
            replication_factor: result.replication_factor,
        })
    }

    /// Brokers learn of a topic a moment after the controller has made it: the next command should find it.
    async fn await_topic(&self, name: &TopicName) {
        let mut backoff = Backoff::lasting(NEWS_TRAVEL);
        loop {
            let known = match self.cluster.metadata(Topics::Named(std::slice::from_ref(name)), false).await {
                Ok(metadata) => metadata.topic(name).map(|_| ()),
                Err(error) => Err(error),
            };
            match known {
                Err(error) if backoff.wait(&error).await => {}
                _ => return,
            }
        }
    }

    /// Deletes topics; one outcome for each, in the order asked.
    pub(crate) async fn delete_topics(&self, names: &[TopicName]) -> Result<Vec<(TopicName, Result<()>)>> {
        let topics = names.iter().map(|name| DeleteTopicState::default().with_name(Some(wire::topic(name)))).collect();
        let request = DeleteTopicsRequest::default().with_topics(topics).with_timeout_ms(self.timeout_ms());
        let answer = self
            .cluster
            .call_controller(&request, |answer| {
                answer.responses.first().and_then(|result| ClientError::from_code(result.error_code, None, ""))
            })
            .await?;
        let mut outcomes = Vec::with_capacity(names.len());
        for name in names {
            let result = answer
                .responses
                .iter()
                .find(|result| result.name.as_ref().is_some_and(|n| n.as_str() == name.as_str()));
            let result = result.ok_or_else(|| missing("DeleteTopics"))?;
            let outcome =
                ClientError::check(result.error_code, result.error_message.as_deref(), format!("topic {name}"));
            outcomes.push((name.clone(), outcome));
        }
        Ok(outcomes)
    }

    /// Raises the number of partitions to `count`. `assignment`: brokers of the new partitions, or empty.
    pub(crate) async fn create_partitions(
        &self,
        topic: &TopicName,
        count: i32,
        assignment: &[Vec<BrokerId>],
    ) -> Result<()> {
        let assignments = (!assignment.is_empty()).then(|| {
            assignment
                .iter()
                .map(|brokers| CreatePartitionsAssignment::default().with_broker_ids(to_wire(brokers)))
                .collect()
        });
        let grown = CreatePartitionsTopic::default()
            .with_name(wire::topic(topic))
            .with_count(count)
            .with_assignments(assignments);
        let request = CreatePartitionsRequest::default().with_topics(vec![grown]).with_timeout_ms(self.timeout_ms());
        let answer = self
            .cluster
            .call_controller(&request, |answer| {
                answer.results.first().and_then(|result| ClientError::from_code(result.error_code, None, ""))
            })
            .await?;
        let result = answer.results.first().ok_or_else(|| missing("CreatePartitions"))?;
        ClientError::check(result.error_code, result.error_message.as_deref(), format!("topic {topic}"))
    }

    /// Names of all topics, sorted.
    pub(crate) async fn topics(&self) -> Result<BTreeMap<TopicName, Topic>> {
        Ok(self.cluster.metadata(Topics::All, false).await?.topics)
    }

    /// Describes topics, sorted by name. The first topic that cannot be described is the error.
    pub(crate) async fn describe_topics(&self, names: &[TopicName]) -> Result<Vec<TopicDescription>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let connection = self.cluster.any().await?;
        if connection.offers(kafka_protocol::messages::ApiKey::DescribeTopicPartitions) {
            self.describe_topics_in_pages(names).await
        } else {
            self.describe_topics_by_metadata(names).await
        }
    }

    async fn describe_topics_in_pages(&self, names: &[TopicName]) -> Result<Vec<TopicDescription>> {
        let mut described = BTreeMap::<TopicName, TopicDescription>::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            // The broker goes through topics by name; after a cursor only those not yet complete are asked for.
            let left =
                names.iter().filter(|name| cursor.as_ref().is_none_or(|c| name.as_str() >= c.topic_name.as_str()));
            let request = DescribeTopicPartitionsRequest::default()
                .with_topics(left.map(|name| TopicRequest::default().with_name(wire::topic(name))).collect())
                .with_response_partition_limit(DESCRIBED_PARTITIONS)
                .with_cursor(cursor.take().map(|cursor| {
                    kafka_protocol::messages::describe_topic_partitions_request::Cursor::default()
                        .with_topic_name(cursor.topic_name)
                        .with_partition_index(cursor.partition_index)
                }));
            let answer = self.cluster.call_any(&request).await?;
            for topic in answer.topics {
                let name = TopicName::from(topic.name.as_deref().map_or("", |name| name.as_str()));
                ClientError::check(topic.error_code, None, format!("topic {name}"))?;
                let entry = described.entry(name.clone()).or_insert_with(|| TopicDescription {
                    name,
                    id: TopicId(topic.topic_id),
                    is_internal: topic.is_internal,
                    partitions: Vec::new(),
                });
                entry.partitions.extend(topic.partitions.into_iter().map(partition_from_page));
            }
            cursor = answer.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let mut described: Vec<_> = described.into_values().collect();
        described.iter_mut().for_each(|topic| topic.partitions.sort_by_key(|partition| partition.index));
        Ok(described)
    }

    async fn describe_topics_by_metadata(&self, names: &[TopicName]) -> Result<Vec<TopicDescription>> {
        let metadata = self.cluster.metadata(Topics::Named(names), false).await?;
        names
            .iter()
            .map(|name| {
                let topic = metadata.topic(name)?;
                let partitions = topic.partitions.iter().map(|partition| PartitionDescription {
                    index: partition.index,
                    leader: partition.leader,
                    leader_epoch: partition.leader_epoch,
                    replicas: partition.replicas.clone(),
                    isr: partition.isr.clone(),
                    elr: None,
                    last_known_elr: None,
                });
                Ok(TopicDescription {
                    name: name.clone(),
                    id: topic.id,
                    is_internal: topic.is_internal,
                    partitions: partitions.collect(),
                })
            })
            .collect()
    }

    /// All partitions whose replicas move. Empty where the broker has no such API.
    pub(crate) async fn reassignments(&self) -> Result<BTreeMap<TopicPartition, Reassignment>> {
        let request = ListPartitionReassignmentsRequest::default().with_topics(None).with_timeout_ms(self.timeout_ms());
        let answer =
            self.cluster.call_controller(&request, |answer| ClientError::from_code(answer.error_code, None, "")).await;
        let answer = match answer {
            Err(ClientError::Unsupported { .. }) => return Ok(BTreeMap::new()),
            answer => answer?,
        };
        ClientError::check(answer.error_code, answer.error_message.as_deref(), "reassignments")?;
        let moving = answer.topics.into_iter().flat_map(|topic| {
            let name = TopicName::from(topic.name.as_str());
            topic.partitions.into_iter().map(move |partition| {
                let moved = Reassignment {
                    replicas: from_wire(partition.replicas),
                    adding: from_wire(partition.adding_replicas),
                    removing: from_wire(partition.removing_replicas),
                };
                (TopicPartition::new(name.clone(), partition.partition_index), moved)
            })
        });
        Ok(moving.collect())
    }
}

fn partition_from_page(partition: DescribeTopicPartitionsResponsePartition) -> PartitionDescription {
    PartitionDescription {
        index: PartitionIndex(partition.partition_index),
        leader: some_broker(partition.leader_id.0),
        leader_epoch: partition.leader_epoch,
        replicas: from_wire(partition.replica_nodes),
        isr: from_wire(partition.isr_nodes),
        // Kafka's client shows a null list as an empty one here; "not known" is for brokers without this API.
        elr: Some(partition.eligible_leader_replicas.map(from_wire).unwrap_or_default()),
        last_known_elr: Some(partition.last_known_elr.map(from_wire).unwrap_or_default()),
    }
}

fn from_wire(ids: Vec<WireBrokerId>) -> Vec<BrokerId> {
    ids.into_iter().map(|id| BrokerId(id.0)).collect()
}

fn to_wire(ids: &[BrokerId]) -> Vec<WireBrokerId> {
    ids.iter().map(|id| WireBrokerId(id.0)).collect()
}

fn missing(what: &str) -> ClientError {
    ClientError::Invalid(format!("the broker's answer to {what} does not mention what was asked"))
}
