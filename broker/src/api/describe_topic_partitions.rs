//! DescribeTopicPartitions: topics by name, in pages (KIP-966).

use super::{
    RequestContext, error_codes,
    topic_words::{PartitionView, TOPIC_OPERATIONS, model_topic, wire_brokers, wire_topic},
};
use controller::{ClusterImage, TopicImage, topic_name};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
        describe_topic_partitions_response::{
            Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
        },
    },
};
use model::TopicName;
use std::collections::BTreeSet;

pub(crate) async fn handle(
    context: &RequestContext,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let image = context.broker.metadata.current();
    let cursor = request.cursor.as_ref().map(|cursor| (model_topic(&cursor.topic_name), cursor.partition_index));
    let (first, first_partition) = cursor.clone().unwrap_or_else(|| ("".into(), 0));
    let asked: BTreeSet<TopicName> = request.topics.iter().map(|topic| model_topic(&topic.name)).collect();
    let cursor_is_odd = cursor.is_some() && (first_partition < 0 || (!asked.is_empty() && !asked.contains(&first)));
    if cursor_is_odd {
        let refused = request.topics.into_iter().map(|topic| {
            DescribeTopicPartitionsResponseTopic::default()
                .with_name(Some(topic.name))
                .with_error_code(Code::InvalidRequest.code())
        });
        return DescribeTopicPartitionsResponse::default().with_topics(refused.collect());
    }
    let largest = i64::from(context.broker.config.topics.max_request_partition_size_limit);
    let limit = i64::from(request.response_partition_limit).min(largest).max(1);
    let mut page =
        Page { context, image: &image, topics: Vec::new(), room: usize::try_from(limit).unwrap_or(1), next: None };
    let skip = |name: &TopicName| if *name == first { usize::try_from(first_partition).unwrap_or(0) } else { 0 };
    if asked.is_empty() {
        // No topics means all of them, without complaint about one that is gone.
        for topic in image.topics.iter_from(&first) {
            if !page.add(topic, skip(&topic.name)) {
                break;
            }
        }
    } else {
        for name in asked.range(first.clone()..) {
            let more = match image.topic(name) {
                Some(topic) => page.add(topic, skip(name)),
                None => page.add_unknown(name),
            };
            if !more {
                break;
            }
        }
    }
    DescribeTopicPartitionsResponse::default().with_topics(page.topics).with_next_cursor(page.next)
}

struct Page<'a> {
    context: &'a RequestContext,
    image: &'a ClusterImage,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// Partitions that still fit.
    room: usize,
    next: Option<Cursor>,
}

impl Page<'_> {
    /// Adds what fits; false when the page ends here.
    fn add(&mut self, topic: &TopicImage, skip: usize) -> bool {
        if self.room == 0 {
            self.end_at(&topic.name, 0);
            return false;
        }
        let end = topic.partitions.len().min(skip.saturating_add(self.room));
        let shown = topic.indexed_partitions().take(end).skip(skip);
        let partitions: Vec<_> = shown
            .map(|(index, partition)| {
                let view = PartitionView::new(partition, self.image, self.context, true);
                DescribeTopicPartitionsResponsePartition::default()
                    .with_error_code(view.error_code)
                    .with_partition_index(index.0)
                    .with_leader_id(view.leader_id)
                    .with_leader_epoch(partition.leader_epoch.0)
                    .with_replica_nodes(wire_brokers(&partition.replicas))
                    .with_isr_nodes(wire_brokers(&partition.isr))
                    .with_eligible_leader_replicas(Some(wire_brokers(&partition.elr)))
                    // Kafka's last hope for a partition whose ISR is empty. Ours always names who leads next.
                    .with_last_known_elr(Some(Vec::new()))
                    .with_offline_replicas(view.offline_replicas)
            })
            .collect();
        self.room -= partitions.len();
        self.topics.push(
            DescribeTopicPartitionsResponseTopic::default()
                .with_name(Some(wire_topic(&topic.name)))
                .with_topic_id(topic.id.0)
                .with_is_internal(topic.is_internal())
                .with_partitions(partitions)
                .with_topic_authorized_operations(TOPIC_OPERATIONS),
        );
        if end < topic.partitions.len() {
            self.end_at(&topic.name, end);
            return false;
        }
        true
    }

    fn add_unknown(&mut self, name: &TopicName) -> bool {
        let code = match topic_name::validate(name) {
            Ok(()) => Code::UnknownTopicOrPartition.code(),
            Err(error) => error_codes::topic(&error),
        };
        self.topics.push(
            DescribeTopicPartitionsResponseTopic::default()
                .with_error_code(code)
                .with_name(Some(wire_topic(name)))
                .with_is_internal(topic_name::is_internal(name))
                .with_topic_authorized_operations(TOPIC_OPERATIONS),
        );
        true
    }

    fn end_at(&mut self, topic: &TopicName, partition: usize) {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        self.next = Some(Cursor::default().with_topic_name(wire_topic(topic)).with_partition_index(partition));
    }
}
